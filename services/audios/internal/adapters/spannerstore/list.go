package spannerstore

import (
	"context"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/list/spannerlist"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// stored are the fields that the indexes of orders have beside their own. They
// do not have the time of the last update, because each change of a session would
// then write to all of them.
var stored = []string{"account_id", "selected_tick", "step_count"}

// audios is the table as lists read it.
var audios = spannerlist.Table[domain.Audio]{
	Schema: list.Schema{
		ID:   "session_id",
		Rows: list.Index{Name: "_BASE_TABLE", OneWay: true},
		Indexes: []list.Index{
			{Name: "AudiosByAccount", Columns: []string{"account_id"}, Stored: []string{"selected_tick", "step_count"}, OneWay: true},
			{Name: "AudiosBySelectedTickAndStepCount", Columns: []string{"selected_tick", "step_count"}, OneWay: true},
			{Name: "AudiosBySelectedTick", Columns: []string{"selected_tick"}, OneWay: true},
			{Name: "AudiosByStepCount", Columns: []string{"step_count"}, OneWay: true},
			{Name: "AudiosBySessionIdDesc", Stored: stored, OneWay: true, Desc: true},
			{Name: "AudiosByOwner", Columns: []string{"owner"}, OneWay: true},
			{Name: "AudiosByOwnerDesc", Columns: []string{"owner"}, OneWay: true, Desc: true},
			{Name: "AudiosByOwnerAndCreatedAt", Columns: []string{"owner", list.ByCreated}, OneWay: true},
			{Name: "AudiosByOwnerAndCreatedAtDesc", Columns: []string{"owner", list.ByCreated}, OneWay: true, Desc: true},
			{Name: "AudiosByOwnerAndUpdatedAt", Columns: []string{"owner", list.ByUpdated}, OneWay: true},
			{Name: "AudiosByOwnerAndUpdatedAtDesc", Columns: []string{"owner", list.ByUpdated}, OneWay: true, Desc: true},
			{Name: "AudiosByCreatedAt", Columns: []string{list.ByCreated}, Stored: stored, OneWay: true},
			{Name: "AudiosByCreatedAtDesc", Columns: []string{list.ByCreated}, Stored: stored, OneWay: true, Desc: true},
			{Name: "AudiosByUpdatedAt", Columns: []string{list.ByUpdated}, Stored: stored, OneWay: true},
			{Name: "AudiosByUpdatedAtDesc", Columns: []string{list.ByUpdated}, Stored: stored, OneWay: true, Desc: true},
		},
	},
	Name: "Audios", Columns: columns, Scan: scan,
}

// List implements app.Store.
func (s *Store) List(ctx context.Context, q app.Query) (app.Page, error) {
	page, err := audios.List(ctx, s.db, q.Filters(), q.Options)
	return page, translate(err)
}

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

// steps are all values of step_count.
var steps = func() (steps []any) {
	for step := range int64(domain.MaxStepCount + 1) {
		steps = append(steps, step)
	}
	return steps
}()

// audios is the table as lists read it.
var audios = spannerlist.Table[domain.Audio]{
	Schema: list.Schema{
		ID:   "session_id",
		Rows: list.Index{Name: "_BASE_TABLE", Rows: true, OneWay: true},
		Indexes: []list.Index{
			{Name: "AudiosOfAccount", Columns: []string{"account_id"}, Stored: []string{"selected_tick", "step_count"}, Sparse: true, OneWay: true},
			{Name: "AudiosOfStep", Columns: []string{"step_count", "selected_tick"}, First: steps, Sharded: true, OneWay: true},
			{Name: "AudiosDesc", Stored: stored, Sharded: true, OneWay: true, Desc: true},
			{Name: "AudiosOfOwner", Columns: []string{"owner"}, Sparse: true, Sharded: true, OneWay: true},
			{Name: "AudiosOfOwnerDesc", Columns: []string{"owner"}, Sparse: true, Sharded: true, OneWay: true, Desc: true},
			{Name: "AudiosOfOwnerByCreatedAt", Columns: []string{"owner", list.ByCreated}, Sparse: true, Sharded: true, OneWay: true},
			{Name: "AudiosOfOwnerByCreatedAtDesc", Columns: []string{"owner", list.ByCreated}, Sparse: true, Sharded: true, OneWay: true, Desc: true},
			{Name: "AudiosOfOwnerByUpdatedAt", Columns: []string{"owner", list.ByUpdated}, Sparse: true, Sharded: true, OneWay: true},
			{Name: "AudiosOfOwnerByUpdatedAtDesc", Columns: []string{"owner", list.ByUpdated}, Sparse: true, Sharded: true, OneWay: true, Desc: true},
			{Name: "AudiosCreatedAt", Columns: []string{list.ByCreated}, Stored: stored, Sharded: true, OneWay: true},
			{Name: "AudiosCreatedAtDesc", Columns: []string{list.ByCreated}, Stored: stored, Sharded: true, OneWay: true, Desc: true},
			{Name: "AudiosUpdatedAt", Columns: []string{list.ByUpdated}, Stored: stored, Sharded: true, OneWay: true},
			{Name: "AudiosUpdatedAtDesc", Columns: []string{list.ByUpdated}, Stored: stored, Sharded: true, OneWay: true, Desc: true},
		},
	},
	Name: "Audios", Shard: "Spread", Columns: columns, Scan: scan,
}

// List implements app.Store.
func (s *Store) List(ctx context.Context, q app.Query) (app.Page, error) {
	page, err := audios.List(ctx, s.db, q.Filters(), q.Options)
	return page, translate(err)
}

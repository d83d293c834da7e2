package sqlitestore

import (
	"context"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/list/sqlitelist"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// audios is the table as lists read it. The fields are in migration 004.
var audios = sqlitelist.Table[domain.Audio]{
	Schema: list.Schema{
		ID: "session_id",
		Indexes: []list.Index{
			{Name: "audios_by_account", Columns: []string{"account_id"}, Stored: []string{"selected_tick", "step_count", "updated_at"}},
			{Name: "audios_by_selected_tick_and_step_count", Columns: []string{"selected_tick", "step_count"}},
			{Name: "audios_by_selected_tick", Columns: []string{"selected_tick"}},
			{Name: "audios_by_step_count", Columns: []string{"step_count"}},
			{Name: "audios_by_session_id", Stored: []string{"account_id", "selected_tick", "step_count", "updated_at"}},
			{Name: "audios_by_owner", Columns: []string{"owner"}},
			{Name: "audios_by_owner_and_created_at", Columns: []string{"owner", list.ByCreated}},
			{Name: "audios_by_owner_and_updated_at", Columns: []string{"owner", list.ByUpdated}},
			{Name: "audios_by_created_at", Columns: []string{list.ByCreated}, Stored: []string{"account_id", "selected_tick", "step_count", "updated_at"}},
			{Name: "audios_by_updated_at", Columns: []string{list.ByUpdated}, Stored: []string{"account_id", "selected_tick", "step_count"}},
		},
	},
	Name: "audios", Columns: columns, Scan: scan,
}

// List implements app.Store.
func (s *Store) List(ctx context.Context, q app.Query) (app.Page, error) {
	page, err := audios.List(ctx, s.db, s.log, q.Filters(), q.Options)
	return page, translate(err)
}

package sqlitestore

import (
	"context"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/list/sqlitelist"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// accounts is the table as lists read it. The fields are in migration 004. There
// is no index by id, because ids are random: each new account would change
// another page of it. Its only use would be lists by id with updated_since.
var accounts = sqlitelist.Table[domain.Account]{
	Schema: list.Schema{
		ID: "id",
		Indexes: []list.Index{
			{Name: "sqlite_autoindex_accounts_1", Columns: []string{"email"}, Unique: true},
			{Name: "accounts_by_name", Columns: []string{"name"}, Stored: []string{"address", "updated_at"}},
			{Name: "accounts_by_address", Columns: []string{"address"}, Stored: []string{"name", "updated_at"}},
			{Name: "accounts_by_owner", Columns: []string{"owner"}},
			{Name: "accounts_by_owner_and_created_at", Columns: []string{"owner", list.ByCreated}},
			{Name: "accounts_by_owner_and_updated_at", Columns: []string{"owner", list.ByUpdated}},
			{Name: "accounts_by_created_at", Columns: []string{list.ByCreated}, Stored: []string{"name", "address", "updated_at"}},
			{Name: "accounts_by_updated_at", Columns: []string{list.ByUpdated}, Stored: []string{"name", "address"}},
		},
	},
	Name: "accounts", Columns: columns, Scan: scan,
}

// List implements app.Store.
func (s *Store) List(ctx context.Context, q app.Query) (app.Page, error) {
	page, err := accounts.List(ctx, s.db, s.log, q.Filters(), q.Options)
	return page, translate(err)
}

package spannerstore

import (
	"context"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/list/spannerlist"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// stored are the fields that the indexes of times have beside their own. They do
// not have the time of the last update, because each change of an account would
// then write to all of them.
var stored = []string{"name", "address"}

// accounts is the table as lists read it.
var accounts = spannerlist.Table[domain.Account]{
	Schema: list.Schema{
		ID:   "id",
		Rows: list.Index{Name: "_BASE_TABLE", Rows: true, OneWay: true},
		Indexes: []list.Index{
			{Name: "AccountsByEmail", Columns: []string{"email"}, Unique: true, OneWay: true},
			{Name: "AccountsByName", Columns: []string{"name"}, Stored: []string{"address"}, OneWay: true},
			{Name: "AccountsByAddress", Columns: []string{"address"}, Stored: []string{"name"}, OneWay: true},
			{Name: "AccountsByIdDesc", Stored: stored, OneWay: true, Desc: true},
			{Name: "AccountsOfOwner", Columns: []string{"owner"}, Sparse: true, OneWay: true},
			{Name: "AccountsOfOwnerDesc", Columns: []string{"owner"}, Sparse: true, OneWay: true, Desc: true},
			{Name: "AccountsOfOwnerByCreatedAt", Columns: []string{"owner", list.ByCreated}, Sparse: true, Sharded: true, OneWay: true},
			{Name: "AccountsOfOwnerByCreatedAtDesc", Columns: []string{"owner", list.ByCreated}, Sparse: true, Sharded: true, OneWay: true, Desc: true},
			{Name: "AccountsOfOwnerByUpdatedAt", Columns: []string{"owner", list.ByUpdated}, Sparse: true, Sharded: true, OneWay: true},
			{Name: "AccountsOfOwnerByUpdatedAtDesc", Columns: []string{"owner", list.ByUpdated}, Sparse: true, Sharded: true, OneWay: true, Desc: true},
			{Name: "AccountsByCreatedAt", Columns: []string{list.ByCreated}, Stored: stored, Sharded: true, OneWay: true},
			{Name: "AccountsByCreatedAtDesc", Columns: []string{list.ByCreated}, Stored: stored, Sharded: true, OneWay: true, Desc: true},
			{Name: "AccountsByUpdatedAt", Columns: []string{list.ByUpdated}, Stored: stored, Sharded: true, OneWay: true},
			{Name: "AccountsByUpdatedAtDesc", Columns: []string{list.ByUpdated}, Stored: stored, Sharded: true, OneWay: true, Desc: true},
		},
	},
	Name: "Accounts", Shard: "Shard", Columns: columns, Scan: scan,
}

// List implements app.Store.
func (s *Store) List(ctx context.Context, q app.Query) (app.Page, error) {
	page, err := accounts.List(ctx, s.db, q.Filters(), q.Options)
	return page, translate(err)
}

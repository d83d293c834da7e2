package sqlitestore

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/backend/embedded/embeddedtest"
	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/list/listtest"
	"github.com/concha-labs/backend/pkg/list/sqlitelist/sqlitelisttest"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

func open(t testing.TB) *sqlitedb.DB {
	t.Helper()
	return embeddedtest.Open(t, Migrations()).DB
}

func TestEveryListIsServedByAnIndex(t *testing.T) {
	t.Parallel()
	sqlitelisttest.Run(t, open(t), accounts, listtest.Queries[app.Query](t, "x", domain.Email("x@y"), []int64{1, 2}))
}

// BenchmarkPages reports as last/first the cost of the last page of 100,000
// accounts relative to that of the first, for every order.
func BenchmarkPages(b *testing.B) {
	db := open(b)
	fill(b, db, 100_000)
	lists := map[string]app.Query{}
	for _, order := range listtest.Orders {
		lists[fmt.Sprint(order)] = app.Query{Options: list.Options{Order: order}}
	}
	sqlitelisttest.Benchmark(b, New(db, sqlitelog.New(db, time.Now), nil).List, lists)
}

func fill(b *testing.B, db *sqlitedb.DB, rows int) {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	if err := db.Write(b.Context(), func(tx *sqlitedb.Tx) error {
		for i := range rows {
			if _, err := tx.Exec(`INSERT INTO accounts (id, name, email, address, version, created_at, updated_at) VALUES (?, ?, ?, 'Street', 1, ?, ?)`,
				random.Int64N(domain.MaxID), fmt.Sprint("Name ", i), fmt.Sprint(i, "@example.org"), i, random.IntN(rows)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
}

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
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func open(t testing.TB) *sqlitedb.DB {
	t.Helper()
	return embeddedtest.Open(t, Migrations()).DB
}

func TestEveryListIsServedByAnIndex(t *testing.T) {
	t.Parallel()
	sqlitelisttest.Run(t, open(t), audios, listtest.Queries[app.Query](t, app.Range{Min: 3, Max: 3}, app.Range{Min: 3, Max: 4}, []int64{3, 4}))
}

// BenchmarkPages reports as last/first the cost of the last page of 100,000
// audios relative to that of the first, for every order, and for the order of
// ids with filters.
func BenchmarkPages(b *testing.B) {
	db := open(b)
	fill(b, db, 100_000)
	some := &app.Range{Min: 1, Max: 5}
	lists := map[string]app.Query{
		"one step count": {StepCount: &app.Range{Min: 1, Max: 1}}, "step counts": {StepCount: some},
		"ticks": {SelectedTick: some}, "ticks and step counts": {SelectedTick: some, StepCount: some},
	}
	for _, order := range listtest.Orders {
		lists[fmt.Sprint(order)] = app.Query{Options: list.Options{Order: order}}
	}
	sqlitelisttest.Benchmark(b, New(db, sqlitelog.New(db, time.Now), nil).List, lists)
}

func fill(b *testing.B, db *sqlitedb.DB, rows int) {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	ticks := toBlob([domain.TickCount]float64{})
	if err := db.Write(b.Context(), func(tx *sqlitedb.Tx) error {
		for i := range rows {
			if _, err := tx.Exec(`INSERT INTO audios (`+columns+`) VALUES (?, NULL, ?, ?, ?, ?, 1, '', NULL, 1, ?, ?)`,
				i, ticks, random.IntN(domain.TickCount), random.IntN(domain.MaxStepCount+1), fmt.Sprint(i), random.IntN(rows), random.IntN(rows)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
}

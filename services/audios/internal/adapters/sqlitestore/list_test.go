package sqlitestore

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/pkg/sqlitedb/sqlitedbtest"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func open(t testing.TB) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "audios.db"), sqlitelog.Migrations(), Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

var orders = []list.Order{
	{By: list.ByID}, {By: list.ByID, Desc: true}, {By: list.ByCreated}, {By: list.ByCreated, Desc: true}, {By: list.ByUpdated}, {By: list.ByUpdated, Desc: true},
}

// queries yields a list query for every combination of filters and order.
func queries(yield func(app.Query) bool) {
	filters := []*app.Range{nil, {Min: 3, Max: 3}, {Min: 3, Max: 4}}
	for i := range 81 * 8 {
		for _, order := range orders {
			q := app.Query{
				SessionID:    filters[i%3],
				AccountID:    filters[i/3%3],
				SelectedTick: filters[i/9%3],
				StepCount:    filters[i/27%3],
				Options:      list.Options{Order: order, Limit: 10},
			}
			if i/81%2 == 1 {
				q.SessionIDs = []int64{3, 4}
			}
			if i/162%2 == 1 {
				q.UpdatedSince = time.Unix(1, 0)
			}
			if i/324 == 1 {
				q.Owner = "key:a"
			}
			if !yield(q) {
				return
			}
		}
	}
}

// seeks finds the index and the column with which a statement searches. The
// last match counts, because a page in cells fetches the rows by key
// afterwards.
var seeks = regexp.MustCompile(`SEARCH audios USING (?:COVERING )?(?:INDEX \w+|INTEGER PRIMARY KEY) \((\w+)[=<>]`)

// Every statement searches by a condition, which is either a filter or the
// place in the order of the list. In the latter case nothing is sorted.
func TestEveryListIsServedByAnIndex(t *testing.T) {
	db := open(t)
	inOrder := map[string]string{"rowid": list.ByID, "created_at": list.ByCreated, "updated_at": list.ByUpdated}
	for q := range queries {
		filters := map[string]bool{
			"rowid": q.SessionID != nil || q.SessionIDs != nil, "account_id": q.AccountID != nil,
			"selected_tick": q.SelectedTick != nil, "step_count": q.StepCount != nil, "updated_at": !q.UpdatedSince.IsZero(),
			"owner": q.Owner != "",
		}
		query, args := pageStatement(q)
		plan := sqlitedbtest.Explain(t, db, query, args)
		found := seeks.FindAllStringSubmatch(plan, -1)
		if found == nil || strings.Contains(plan, "SCAN audios") {
			t.Errorf("%s is not served by an index:\n%s", query, plan)
			continue
		}
		column := found[len(found)-1][1]
		sorted := strings.Contains(plan, "TEMP B-TREE")
		if !filters[column] && (sorted || inOrder[column] != q.Order.By) {
			t.Errorf("%s is served by %s:\n%s", query, column, plan)
		}
		// Except for a range of accounts or times, every list in the order of
		// ids is read in that order.
		ranges := q.Owner == "" && (!q.UpdatedSince.IsZero() || (q.AccountID != nil && !q.AccountID.IsOne()))
		if sorted && q.Order.By == list.ByID && !ranges {
			t.Errorf("%s is sorted:\n%s", query, plan)
		}
		query, args = countStatement(q)
		if plan := sqlitedbtest.Explain(t, db, query, args); strings.Contains(query, "WHERE") && strings.Contains(plan, "SCAN audios") {
			t.Errorf("%s is not served by an index:\n%s", query, plan)
		}
	}
}

// BenchmarkPages reports as last/first the cost of the last page of 100,000
// audios relative to that of the first, for every order, and for the order of
// ids with filters.
func BenchmarkPages(b *testing.B) {
	const rows, limit = 100_000, 100
	db := open(b)
	store := New(db, sqlitelog.New(db, time.Now), nil)
	fill(b, db, rows)
	some := &app.Range{Min: 1, Max: 5}
	lists := []app.Query{{StepCount: &app.Range{Min: 1, Max: 1}}, {StepCount: some}, {SelectedTick: some}, {SelectedTick: some, StepCount: some}}
	for _, order := range orders {
		lists = append(lists, app.Query{Options: list.Options{Order: order}})
	}
	for _, q := range lists {
		b.Run(fmt.Sprintf("ticks %v, steps %v, %v", q.SelectedTick, q.StepCount, q.Order), func(b *testing.B) {
			q.Limit = limit
			end := q
			end.Order.Desc = !q.Order.Desc
			page, err := store.List(b.Context(), end)
			if err != nil {
				b.Fatal(err)
			}
			end = q
			end.After = new(q.PlaceOf(page.Items[limit-1])) // 99 audios follow
			var first, last time.Duration
			for b.Loop() {
				first += cost(b, store, q, limit)
				last += cost(b, store, end, limit-1)
			}
			b.ReportMetric(float64(last)/float64(first), "last/first")
		})
	}
}

// cost returns the duration of reading a page.
func cost(b *testing.B, store *Store, q app.Query, want int) time.Duration {
	start := time.Now()
	page, err := store.List(b.Context(), q)
	if err != nil || len(page.Items) != want {
		b.Fatalf("a page of %d, %v", len(page.Items), err)
	}
	return time.Since(start)
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

package sqlitestore

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func openEmpty(t *testing.T) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "audios.db"), Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

var orders = []app.Order{
	{By: app.ByID}, {By: app.ByID, Desc: true}, {By: app.ByCreated}, {By: app.ByCreated, Desc: true}, {By: app.ByUpdated}, {By: app.ByUpdated, Desc: true},
}

// queries yields a list of every combination of filters and order.
func queries(yield func(app.Query) bool) {
	filters := []*app.Range{nil, {Min: 3, Max: 3}, {Min: 3, Max: 4}}
	for i := range 81 * 4 {
		for _, order := range orders {
			q := app.Query{
				SessionID: filters[i%3], AccountID: filters[i/3%3], SelectedTick: filters[i/9%3], StepCount: filters[i/27%3],
				Order: order, Limit: 10,
			}
			if i/81%2 == 1 {
				q.SessionIDs = []int64{3, 4}
			}
			if i/162 == 1 {
				q.UpdatedSince = time.Unix(1, 0)
			}
			if !yield(q) {
				return
			}
		}
	}
}

// seeks finds by which index and which column of it a statement finds rows:
// the last, as a page in cells fetches what it has found by its key.
var seeks = regexp.MustCompile(`SEARCH audios USING (?:COVERING )?(?:INDEX \w+|INTEGER PRIMARY KEY) \((\w+)[=<>]`)

// Whatever is read of the table is found by a condition, and that is either a
// filter or the place in the list's own order: then nothing is sorted.
func TestEveryListIsServedByAnIndex(t *testing.T) {
	db := openEmpty(t)
	inOrder := map[string]string{"rowid": app.ByID, "created_at": app.ByCreated, "updated_at": app.ByUpdated}
	for q := range queries {
		filters := map[string]bool{
			"rowid": q.SessionID != nil || q.SessionIDs != nil, "account_id": q.AccountID != nil,
			"selected_tick": q.SelectedTick != nil, "step_count": q.StepCount != nil, "updated_at": !q.UpdatedSince.IsZero(),
		}
		query, args := pageStatement(q)
		plan := explain(t, db, query, args)
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
		// But for a range of accounts or of times, any list is read in the order of ids.
		ranges := !q.UpdatedSince.IsZero() || (q.AccountID != nil && !q.AccountID.IsOne())
		if sorted && q.Order.By == app.ByID && !ranges {
			t.Errorf("%s is sorted:\n%s", query, plan)
		}
		query, args = countStatement(q)
		if plan := explain(t, db, query, args); strings.Contains(query, "WHERE") && strings.Contains(plan, "SCAN audios") {
			t.Errorf("%s is not served by an index:\n%s", query, plan)
		}
	}
}

func explain(t *testing.T, db *sqlitedb.DB, query string, args []any) (plan string) {
	t.Helper()
	rows, err := db.Query(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan += detail + "\n"
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// A page costs the same wherever it is: in every order, and in the order of ids
// of every step and tick, or of some.
func TestLastPageCostsWhatTheFirstDid(t *testing.T) {
	const rows, limit = 100_000, 100
	db := openEmpty(t)
	store := New(db, nil, nil)
	fill(t, db, rows)
	some := &app.Range{Min: 1, Max: 5}
	lists := []app.Query{{StepCount: one(1)}, {StepCount: some}, {SelectedTick: some}, {SelectedTick: some, StepCount: some}}
	for _, order := range orders {
		lists = append(lists, app.Query{Order: order})
	}
	for _, q := range lists {
		q.Limit = limit
		last := q
		last.Order.Desc = !q.Order.Desc
		page, err := store.List(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		last = q
		last.After = new(q.PlaceOf(page.Items[limit-1])) // 99 follow
		first, end := cost(t, store, q, limit), cost(t, store, last, limit-1)
		t.Logf("ticks %v, steps %v, %v: first page %v, last page %v, ratio %.2f", q.SelectedTick, q.StepCount, q.Order, first, end, float64(end)/float64(first))
		if end > 3*first { // 1.0 but for noise; skipping the rows before it would cost hundreds
			t.Errorf("ticks %v, steps %v, %v: the first page takes %v, the last %v", q.SelectedTick, q.StepCount, q.Order, first, end)
		}
	}
}

func one(n int64) *app.Range { return &app.Range{Min: n, Max: n} }

// cost returns the median time of a page.
func cost(t *testing.T, store *Store, q app.Query, want int) time.Duration {
	t.Helper()
	var took []time.Duration
	for range 51 {
		start := time.Now()
		page, err := store.List(t.Context(), q)
		took = append(took, time.Since(start))
		if err != nil || len(page.Items) != want {
			t.Fatalf("a page of %d audios, %v", len(page.Items), err)
		}
	}
	slices.Sort(took)
	return took[len(took)/2]
}

func fill(t *testing.T, db *sqlitedb.DB, rows int) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	ticks := toBlob([domain.TickCount]float64{})
	if err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
		for i := range rows {
			if _, err := tx.Exec(`INSERT INTO audios (`+columns+`) VALUES (?, NULL, ?, ?, ?, ?, 1, '', 1, ?, ?)`,
				i, ticks, random.IntN(domain.TickCount), random.IntN(domain.MaxStepCount+1), fmt.Sprint(i), random.IntN(rows), random.IntN(rows)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

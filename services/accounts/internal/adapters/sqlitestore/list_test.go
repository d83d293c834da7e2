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
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

func open(t testing.TB) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "accounts.db"), sqlitelog.Migrations(), Migrations())
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
	text, email := "x", domain.Email("x@y")
	for mask := range 64 {
		for _, order := range orders {
			q := app.Query{Options: list.Options{Order: order, Limit: 10}}
			if mask&1 != 0 {
				q.Name = &text
			}
			if mask&2 != 0 {
				q.Address = &text
			}
			if mask&4 != 0 {
				q.Email = &email
			}
			if mask&8 != 0 {
				q.IDs = []int64{1, 2}
			}
			if mask&16 != 0 {
				q.UpdatedSince = time.Unix(1, 0)
			}
			if mask&32 != 0 {
				q.Owner = "key:a"
			}
			if !yield(q) {
				return
			}
		}
	}
}

// Every statement searches by a condition, which is either a filter or the
// place in the order of the list. In the latter case nothing is sorted.
func TestEveryListIsServedByAnIndex(t *testing.T) {
	db := open(t)
	search := regexp.MustCompile(`SEARCH accounts USING (INTEGER PRIMARY KEY|INDEX \w+) \((\w+)[=<>]`)
	filters := map[string]func(app.Query) bool{
		"name":       func(q app.Query) bool { return q.Name != nil },
		"address":    func(q app.Query) bool { return q.Address != nil },
		"email":      func(q app.Query) bool { return q.Email != nil },
		"rowid":      func(q app.Query) bool { return len(q.IDs) > 0 },
		"updated_at": func(q app.Query) bool { return !q.UpdatedSince.IsZero() },
		"owner":      func(q app.Query) bool { return q.Owner != "" },
	}
	inOrder := map[string]string{"rowid": list.ByID, "created_at": list.ByCreated, "updated_at": list.ByUpdated}
	for q := range queries {
		query, args := pageStatement(q)
		plan := sqlitedbtest.Explain(t, db, query, args)
		found := search.FindStringSubmatch(plan)
		if found == nil || strings.Contains(plan, "SCAN accounts") {
			t.Errorf("%s is not served by an index:\n%s", query, plan)
			continue
		}
		filter, sorted := filters[found[2]], strings.Contains(plan, "TEMP B-TREE")
		if (filter == nil || !filter(q)) && (sorted || inOrder[found[2]] != q.Order.By) {
			t.Errorf("%s is served by %s:\n%s", query, found[2], plan)
		}
		alone := q.Name == nil && q.Address == nil && q.Email == nil && len(q.IDs) == 0 && (q.Owner != "" || q.UpdatedSince.IsZero() || q.Order.By == list.ByUpdated)
		if sorted && alone {
			t.Errorf("%s is sorted:\n%s", query, plan)
		}
		query, args = countStatement(q)
		if plan := sqlitedbtest.Explain(t, db, query, args); strings.Contains(query, "WHERE") && strings.Contains(plan, "SCAN accounts") {
			t.Errorf("%s is not served by an index:\n%s", query, plan)
		}
	}
}

// BenchmarkPages reports as last/first the cost of the last page of 100,000
// accounts relative to that of the first, for every order.
func BenchmarkPages(b *testing.B) {
	const rows, limit = 100_000, 100
	db := open(b)
	store := New(db, sqlitelog.New(db, time.Now), nil)
	fill(b, db, rows)
	for _, order := range orders {
		b.Run(fmt.Sprint(order), func(b *testing.B) {
			q := app.Query{Options: list.Options{Order: order, Limit: limit}}
			end := q
			end.Order.Desc = !q.Order.Desc
			page, err := store.List(b.Context(), end)
			if err != nil {
				b.Fatal(err)
			}
			end = q
			end.After = new(q.PlaceOf(page.Items[limit-1])) // 99 accounts follow
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

// Package sqlitelisttest checks how lists are read from SQLite.
package sqlitelisttest

import (
	"context"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/list/listtest"
	"github.com/concha-labs/backend/pkg/list/sqlitelist"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/pkg/sqlitedb/sqlitedbtest"
)

// place is the condition of a page that is not the first.
var place = regexp.MustCompile(` (WHERE|AND) \w+ [<>]= \? AND \(\w+ [<>] \? OR \w+ [<>] \?\)$`)

// Run fails the test unless each of queries is read as it is planned:
//   - Every statement seeks in an index. A count may also begin at the start of an
//     index.
//   - Only the page of a range with few entries is sorted.
//   - A walk that may visit list.Visits entries finds all tested fields in the
//     index.
func Run[T resource.Resource, Q listtest.Query](t *testing.T, db *sqlitedb.DB, table sqlitelist.Table[T], queries iter.Seq2[Q, list.Options]) {
	t.Helper()
	known := map[string]bool{}
	for q, o := range queries {
		walk := table.Plan(q.Filters(), o).Walk
		for kind, s := range table.Statements(q.Filters(), o) {
			read := s.SQL
			if kind == "sort" { // the order, and the place in it, come after the read
				read, _, _ = strings.Cut(read, " ORDER BY ")
				read = place.ReplaceAllString(read, "")
			}
			if known[kind+read] {
				continue
			}
			known[kind+read] = true
			plan := sqlitedbtest.Explain(t, db, s.SQL, s.Args)
			counted := kind == "count" && strings.Contains(plan, "SCAN "+table.Name+" USING COVERING INDEX ")
			if strings.Contains(plan, "SCAN "+table.Name) && !counted {
				t.Errorf("a %s does not seek: %s\n%s", kind, s.SQL, plan)
			}
			if kind != "sort" && strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("a %s is sorted: %s\n%s", kind, s.SQL, plan)
			}
			if kind == "walk" && len(walk.Rest) > 0 && walk.Covers(table.ID) && !strings.Contains(plan, "COVERING INDEX "+walk.Name+" ") {
				t.Errorf("a walk reads the rows of %s: %s\n%s", walk.Name, s.SQL, plan)
			}
		}
	}
}

// Benchmark reports as last/first the cost of the last page of each of lists, which
// have names, relative to that of the first. Each list has more than two pages.
func Benchmark[T resource.Resource, Q any, P list.Query[Q]](b *testing.B, read func(context.Context, Q) (list.Page[T], error), lists map[string]Q) {
	const limit = 100
	cost := func(b *testing.B, q Q, want int) time.Duration {
		start := time.Now()
		page, err := read(b.Context(), q)
		if err != nil || len(page.Items) != want {
			b.Fatalf("a page of %d, %v", len(page.Items), err)
		}
		return time.Since(start)
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		b.Run(name, func(b *testing.B) {
			q := lists[name]
			o := P(&q).PageOptions()
			o.Limit = limit
			end := q
			reversed := P(&end).PageOptions()
			reversed.Order.Desc = !o.Order.Desc
			page, err := read(b.Context(), end)
			if err != nil {
				b.Fatal(err)
			}
			reversed.Order = o.Order
			reversed.After = new(resource.PlaceOf(page.Items[limit-1], o.Order)) // 99 resources follow
			var first, last time.Duration
			for b.Loop() {
				first += cost(b, q, limit)
				last += cost(b, end, limit-1)
			}
			b.ReportMetric(float64(last)/float64(first), "last/first")
		})
	}
}

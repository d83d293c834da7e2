// Package sqlitelisttest checks how lists are read from SQLite.
package sqlitelisttest

import (
	"iter"
	"regexp"
	"strings"
	"testing"

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

// Package spannerlisttest checks how lists are read from Spanner.
package spannerlisttest

import (
	"context"
	"iter"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/list/listtest"
	"github.com/concha-labs/backend/pkg/list/spannerlist"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

// every is the share of the statements that Check runs: the emulator is slow.
const every = 7

// Run fails the test unless
//   - the table has the indexes of its Schema, with their columns.
//   - each statement of queries reads an index of the Schema wherever it reads
//     the table, and Spanner accepts it.
//
// The tests of Schema.Plan show that such a statement reads few entries.
func Run[T resource.Resource, Q listtest.Query](t *testing.T, db *spannerdb.DB, table spannerlist.Table[T], queries iter.Seq2[Q, list.Options]) {
	t.Helper()
	has := spannerdbtest.Indexes(t, db, table.Name)
	stored := spannerdbtest.Stored(t, db, table.Name)
	for _, index := range append([]list.Index{table.Rows}, table.Indexes...) {
		columns := table.KeyOf(index)
		if got := has[index.Name]; !slices.Equal(got, columns) && !slices.Equal(append(slices.Clone(got), columns[len(columns)-1]), columns) {
			t.Errorf("%s has the columns %v, want %v", index.Name, got, columns)
		}
		if want := spannerlist.ColumnsOf(index.Stored); index.Name != table.Rows.Name && !slices.Equal(slices.Sorted(slices.Values(want)), stored[index.Name]) {
			t.Errorf("%s stores %v, want %v", index.Name, stored[index.Name], want)
		}
	}
	known := map[string]bool{}
	for q, o := range queries {
		for _, s := range table.Statements(q.Filters(), o) {
			if known[s.SQL] {
				continue
			}
			known[s.SQL] = true
			if strings.Count(s.SQL, "FROM "+table.Name) != strings.Count(s.SQL, "FROM "+table.Name+"@{FORCE_INDEX=") {
				t.Errorf("no index: %s", s.SQL)
			}
			if len(known)%every > 0 {
				continue
			}
			if err := db.Read(t.Context(), func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
				return tx.Query(ctx, s).Do(func(*spanner.Row) error { return nil })
			}); err != nil {
				t.Errorf("%s: %v", s.SQL, err)
			}
		}
	}
}

package sqlitelist_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/list/listtest"
	"github.com/concha-labs/backend/pkg/list/sqlitelist"
	"github.com/concha-labs/backend/pkg/list/sqlitelist/sqlitelisttest"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

type thing struct {
	id, kind, size int64
	resource.Meta
}

func (t thing) Key() int64 { return t.id }

// query selects things. Kinds have an index, sizes do not.
type query struct {
	Kind *string
	Size *int64

	list.Options
}

var kinds = []string{"rare", "usual", "last"}

func (q query) Filters() (filters []list.Filter) {
	if q.Kind != nil {
		filters = append(filters, list.AnyOf("kind", []int64{int64(slices.Index(kinds, *q.Kind))}))
	}
	if q.Size != nil {
		filters = append(filters, list.AnyOf("size", []int64{*q.Size}))
	}
	return filters
}

var things = sqlitelist.Table[thing]{
	Schema: list.Schema{
		ID: "id",
		Indexes: []list.Index{
			{Name: "by_kind", Columns: []string{"kind"}},
			{Name: "by_owner", Columns: []string{"owner"}},
			{Name: "by_created_at", Columns: []string{list.ByCreated}, Stored: []string{"kind", "size", "updated_at", "owner"}},
			{Name: "by_updated_at", Columns: []string{list.ByUpdated}, Stored: []string{"kind", "size", "owner"}},
		},
	},
	Name: "things", Columns: "id, kind, size, created_at, updated_at",
	Scan: func(row interface{ Scan(dest ...any) error }) (t thing, err error) {
		var created, updated int64
		err = row.Scan(&t.id, &t.kind, &t.size, &created, &updated)
		t.CreatedAt, t.UpdatedAt = time.UnixMicro(created).UTC(), time.UnixMicro(updated).UTC()
		return t, err
	},
}

// newThings returns a database with n things, in whose orders by time those of
// the kind "last" are behind all others. Several have the same times.
func newThings(t *testing.T, n int64) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "things.db"), sqlitedb.Migrations{Component: "things", Files: fstest.MapFS{
		"migrations/001_things.sql": {Data: []byte(`CREATE TABLE things (id INTEGER PRIMARY KEY, kind INTEGER, size INTEGER, created_at INTEGER, updated_at INTEGER, owner TEXT) STRICT;`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO things
			WITH RECURSIVE ids (id) AS (SELECT 0 WHERE ?1 > 0 UNION ALL SELECT id + 1 FROM ids WHERE id + 1 < ?1),
				kinds AS (SELECT id, CASE WHEN id % 1000 = 0 THEN 0 WHEN id > ?1 - ?1 / 8 THEN 2 ELSE 1 END AS kind FROM ids)
			SELECT id, kind, id / 7 % 10, 1 + id * 48271 % (?1 * 5 / 6) + (kind = 2) * ?1, 1 + id * 16807 % (?1 * 5 / 6) + (kind = 2) * ?1, NULL FROM kinds`, n); err != nil {
			return err
		}
		for _, index := range []string{ // after the rows, which is faster
			`CREATE INDEX by_kind ON things (kind)`,
			`CREATE INDEX by_owner ON things (owner) WHERE owner IS NOT NULL`,
			`CREATE INDEX by_created_at ON things (created_at, id, kind, size, updated_at, owner)`,
			`CREATE INDEX by_updated_at ON things (updated_at, id, kind, size, owner)`,
		} {
			if _, err := tx.Exec(index); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return db
}

// everything returns all things.
func everything(t *testing.T, db *sqlitedb.DB) (all []thing) {
	t.Helper()
	rows, err := db.Query(t.Context(), "SELECT "+things.Columns+" FROM things")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		one, err := things.Scan(rows)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func queries(t *testing.T) func(func(query, list.Options) bool) {
	return listtest.Queries[query](t, kinds[0], kinds[1], kinds[2], int64(3))
}

func TestEveryListIsServedByAnIndex(t *testing.T) {
	t.Parallel()
	db := newThings(t, 0)
	sqlitelisttest.Run(t, db, things, queries(t))
}

// The pages of every list have what the table has, in its order, even where a
// page ends because it has visited enough.
func TestPages(t *testing.T) {
	t.Parallel()
	db := newThings(t, 12_000)
	all := everything(t, db)
	short := 0
	for q, o := range queries(t) {
		if o.After != nil || o.Owner != "" {
			continue // the later pages of the list without it
		}
		o.Limit = 900
		if !o.UpdatedSince.IsZero() {
			o.UpdatedSince = time.UnixMicro(9_000)
		}
		var got []thing
		want := matching(all, q, o)
		for after := (&list.Place{}); after != nil; o.After = after {
			page, err := things.Page(t.Context(), db, q.Filters(), o)
			if err != nil {
				t.Fatal(err)
			}
			if page.Next != nil && len(page.Items) < o.Limit {
				short++
			}
			got, after = append(got, page.Items...), page.Next
			if total := page.Total; total != nil && (total.Count > int64(len(want)) || (total.Exact && total.Count != int64(len(want)))) {
				t.Fatalf("%v: total %+v of %d", q.Filters(), total, len(want))
			}
			o.Total = false
		}
		if diff := gocmp.Diff(ids(want), ids(got)); diff != "" {
			t.Fatalf("%v by %v since %v (-want +got):\n%s", q.Filters(), o.Order, o.UpdatedSince, diff)
		}
	}
	if short == 0 {
		t.Error("no page ended early")
	}
}

// matching returns the things that match q, in its order.
func matching(all []thing, q query, o list.Options) (found []thing) {
	for _, t := range all {
		if (q.Kind == nil || kinds[t.kind] == *q.Kind) && (q.Size == nil || t.size == *q.Size) && !t.UpdatedAt.Before(o.UpdatedSince) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b thing) int {
		return o.Order.Compare(resource.PlaceOf(a, o.Order), resource.PlaceOf(b, o.Order))
	})
	return found
}

func ids(things []thing) (ids []int64) {
	for _, t := range things {
		ids = append(ids, t.id)
	}
	return ids
}

// A page that finds nothing ends where it has visited enough, and a total is a
// lower bound where there is too much to count.
func TestPageEndsEarly(t *testing.T) {
	t.Parallel()
	db := newThings(t, 120_000)
	var end int64
	if err := db.QueryRow(t.Context(), "SELECT id FROM things ORDER BY created_at, id LIMIT 1 OFFSET ?", list.Visits-1).Scan(&end); err != nil {
		t.Fatal(err)
	}
	last := "last"
	o := list.Options{Order: list.Order{By: list.ByCreated}, Limit: 10, Total: true}
	page, err := things.Page(t.Context(), db, query{Kind: &last}.Filters(), o)
	if err != nil || len(page.Items) > 0 || page.Next == nil || page.Next.ID != end {
		t.Errorf("the first page is %+v, %v, and ends at %v, want none of it and %d", page.Items, err, page.Next, end)
	}
	for name, test := range map[string]struct {
		q    query
		want list.Total
	}{
		"all":  {query{}, list.Total{Count: list.Counted}},
		"kind": {query{Kind: &kinds[1]}, list.Total{Count: list.Counted}},
	} {
		if page, err := things.Page(t.Context(), db, test.q.Filters(), o); err != nil || *page.Total != test.want {
			t.Errorf("total of %s: %+v, %v, want %+v", name, page.Total, err, test.want)
		}
	}
	size := int64(3)
	page, err = things.Page(t.Context(), db, query{Size: &size}.Filters(), o)
	if err != nil || page.Total.Exact || page.Total.Count == 0 || page.Total.Count > 120_000/10 {
		t.Errorf("total of a size: %+v, %v", page.Total, err)
	}
}

// Pages of up to 100 items that visit nothing else do not wait for longer reads.
func TestShortPages(t *testing.T) {
	t.Parallel()
	db := newThings(t, 200)
	release := make(chan struct{})
	var holding, ended sync.WaitGroup
	for range max(1, runtime.GOMAXPROCS(0)-1) { // as many as sqlitedb.DB.Read lets run
		holding.Add(1)
		ended.Go(func() {
			_ = db.Read(t.Context(), func(*sqlitedb.ReadTx) error { holding.Done(); <-release; return nil })
		})
	}
	holding.Wait()
	defer ended.Wait()
	defer close(release)
	for name, test := range map[string]struct {
		q     query
		o     list.Options
		short bool
	}{
		"100 items":   {query{}, list.Options{Limit: 100}, true},
		"101 items":   {query{}, list.Options{Limit: 101}, false},
		"its total":   {query{}, list.Options{Limit: 100, Total: true}, false},
		"more visits": {query{Size: new(int64)}, list.Options{Limit: 100, Order: list.Order{By: list.ByCreated}}, false},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if test.short {
			ctx = t.Context()
		}
		if _, err := things.Page(ctx, db, test.q.Filters(), test.o); (err == nil) != test.short {
			t.Errorf("a page with %s beside long reads: %v", name, err)
		}
		cancel()
	}
}

func ExampleTable_Statements() {
	for kind, s := range things.Statements(query{Kind: &kinds[0]}.Filters(), list.Options{Order: list.Order{By: list.ByCreated}, Limit: 10}) {
		if kind == "walk" {
			fmt.Println(s.SQL)
		}
	}
	// Output: SELECT id, kind, size, created_at, updated_at FROM (SELECT id AS found FROM (SELECT id, kind FROM things INDEXED BY by_created_at WHERE created_at >= ? AND (created_at > ? OR id > ?) ORDER BY created_at, id LIMIT ?) WHERE kind = ? LIMIT ?) CROSS JOIN things NOT INDEXED ON things.id = found
}

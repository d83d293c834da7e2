// Package spannerlist reads pages of lists from Spanner tables.
package spannerlist

import (
	"context"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

// Shards is the number of shards of Sharded indexes. Values that only grow, such as
// times, come after the shard. Otherwise Spanner would write all new entries to one
// place.
const Shards = 16

// Table is a table of resources that can be listed. The fields of its Schema are
// columns, in camel case. Its indexes are OneWay. Those that are Sharded have the
// column Shard before the time and the id, which is not one of their Columns.
type Table[T resource.Resource] struct {
	list.Schema

	Name    string
	Shard   string   // a column with values from 0 to Shards-1
	Columns []string // the columns that Scan reads
	// Scan reads Columns, and the further columns of a row into rest.
	Scan func(row *spanner.Row, rest ...any) (T, error)
}

// List returns a page of the resources that filters select in one call, and
// their total in another one. The Head of a first page is the timestamp at which
// it was read; an Options.At is that timestamp. Errors: those of Scan, and of
// spannerdb.DB.Read.
func (t *Table[T]) List(ctx context.Context, db *spannerdb.DB, filters []list.Filter, o list.Options) (page list.Page[T], err error) {
	statement := t.page(t.Plan(filters, o), o)
	read := db.Read
	if !o.At.IsZero() {
		read = func(ctx context.Context, do func(context.Context, *spanner.ReadOnlyTransaction) error) error {
			return db.ReadAt(ctx, o.At, do)
		}
	}
	if err := read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		if page, err = t.read(tx.Query(ctx, statement), o); err != nil || o.After != nil {
			return err
		}
		at, err := tx.Timestamp()
		page.Head = spannerlog.After(at)
		return err
	}); err != nil {
		return list.Page[T]{}, err
	}
	if o.Total {
		page.Total, err = t.total(ctx, db, t.Count(filters, o))
	}
	return page, err
}

// found is a row of a page's statement.
type found[T any] struct {
	item    T
	matches bool // otherwise it is only the last one that the walk visits
	last    bool // whether the walk ends here although there may be more
}

// read returns the page in the result of a page's statement: the part of a range
// with few entries, if there is one, otherwise that of the walk.
func (t *Table[T]) read(rows *spanner.RowIterator, o list.Options) (page list.Page[T], err error) {
	parts := map[int64][]found[T]{}
	many := map[int64]bool{}
	best := int64(0)
	if err := rows.Do(func(r *spanner.Row) error {
		var part int64
		var few spanner.NullBool
		var f found[T]
		if err := r.ColumnByName("Part", &part); err != nil {
			return err
		}
		if err := r.ColumnByName("Few", &few); err != nil {
			return err
		}
		if few.Valid {
			many[part] = !few.Bool
			if few.Bool {
				best = part
			}
			return nil
		}
		var err error
		f.item, err = t.Scan(r, &part, &few, &f.matches, &f.last)
		parts[part] = append(parts[part], f)
		return err
	}); err != nil {
		return page, err
	}
	for _, f := range parts[best] {
		place := resource.PlaceOf(f.item, o.Order)
		if f.matches {
			if len(page.Items) == o.Limit {
				page.Next = new(resource.PlaceOf(page.Items[o.Limit-1], o.Order))
				return page, nil
			}
			page.Items = append(page.Items, f.item)
		}
		if f.last {
			page.Next = &place
			return page, nil
		}
	}
	return page, nil
}

func (t *Table[T]) total(ctx context.Context, db *spannerdb.DB, p list.Plan) (*list.Total, error) {
	ranges := append([]list.Range{p.Walk}, p.Probes...)
	if p.Few != nil {
		ranges = []list.Range{*p.Few}
	}
	counts := make([]int64, 2*len(ranges)) // for each range, the entries and the matches
	into := make([]any, len(counts))
	for i := range counts {
		into[i] = &counts[i]
	}
	if err := db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		return tx.Query(ctx, t.counts(ranges)).Do(func(r *spanner.Row) error { return r.Columns(into...) })
	}); err != nil {
		return nil, err
	}
	for i := 1; i < len(ranges); i++ {
		if counts[2*i] <= list.Few {
			return &list.Total{Count: counts[2*i+1], Exact: true}, nil
		}
	}
	most := int64(ranges[0].MaxCount(t.ID))
	return &list.Total{Count: min(counts[1], most), Exact: counts[0] <= most}, nil
}

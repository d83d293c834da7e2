// Package sqlitelist reads pages of lists from SQLite tables.
package sqlitelist

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// Table is a table of resources that can be listed. The fields of its Schema are
// columns; those with times hold microseconds since 1970. The name of Rows is
// not used.
type Table[T resource.Resource] struct {
	list.Schema

	Name    string
	Columns string // the columns that Scan reads
	Scan    func(row interface{ Scan(dest ...any) error }) (T, error)
}

// Log is the event log of the database.
type Log interface {
	Head(ctx context.Context, earlier list.Position) (head list.Position, moved bool, err error)
}

// shortPage is the largest number of items of a page that is read as a short
// read, if it visits nothing but its items.
const shortPage = 100

// List is Page. The first page of a list also has a Head in log.
func (t *Table[T]) List(ctx context.Context, db *sqlitedb.DB, log Log, filters []list.Filter, o list.Options) (page list.Page[T], err error) {
	var head list.Position
	if o.After == nil {
		if head, _, err = log.Head(ctx, list.Position{}); err != nil { // before the page, which then includes every event before the head
			return page, err
		}
	}
	page, err = t.Page(ctx, db, filters, o)
	page.Head = head
	return page, err
}

// Page returns a page of the resources that filters select, and their total, as
// the database was at one moment. Its Head is zero. Errors: those of Scan, and of
// sqlitedb.DB.Read.
func (t *Table[T]) Page(ctx context.Context, db *sqlitedb.DB, filters []list.Filter, o list.Options) (page list.Page[T], err error) {
	p, read := t.Plan(filters, o), db.Read
	if len(p.Walk.Rest) == 0 && o.Limit <= shortPage && !o.Total {
		read = db.ReadShort
	}
	err = read(ctx, func(s *sqlitedb.ReadTx) error {
		if page, err = t.page(s, p, o); err != nil || !o.Total {
			return err
		}
		page.Total, err = t.total(s, t.Count(filters, o))
		return err
	})
	return page, err
}

func (t *Table[T]) page(s *sqlitedb.ReadTx, p list.Plan, o list.Options) (page list.Page[T], err error) {
	few, err := t.few(s, p)
	if err != nil {
		return page, err
	}
	read := t.walk(p, o)
	if few != nil {
		read = t.sort(*few, p, o)
	}
	if page.Items, err = t.read(s, read); err != nil {
		return page, err
	}
	switch {
	case len(page.Items) > o.Limit:
		page.Items = page.Items[:o.Limit]
		page.Next = new(resource.PlaceOf(page.Items[o.Limit-1], o.Order))
	case few == nil && len(p.Walk.Rest) > 0:
		page.Next, err = t.stopped(s, p, o)
	}
	return page, err
}

// few returns the range of p with the fewest entries if they are few, otherwise
// nil.
func (t *Table[T]) few(s *sqlitedb.ReadTx, p list.Plan) (few *list.Range, err error) {
	if p.Few != nil || len(p.Probes) == 0 {
		return p.Few, nil
	}
	counts := make([]int64, len(p.Probes))
	into := make([]any, len(p.Probes))
	for i := range counts {
		into[i] = &counts[i]
	}
	probe := t.probe(p.Probes)
	if err := s.QueryRow(probe.SQL, probe.Args...).Scan(into...); err != nil {
		return nil, err
	}
	if n := slices.Min(counts); n <= list.Few {
		few = &p.Probes[slices.Index(counts, n)]
	}
	return few, nil
}

// read returns the items of a page in their order.
func (t *Table[T]) read(s *sqlitedb.ReadTx, page Statement) (items []T, err error) {
	rows, err := s.Query(page.SQL, page.Args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		item, err := t.Scan(rows)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, rows.Err()
}

// stopped returns the place of the last entry that a page visits, or nil if
// there are no more entries.
func (t *Table[T]) stopped(s *sqlitedb.ReadTx, p list.Plan, o list.Options) (*list.Place, error) {
	var micros, id int64
	stop := t.stop(p, o)
	err := s.QueryRow(stop.SQL, stop.Args...).Scan(&micros, &id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil //nolint:nilnil // no place
	case err != nil:
		return nil, err
	case o.Order.ByTime():
		return &list.Place{At: time.UnixMicro(micros).UTC(), ID: id}, nil
	}
	return &list.Place{ID: id}, nil
}

func (t *Table[T]) total(s *sqlitedb.ReadTx, p list.Plan) (*list.Total, error) {
	r, err := t.few(s, p)
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = &p.Walk
	}
	var visited, matching int64
	count := t.count(*r)
	if err := s.QueryRow(count.SQL, count.Args...).Scan(&visited, &matching); err != nil {
		return nil, err
	}
	return &list.Total{Count: matching, Exact: visited <= int64(r.MaxCount(t.ID))}, nil
}

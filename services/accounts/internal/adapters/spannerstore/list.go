package spannerstore

import (
	"context"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// List implements app.Store.
func (s *Store) List(ctx context.Context, q app.Query) (page app.Page, err error) {
	var read time.Time
	if page.Items, read, err = s.query(ctx, pageStatement(q)); err != nil {
		return app.Page{}, translate(err)
	}
	if q.After == nil {
		page.Head = spannerlog.After(read)
	}
	if page.More = len(page.Items) > q.Limit; page.More {
		page.Items = page.Items[:q.Limit]
	}
	if q.Total {
		page.Total = new(int64)
		if err := s.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
			return tx.Query(ctx, countStatement(q)).Do(func(r *spanner.Row) error { return r.Columns(page.Total) })
		}); err != nil {
			return app.Page{}, translate(err)
		}
	}
	return page, nil
}

// query returns the accounts that a statement selects, and the timestamp of the
// read.
func (s *Store) query(ctx context.Context, statement spanner.Statement) (accounts []domain.Account, read time.Time, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		accounts = nil
		if err := tx.Query(ctx, statement).Do(func(r *spanner.Row) error {
			a, err := scan(r, nil)
			accounts = append(accounts, a)
			return err
		}); err != nil {
			return err
		}
		read, err = tx.Timestamp()
		return err
	})
	return accounts, read, err
}

const allShards = "UNNEST(GENERATE_ARRAY(0, 15))"

// pageStatement reads a page, and one more account if there is one.
func pageStatement(q app.Query) spanner.Statement {
	start, q := q.Start()
	s := matching(q)
	s.params["limit"], s.params["id"] = int64(q.Limit)+1, start.ID
	after, direction := " > ", ""
	if q.Order.Desc {
		after, direction = " < ", " DESC"
	}
	column := columnOf[q.Order.By]
	if column == "" {
		s.where("Id" + after + "@id")
		return s.statement(strings.Join(columns, ", "), " ORDER BY Id"+direction+" LIMIT @limit")
	}
	s.params["at"] = start.At
	s.where(column + after[:2] + "= @at") // so that Spanner seeks to it
	s.where("(" + column + after + "@at OR Id" + after + "@id)")
	order := " ORDER BY " + column + direction + ", Id" + direction
	if !s.sharded {
		return s.statement(strings.Join(columns, ", "), order+" LIMIT @limit")
	}
	s.where("Shard = part")
	perShard := s.statement("AS STRUCT Id, "+column, order+" LIMIT @limit")
	return spanner.Statement{
		SQL: "SELECT " + strings.Join(columns, ", ") + " FROM (SELECT row.Id AS Found FROM " + allShards + " AS part, UNNEST(ARRAY(" + perShard.SQL + ")) AS row" +
			" ORDER BY row." + column + direction + ", row.Id" + direction + " LIMIT @limit) JOIN@{JOIN_METHOD=APPLY_JOIN} Accounts@{FORCE_INDEX=_BASE_TABLE} ON Id = Found" + order,
		Params: s.params,
	}
}

func countStatement(q app.Query) spanner.Statement {
	q.Order = list.Order{Desc: true} // only the order of ids has an index without other columns
	s := matching(q)
	return s.statement("COUNT(*)", "")
}

// columnOf holds the column of each order except the order of ids.
var columnOf = map[string]string{list.ByCreated: "CreatedAt", list.ByUpdated: "UpdatedAt"}

// selection is the range of rows of one index, the most selective one that a
// query allows. All rows that are read match a filter, or are in the order of
// the list.
type selection struct {
	index      string
	sharded    bool // the index has the order of the list within each shard
	conditions []string
	params     map[string]any
}

func (s *selection) where(condition string) { s.conditions = append(s.conditions, condition) }

// inOrder selects the index that has an order behind a prefix.
func (s *selection) inOrder(prefix, separator string, o list.Order) {
	s.index = prefix
	if s.sharded = o.ByTime(); s.sharded {
		s.index += separator + columnOf[o.By]
	}
	if o.Desc {
		s.index += "Desc"
	}
}

func (s *selection) statement(columns, order string) spanner.Statement {
	sql := "SELECT " + columns + " FROM Accounts@{FORCE_INDEX=" + s.index + "}"
	if s.conditions != nil {
		sql += " WHERE " + strings.Join(s.conditions, " AND ")
	}
	return spanner.Statement{SQL: sql + order, Params: maps.Clone(s.params)}
}

// matching selects all pages of q.
func matching(q app.Query) selection {
	s := selection{index: "_BASE_TABLE", params: map[string]any{}}
	filter := func(column string, value any) {
		param := strings.ToLower(column)
		s.where(column + " = @" + param)
		s.params[param] = value
	}
	since := !q.UpdatedSince.IsZero()
	switch {
	case q.Email != nil:
		s.index = "AccountsByEmail"
	case len(q.IDs) > 0:
	case q.Owner != "":
		s.inOrder("AccountsByOwner", "And", q.Order)
	case q.Name != nil && (*q.Name != "" || q.Address == nil):
		s.index = "AccountsByName"
	case q.Address != nil:
		s.index = "AccountsByAddress"
	case since && q.Order.By != list.ByUpdated:
		s.index = "AccountsByUpdatedAt"
		s.where("Shard IN " + allShards)
	case q.Order.ByTime():
		s.inOrder("AccountsBy", "", q.Order)
	case q.Order.Desc:
		s.index = "AccountsByIdDesc"
	}
	if q.Owner != "" {
		filter("Owner", q.Owner)
	}
	if q.Email != nil {
		filter("Email", valid(string(*q.Email)))
	}
	if q.Name != nil {
		filter("Name", valid(*q.Name))
	}
	if q.Address != nil {
		filter("Address", valid(*q.Address))
	}
	if len(q.IDs) > 0 {
		s.where("Id IN UNNEST(@ids)")
		s.params["ids"] = q.IDs
	}
	if since {
		s.where("UpdatedAt >= @since")
		s.params["since"] = q.UpdatedSince
	}
	return s
}

// valid returns a filter as a parameter of Spanner. A value that is not UTF-8
// becomes NULL, which equals no account's value.
func valid(s string) spanner.NullString {
	return spanner.NullString{StringVal: s, Valid: utf8.ValidString(s)}
}

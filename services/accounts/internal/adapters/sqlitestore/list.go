package sqlitestore

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// List implements app.Store.
func (s *Store) List(ctx context.Context, q app.Query) (page app.Page, err error) {
	if q.After == nil {
		head, _, err := s.log.Head(ctx, eventlog.Position{}) // before the page, which then includes every event before the head
		if err != nil {
			return app.Page{}, translate(err)
		}
		page.Head = head
	}
	if page.Items, err = s.selectPage(ctx, q); err != nil {
		return app.Page{}, translate(err)
	}
	if page.More = len(page.Items) > q.Limit; page.More {
		page.Items = page.Items[:q.Limit]
	}
	if q.Total {
		page.Total = new(int64)
		query, args := countStatement(q)
		if err := s.db.QueryRow(ctx, query, args...).Scan(page.Total); err != nil {
			return app.Page{}, translate(err)
		}
	}
	return page, nil
}

// selectPage returns the page, and one more account if there is one.
func (s *Store) selectPage(ctx context.Context, q app.Query) (accounts []domain.Account, err error) {
	query, args := pageStatement(q)
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		a, err := scan(rows)
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, a)
	}
	return accounts, rows.Err()
}

// pageStatement returns the statement of a page. It is one of a bounded set of
// texts.
func pageStatement(q app.Query) (query string, args []any) {
	start, q := q.Start()
	s := matching(q)
	after, direction := " > ?", ""
	if q.Order.Desc {
		after, direction = " < ?", " DESC"
	}
	order := "id" + direction
	if by := q.Order.By; by == list.ByCreated || by == list.ByUpdated {
		at := start.At.UnixMicro()
		s.where(by+after[:2]+"= ?", at) // so that SQLite seeks to it
		s.where("("+by+after+" OR id"+after+")", at, start.ID)
		order = by + direction + ", " + order
	} else {
		s.where("id"+after, start.ID)
	}
	return s.sql(columns) + " ORDER BY " + order + " LIMIT ?", append(s.args, q.Limit+1)
}

func countStatement(q app.Query) (query string, args []any) {
	q.Order = list.Order{}
	s := matching(q)
	if s.conditions == nil {
		s.index = "" // SQLite chooses the smallest
	}
	return s.sql("count(*)"), s.args
}

// selection is the range of rows of one index, the most selective one that a
// query allows. All rows that are read match a filter, or are in the order of
// the list.
type selection struct {
	index      string
	conditions []string
	args       []any
}

func (s *selection) where(condition string, args ...any) {
	s.conditions, s.args = append(s.conditions, condition), append(s.args, args...)
}

func (s *selection) sql(columns string) string {
	query := "SELECT " + columns + " FROM accounts " + s.index
	if s.conditions != nil {
		query += " WHERE " + strings.Join(s.conditions, " AND ")
	}
	return query
}

// ownerIndex holds the index that has the accounts of an owner in each order.
var ownerIndex = map[string]string{
	"": "accounts_by_owner", list.ByID: "accounts_by_owner",
	list.ByCreated: "accounts_by_owner_and_created_at", list.ByUpdated: "accounts_by_owner_and_updated_at",
}

// matching selects all pages of q.
func matching(q app.Query) (s selection) {
	switch {
	case q.Email != nil:
		s.index = "INDEXED BY sqlite_autoindex_accounts_1"
	case len(q.IDs) > 0:
		s.index = "NOT INDEXED" // use the primary key
	case q.Owner != "":
		s.index = "INDEXED BY " + ownerIndex[q.Order.By]
	case q.Name != nil && (*q.Name != "" || q.Address == nil):
		s.index = "INDEXED BY accounts_by_name"
	case q.Address != nil:
		s.index = "INDEXED BY accounts_by_address"
	case q.Order.By == list.ByUpdated, !q.UpdatedSince.IsZero():
		s.index = "INDEXED BY accounts_by_updated_at"
	case q.Order.By == list.ByCreated:
		s.index = "INDEXED BY accounts_by_created_at"
	default:
		s.index = "NOT INDEXED"
	}
	if q.Owner != "" {
		s.where("owner = ?", q.Owner)
	}
	if q.Email != nil {
		s.where("email = ?", string(*q.Email))
	}
	if q.Name != nil {
		s.where("name = ?", *q.Name)
	}
	if q.Address != nil {
		s.where("address = ?", *q.Address)
	}
	if len(q.IDs) > 0 {
		ids, _ := json.Marshal(q.IDs) // integers, so this cannot fail
		s.where("id IN (SELECT value FROM json_each(?))", string(ids))
	}
	if !q.UpdatedSince.IsZero() {
		s.where("updated_at >= ?", q.UpdatedSince.UnixMicro())
	}
	return s
}

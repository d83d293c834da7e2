package sqlitestore

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/audios/internal/app"
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
	query, args := pageStatement(q)
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return app.Page{}, translate(err)
	}
	if page.Items, err = scanAll(rows); err != nil {
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

// pageStatement returns the statement that reads a page, and one more audio if
// there is one. It is one of a bounded set of texts.
func pageStatement(q app.Query) (query string, args []any) {
	if q.InCells() {
		return cellsStatement(q)
	}
	s := selection{index: indexOf(q)}
	start, q := q.Start()
	s.filter(q)
	after, direction := " > ?", ""
	if q.Order.Desc {
		after, direction = " < ?", " DESC"
	}
	order := " ORDER BY session_id" + direction + " LIMIT ?"
	if by := q.Order.By; by == list.ByCreated || by == list.ByUpdated {
		at := start.At.UnixMicro()
		s.where(by+after[:2]+"= ?", at) // so that SQLite seeks to it
		s.where("("+by+after+" OR session_id"+after+")", at, start.ID)
		order = " ORDER BY " + by + direction + ", session_id" + direction + " LIMIT ?"
	}
	return s.sql(columns) + order, append(s.args, q.Limit+1)
}

// cellsStatement is pageStatement for a query that is read in cells. It merges
// them with a recursive query whose queue holds the next audio of each cell.
func cellsStatement(q app.Query) (query string, args []any) {
	_, rest := q.Start()
	ids := *rest.SessionID
	first, after, direction := "min", "session_id > walk.id AND session_id <= ?", ""
	beyond := ids.Max
	if q.Order.Desc {
		first, after, direction = "max", "session_id < walk.id AND session_id >= ?", " DESC"
		beyond = ids.Min
	}
	next := "CROSS JOIN audios ON session_id = (SELECT " + first + "(session_id) FROM audios " + indexOf(q) + " WHERE "
	if q.SelectedTick != nil {
		next += "selected_tick = tick AND "
	}
	if q.StepCount != nil {
		next += "step_count = step AND "
	}
	cells, _ := json.Marshal(q.Cells()) // integers: cannot fail
	return `WITH RECURSIVE cells(tick, step) AS (SELECT value->>'Tick', value->>'Step' FROM json_each(?)),
		walk(id, tick, step) AS (
			SELECT session_id, tick, step FROM cells ` + next + `session_id BETWEEN ? AND ?)
			UNION ALL SELECT session_id, tick, step FROM walk ` + next + after + `)
			ORDER BY 1` + direction + ` LIMIT ?)
		SELECT ` + columns + ` FROM audios WHERE session_id IN (SELECT id FROM walk) ORDER BY session_id` + direction,
		[]any{string(cells), ids.Min, ids.Max, beyond, q.Limit + 1}
}

func countStatement(q app.Query) (query string, args []any) {
	q.Order = list.Order{}
	s := selection{index: indexOf(q)}
	s.filter(q)
	if s.conditions == nil {
		s.index = "" // SQLite chooses the smallest
	}
	return s.sql("count(*)"), s.args
}

// ownerIndex holds the index that has the audios of an owner in each order.
var ownerIndex = map[string]string{
	"": "audios_by_owner", list.ByID: "audios_by_owner",
	list.ByCreated: "audios_by_owner_and_created_at", list.ByUpdated: "audios_by_owner_and_updated_at",
}

// indexOf returns the most selective index that q allows. All rows that are
// read match a filter, or are in the order of the list.
func indexOf(q app.Query) string {
	switch {
	case len(q.SessionIDs) > 0, q.SessionID.IsOne():
		return "NOT INDEXED" // but by its key
	case q.Owner != "":
		return "INDEXED BY " + ownerIndex[q.Order.By]
	case q.AccountID != nil:
		return "INDEXED BY audios_by_account"
	case !q.UpdatedSince.IsZero():
		return "INDEXED BY audios_by_updated_at"
	case q.SelectedTick != nil && q.StepCount != nil:
		return "INDEXED BY audios_by_selected_tick_and_step_count"
	case q.SelectedTick != nil:
		return "INDEXED BY audios_by_selected_tick"
	case q.StepCount != nil:
		return "INDEXED BY audios_by_step_count"
	case q.SessionID != nil:
		return "NOT INDEXED"
	case q.Order.By == list.ByUpdated:
		return "INDEXED BY audios_by_updated_at"
	case q.Order.By == list.ByCreated:
		return "INDEXED BY audios_by_created_at"
	}
	return "NOT INDEXED"
}

// selection is the range of rows of one index.
type selection struct {
	index      string
	conditions []string
	args       []any
}

func (s *selection) where(condition string, args ...any) {
	s.conditions, s.args = append(s.conditions, condition), append(s.args, args...)
}

func (s *selection) between(column string, r *app.Range) {
	switch {
	case r == nil:
	case r.IsOne():
		s.where(column+" = ?", r.Min)
	default:
		s.where(column+" BETWEEN ? AND ?", r.Min, r.Max)
	}
}

func (s *selection) filter(q app.Query) {
	if q.Owner != "" {
		s.where("owner = ?", q.Owner)
	}
	s.between("session_id", q.SessionID)
	if len(q.SessionIDs) > 0 {
		ids, _ := json.Marshal(q.SessionIDs) // integers: cannot fail
		s.where("session_id IN (SELECT value FROM json_each(?))", string(ids))
	}
	s.between("account_id", q.AccountID)
	s.between("selected_tick", q.SelectedTick)
	s.between("step_count", q.StepCount)
	if !q.UpdatedSince.IsZero() {
		s.where("updated_at >= ?", q.UpdatedSince.UnixMicro())
	}
}

func (s *selection) sql(columns string) string {
	query := "SELECT " + columns + " FROM audios " + s.index
	if s.conditions != nil {
		query += " WHERE " + strings.Join(s.conditions, " AND ")
	}
	return query
}

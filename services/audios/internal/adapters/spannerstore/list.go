package spannerstore

import (
	"context"
	"strings"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

// List implements app.Store.
func (s *Store) List(ctx context.Context, q app.Query) (page app.Page, err error) {
	var read time.Time
	if err := s.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		if page.Items, err = scanAll(tx.Query(ctx, pageStatement(q))); err != nil {
			return err
		}
		read, err = tx.Timestamp()
		return err
	}); err != nil {
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

const allShards = "UNNEST(GENERATE_ARRAY(0, 15))"

// pageStatement reads a page, and one more audio if there is one.
func pageStatement(q app.Query) spanner.Statement {
	s := newSelection(q)
	s.cells = q.InCells() && !q.Order.Desc
	start, q := q.Start()
	s.filter(q)
	s.params["limit"] = int64(q.Limit) + 1
	after, direction := " > ", ""
	if q.Order.Desc {
		after, direction = " < ", " DESC"
	}
	column := columnOf[q.Order.By]
	key, order := "SessionId", "SessionId"+direction
	if column != "" {
		s.params["at"], s.params["id"] = start.At, start.ID
		s.where(column + after[:2] + "= @at") // so that Spanner seeks to it
		s.where("(" + column + after + "@at OR SessionId" + after + "@id)")
		key, order = "SessionId, "+column, column+direction+", "+order
	}
	parts := allShards
	switch {
	case s.cells:
		parts, s.params["cells"] = "UNNEST(@cells)", q.Cells()
	case s.sharded:
		s.where("Shard = part")
	default:
		return s.statement(strings.Join(columns, ", "), " ORDER BY "+order+" LIMIT @limit")
	}
	return s.merge(parts, key, order)
}

// merge reads, in order, the first rows that s selects in each part.
func (s *selection) merge(parts, key, order string) spanner.Statement {
	one := s.statement("AS STRUCT "+key, " ORDER BY "+order+" LIMIT @limit")
	return spanner.Statement{
		SQL: "SELECT " + strings.Join(columns, ", ") + " FROM (SELECT row.SessionId AS Found FROM " + parts + " AS part, UNNEST(ARRAY(" + one.SQL + ")) AS row" +
			" ORDER BY row." + strings.ReplaceAll(order, ", ", ", row.") + " LIMIT @limit) JOIN@{JOIN_METHOD=APPLY_JOIN} Audios@{FORCE_INDEX=_BASE_TABLE} ON SessionId = Found ORDER BY " + order,
		Params: s.params,
	}
}

func countStatement(q app.Query) spanner.Statement {
	q.Order = list.Order{Desc: true} // only the order of ids has an index without other columns
	s := newSelection(q)
	s.filter(q)
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
	cells      bool // reads the rows of each cell separately
	conditions []string
	params     map[string]any
}

func newSelection(q app.Query) *selection {
	s := &selection{index: "_BASE_TABLE", params: map[string]any{}}
	byTime := q.Order.ByTime()
	switch {
	case len(q.SessionIDs) > 0, q.SessionID.IsOne():
	case q.Owner != "":
		s.inOrder("AudiosByOwner", "And", q.Order)
	case q.AccountID != nil:
		s.index = "AudiosByAccount"
	case !q.UpdatedSince.IsZero() && q.Order.By != list.ByUpdated:
		s.index = "AudiosByUpdatedAt"
		s.where("Shard IN " + allShards)
	case !q.UpdatedSince.IsZero():
		s.inOrder("AudiosBy", "", q.Order)
	case q.SelectedTick != nil && q.StepCount != nil:
		s.index = "AudiosBySelectedTickAndStepCount"
	case q.SelectedTick != nil:
		s.index = "AudiosBySelectedTick"
	case q.StepCount != nil:
		s.index = "AudiosByStepCount"
	case q.SessionID != nil && byTime:
	case byTime:
		s.inOrder("AudiosBy", "", q.Order)
	case q.Order.Desc:
		s.index = "AudiosBySessionIdDesc"
	}
	return s
}

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

func (s *selection) where(condition string) { s.conditions = append(s.conditions, condition) }

func (s *selection) between(column string, r *app.Range) {
	param := strings.ToLower(column)
	switch {
	case r == nil:
	case r.IsOne():
		s.where(column + " = @" + param)
		s.params[param] = r.Min
	default:
		s.where(column + " BETWEEN @" + param + "min AND @" + param + "max")
		s.params[param+"min"], s.params[param+"max"] = r.Min, r.Max
	}
}

func (s *selection) filter(q app.Query) {
	if q.Owner != "" {
		s.where("Owner = @owner")
		s.params["owner"] = q.Owner
	}
	s.between("SessionId", q.SessionID)
	if len(q.SessionIDs) > 0 {
		s.where("SessionId IN UNNEST(@sessionids)")
		s.params["sessionids"] = q.SessionIDs
	}
	s.between("AccountId", q.AccountID)
	if !s.cells {
		s.between("SelectedTick", q.SelectedTick)
		s.between("StepCount", q.StepCount)
	}
	if s.cells && q.SelectedTick != nil {
		s.where("SelectedTick = part.Tick")
	}
	if s.cells && q.StepCount != nil {
		s.where("StepCount = part.Step")
	}
	if !q.UpdatedSince.IsZero() {
		s.where("UpdatedAt >= @since")
		s.params["since"] = q.UpdatedSince
	}
}

func (s *selection) statement(columns, order string) spanner.Statement {
	sql := "SELECT " + columns + " FROM Audios@{FORCE_INDEX=" + s.index + "}"
	if s.conditions != nil {
		sql += " WHERE " + strings.Join(s.conditions, " AND ")
	}
	return spanner.Statement{SQL: sql + order, Params: s.params}
}

package sqlitelist

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/list"
)

// Statement is an SQL text with its arguments. For one list in all its pages,
// the text is always the same.
type Statement struct {
	SQL  string
	Args []any
}

// Statements yields the statements that may be run for a page and its total, by
// what they do: "walk", "stop", "sort", "probe" or "count".
func (t *Table[T]) Statements(filters []list.Filter, o list.Options) iter.Seq2[string, Statement] {
	return func(yield func(string, Statement) bool) {
		p, c := t.Plan(filters, o), t.Count(filters, o)
		if p.Few != nil {
			_ = yield("sort", t.sort(*p.Few, p, o)) && yield("count", t.count(*c.Few))
			return
		}
		if !yield("walk", t.walk(p, o)) || !yield("count", t.count(c.Walk)) {
			return
		}
		if len(p.Probes) > 0 && (!yield("stop", t.stop(p, o)) || !yield("probe", t.probe(p.Probes))) {
			return
		}
		for _, r := range p.Probes {
			if !yield("sort", t.sort(r, p, o)) || !yield("count", t.count(r)) {
				return
			}
		}
	}
}

// walk reads a page of p.Walk, and one more resource if there is one. SQLite
// reads a subquery with a limit row by row, in its order, and only as far as
// needed.
func (t *Table[T]) walk(p list.Plan, o list.Options) Statement {
	if len(p.Walk.Rest) == 0 {
		return t.ordered(t.Columns, p.Walk, p, o).then(" LIMIT ?", o.Limit+1)
	}
	return Statement{SQL: "SELECT " + t.Columns + " FROM (SELECT " + t.ID + " AS found FROM ("}.
		and(t.ordered(t.fields(p.Walk), p.Walk, p, o)).then(" LIMIT ?)", p.Walk.MaxVisits(t.ID)).
		where(p.Walk.Rest).then(" LIMIT ?) CROSS JOIN "+t.Name+" NOT INDEXED ON "+t.Name+"."+t.ID+" = found", o.Limit+1)
}

// stop reads the place of the last entry that walk visits, if there is one.
func (t *Table[T]) stop(p list.Plan, o list.Options) Statement {
	at := "0"
	if o.Order.ByTime() {
		at = o.Order.By
	}
	return t.ordered(at+", "+t.ID, p.Walk, p, o).then(" LIMIT 1 OFFSET ?", p.Walk.MaxVisits(t.ID)-1)
}

// sort reads a page of the resources in r, all of which it sorts.
func (t *Table[T]) sort(r list.Range, p list.Plan, o list.Options) Statement {
	r.Bounds, r.Rest = slices.Concat(r.Bounds, r.Rest), nil
	return t.ordered(t.Columns, r, p, o).then(" LIMIT ?", o.Limit+1)
}

// ordered selects the entries of r after the place where the page begins, in the
// order of the list.
func (t *Table[T]) ordered(columns string, r list.Range, p list.Plan, o list.Options) Statement {
	s := t.entries(columns, r)
	after, direction := ">", ""
	if o.Order.Desc {
		after, direction = "<", " DESC"
	}
	if p.Start == nil {
		return s.then(" ORDER BY " + t.ID + direction)
	}
	by, word := o.Order.By, " AND "
	if len(r.Bounds) == 0 {
		word = " WHERE "
	}
	at := p.Start.At.UnixMicro()
	return s.then(word+by+" "+after+"= ?", at). // so that SQLite seeks to it
							then(" AND ("+by+" "+after+" ? OR "+t.ID+" "+after+" ?)", at, p.Start.ID).
							then(" ORDER BY " + by + direction + ", " + t.ID + direction)
}

// probe counts the entries of each of ranges, up to one more than list.Few.
func (t *Table[T]) probe(ranges []list.Range) Statement {
	s := Statement{SQL: "SELECT "}
	for i, r := range ranges {
		if i > 0 {
			s = s.then(", ")
		}
		s = s.then("(SELECT count(*) FROM (").and(t.entries("1", r)).then(" LIMIT ?))", list.Few+1)
	}
	return s
}

// count counts the entries of r, up to one more than are counted, and those that
// match the rest of the filters.
func (t *Table[T]) count(r list.Range) Statement {
	most := r.MaxCount(t.ID)
	if len(r.Rest) == 0 {
		return Statement{SQL: "SELECT count(*), min(count(*), ?) FROM (", Args: []any{most}}.and(t.entries("1", r)).then(" LIMIT ?)", most+1)
	}
	rest := Statement{}.where(r.Rest)
	return Statement{SQL: "SELECT count(*), count(*) FILTER (" + rest.SQL[1:] + ") FROM (", Args: rest.Args}.
		and(t.entries(t.fields(r), r)).then(" LIMIT ?)", most+1)
}

// entries selects the entries of r.
func (t *Table[T]) entries(columns string, r list.Range) Statement {
	hint := " INDEXED BY " + r.Name
	switch {
	case len(r.Bounds) == 0 && len(r.Columns) == 0:
		hint = "" // SQLite chooses the smallest index
	case r.Name == t.Rows.Name:
		hint = " NOT INDEXED" // but by its key
	}
	return Statement{SQL: "SELECT " + columns + " FROM " + t.Name + hint}.where(r.Bounds)
}

// fields returns the columns that a walk of r needs.
func (t *Table[T]) fields(r list.Range) string {
	fields := []string{t.ID}
	for _, f := range r.Rest {
		if f.Field != t.ID {
			fields = append(fields, f.Field)
		}
	}
	return strings.Join(fields, ", ")
}

func (s Statement) then(sql string, args ...any) Statement {
	return Statement{s.SQL + sql, slices.Concat(s.Args, args)}
}

func (s Statement) and(o Statement) Statement { return s.then(o.SQL, o.Args...) }

func (s Statement) where(filters []list.Filter) Statement {
	word := " WHERE "
	for _, f := range filters {
		s = s.then(word + f.Field)
		switch {
		case f.IsOne():
			s = s.then(" = ?", value(f.Values[0]))
		case f.Values != nil:
			array, _ := json.Marshal(f.Values) // integers and strings: cannot fail
			s = s.then(" IN (SELECT value FROM json_each(?))", string(array))
		case f.Max == nil:
			s = s.then(" >= ?", value(f.Min))
		case f.Min == nil:
			s = s.then(" <= ?", value(f.Max))
		default:
			s = s.then(" BETWEEN ? AND ?", value(f.Min), value(f.Max))
		}
		word = " AND "
	}
	return s
}

// value returns a value of a filter as a parameter.
func value(v any) any {
	if t, ok := v.(time.Time); ok {
		return t.UnixMicro()
	}
	return v
}

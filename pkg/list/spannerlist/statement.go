package spannerlist

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/list"
)

// builder collects the parameters of a statement. A filter has the same
// parameters wherever it occurs.
type builder struct {
	*list.Plan

	field            string // the field with the id
	id, table, shard string // the column with the id, the table, and the column with the shard
	order            list.Order
	params           map[string]any
}

func (t *Table[T]) build(p list.Plan, o list.Options) *builder {
	b := &builder{Plan: &p, field: t.ID, id: column(t.ID), table: t.Name, shard: t.Shard, order: o.Order, params: map[string]any{}}
	if p.Start != nil {
		b.params["at"], b.params["id"] = p.Start.At, p.Start.ID
	}
	return b
}

// page returns the statement of a page. Its rows have the columns of the table,
// and Part, Few, Matches and Last. Part 0 is the walk, and the others are the
// Probes. A row with Few only says whether its part has few entries.
func (t *Table[T]) page(p list.Plan, o list.Options) spanner.Statement {
	b := t.build(p, o)
	b.params["limit"] = int64(o.Limit) + 1
	columns := strings.Join(t.Columns, ", ")
	if r := b.single(); r != nil {
		return b.statement("SELECT " + columns + ", 0 AS Part, CAST(NULL AS BOOL) AS Few, TRUE AS Matches, FALSE AS Last" +
			b.from(r.Index) + b.where(*r, slices.Concat(r.Bounds, r.Rest), true) + b.orderBy("") + " LIMIT @limit")
	}
	parts := []string{"(" + b.walk() + ")"}
	for i, r := range p.Probes {
		few := b.few(r)
		parts = append(parts,
			fmt.Sprintf("SELECT %d AS Part, %s AS Few, FALSE AS Matches, FALSE AS Last, CAST(NULL AS INT64) AS Found", i+1, few),
			fmt.Sprintf("SELECT %d, CAST(NULL AS BOOL), TRUE, FALSE, entry.%s FROM UNNEST(IF(%s, [0], ARRAY<INT64>[])) AS part, UNNEST(ARRAY(%s)) AS entry",
				i+1, b.id, few, b.sorted(r)))
	}
	return b.statement("SELECT " + columns + ", Part, Few, Matches, Last FROM (" + strings.Join(parts, " UNION ALL ") + ") LEFT JOIN@{JOIN_METHOD=APPLY_JOIN} " +
		b.table + "@{FORCE_INDEX=_BASE_TABLE} ON " + b.id + " = Found" + strings.Replace(b.orderBy(""), "ORDER BY ", "ORDER BY Part, ", 1))
}

// single returns the range that is read directly, with all filters, because it
// has few entries, or has the list in its order and nothing else.
func (b *builder) single() *list.Range {
	switch {
	case b.Few != nil:
		return b.Few
	case len(b.Walk.Rest) == 0 && !b.Walk.Sharded:
		return &b.Walk
	}
	return nil
}

// walk selects the first matches of the walk, merged from its shards, and the
// entries at which a shard has visited enough. What comes after the first such
// entry may be incomplete.
func (b *builder) walk() string {
	parts := "[0]"
	if b.Walk.Sharded {
		parts = allShards
	}
	entries := "SELECT AS STRUCT " + b.keys() + ", TRUE AS Matches, FALSE AS Last" + b.from(b.Walk.Index) + b.where(b.Walk, b.Walk.Bounds, true) + b.orderBy("") + " LIMIT @limit"
	if len(b.Walk.Rest) > 0 {
		for _, r := range b.Probes {
			parts = "IF(" + b.few(r) + ", ARRAY<INT64>[], " + parts + ")"
		}
		matches, last := "Matches", "Nth = @visits - 1"
		visits := b.Walk.MaxVisits(b.field)
		if b.Walk.Sharded {
			visits /= Shards
		}
		b.params["visits"] = int64(visits)
		entries = "SELECT AS STRUCT " + b.keys() + ", " + matches + ", " + last + " AS Last FROM UNNEST(ARRAY(SELECT AS STRUCT " + b.keys() + ", " +
			b.match(b.Walk.Rest) + " AS Matches" + b.from(b.Walk.Index) + b.where(b.Walk, b.Walk.Bounds, true) + b.orderBy("") +
			" LIMIT @visits)) WITH OFFSET AS Nth WHERE " + matches + " OR " + last
	}
	return "SELECT 0 AS Part, CAST(NULL AS BOOL) AS Few, entry.Matches, entry.Last, entry." + b.id + " AS Found FROM UNNEST(" + parts + ") AS part, UNNEST(ARRAY(" + entries + ")) AS entry" +
		b.orderBy("entry.") + " LIMIT @limit"
}

// few is a condition: whether r has few entries.
func (b *builder) few(r list.Range) string {
	return fmt.Sprintf("(SELECT COUNT(*) FROM (SELECT 1%s%s LIMIT %d)) <= %d", b.from(r.Index), b.where(r, r.Bounds, false), list.Few+1, list.Few)
}

// sorted selects the first matches of r, all of whose entries it reads.
func (b *builder) sorted(r list.Range) string {
	return "SELECT AS STRUCT " + b.keys() + b.from(r.Index) + b.where(r, slices.Concat(r.Bounds, r.Rest), true) + b.orderBy("") + " LIMIT @limit"
}

// counts returns the statement that counts, for each of ranges, the entries and
// the matches, up to a number.
func (t *Table[T]) counts(ranges []list.Range) spanner.Statement {
	b := t.build(list.Plan{}, list.Options{})
	var columns, tables []string
	for i, r := range ranges {
		most := list.Few
		if i == 0 {
			most = r.MaxCount(t.ID)
		}
		matches, fields := "COUNT(*)", "1"
		if len(r.Rest) > 0 {
			matches, fields = "COUNTIF(Matches)", b.match(r.Rest)+" AS Matches"
		}
		columns = append(columns, fmt.Sprintf("Entries%d, Matches%d", i, i))
		tables = append(tables, fmt.Sprintf("(SELECT COUNT(*) AS Entries%d, %s AS Matches%d FROM (SELECT %s%s%s LIMIT %d))",
			i, matches, i, fields, b.from(r.Index), b.where(r, r.Bounds, false), most+1))
	}
	return b.statement("SELECT " + strings.Join(columns, ", ") + " FROM " + strings.Join(tables, ", "))
}

// Statements returns the statements of a page and its total.
func (t *Table[T]) Statements(filters []list.Filter, o list.Options) []spanner.Statement {
	count := t.Count(filters, o)
	ranges := append([]list.Range{count.Walk}, count.Probes...)
	if count.Few != nil {
		ranges = []list.Range{*count.Few}
	}
	return []spanner.Statement{t.page(t.Plan(filters, o), o), t.counts(ranges)}
}

// KeyOf returns the columns by which the index is sorted, as Spanner describes
// them.
func (t *Table[T]) KeyOf(i list.Index) []string {
	columns := append(ColumnsOf(i.Columns), column(t.ID))
	n := len(prefix(i))
	if i.Desc {
		for c := n; c < len(columns); c++ {
			columns[c] += " DESC"
		}
	}
	if i.Sharded {
		columns = slices.Insert(columns, n, t.Shard)
	}
	return columns
}

// ColumnsOf returns the columns of fields.
func ColumnsOf(fields []string) (columns []string) {
	for _, field := range fields {
		columns = append(columns, column(field))
	}
	return columns
}

var allShards = fmt.Sprintf("GENERATE_ARRAY(0, %d)", Shards-1)

// prefix returns the columns of the index before its order: before a time, and the
// id. If it is Sharded, the shard comes after them.
func prefix(i list.Index) []string {
	if n := len(i.Columns); n > 0 && (i.Columns[n-1] == list.ByCreated || i.Columns[n-1] == list.ByUpdated) {
		return i.Columns[:n-1]
	}
	return i.Columns
}

// keys are the columns of the order.
func (b *builder) keys() string {
	if b.order.ByTime() {
		return b.id + ", " + column(b.order.By)
	}
	return b.id
}

func (b *builder) orderBy(prefix string) string {
	direction := ""
	if b.order.Desc {
		direction = " DESC"
	}
	order := " ORDER BY "
	if b.order.ByTime() {
		order += prefix + column(b.order.By) + direction + ", "
	}
	return order + prefix + b.id + direction
}

func (b *builder) from(i list.Index) string {
	return " FROM " + b.table + "@{FORCE_INDEX=" + i.Name + "}"
}

// where selects the entries of r that match filters and, if the place where the
// page begins matters, come after it.
func (b *builder) where(r list.Range, filters []list.Filter, place bool) string {
	conditions := b.conditions(filters)
	switch n := len(prefix(r.Index)); {
	case !r.Sharded:
	case place && r.Name == b.Walk.Name:
		conditions = append([]string{b.shard + " = part"}, conditions...)
	case len(r.Bounds) > n && !slices.ContainsFunc(r.Bounds[:n], func(f list.Filter) bool { return !f.IsOne() }): // so that Spanner seeks in each shard
		conditions = append([]string{b.shard + " IN UNNEST(" + allShards + ")"}, conditions...)
	}
	if r.Sparse { // so that Spanner may use the index
		conditions = append([]string{column(r.Columns[0]) + " IS NOT NULL"}, conditions...)
	}
	if place && b.Start != nil {
		after, at := " > ", column(b.order.By)
		if b.order.Desc {
			after = " < "
		}
		conditions = append(conditions, at+after[:2]+"= @at", // so that Spanner seeks to it
			"("+at+after+"@at OR "+b.id+after+"@id)")
	}
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

// match is a condition: whether an entry matches filters. It is not NULL.
func (b *builder) match(filters []list.Filter) string {
	return "IFNULL(" + strings.Join(b.conditions(filters), " AND ") + ", FALSE)"
}

func (b *builder) conditions(filters []list.Filter) (conditions []string) {
	param := func(name string, value any) string {
		b.params[name] = value
		return "@" + name
	}
	for _, f := range filters {
		name := column(f.Field)
		switch {
		case f.IsOne():
			conditions = append(conditions, name+" = "+param(f.Field, valueOf(f.Values[0])))
		case f.Values != nil:
			conditions = append(conditions, name+" IN UNNEST("+param(f.Field+"_any", integers(f.Values))+")")
		case f.Max == nil:
			conditions = append(conditions, name+" >= "+param(f.Field+"_min", f.Min))
		default:
			conditions = append(conditions, name+" BETWEEN "+param(f.Field+"_min", f.Min)+" AND "+param(f.Field+"_max", f.Max))
		}
	}
	return conditions
}

func (b *builder) statement(sql string) spanner.Statement {
	return spanner.Statement{SQL: sql, Params: b.params}
}

// valueOf returns a value as a parameter. Text that is not UTF-8 becomes NULL,
// which equals no value.
func valueOf(v any) any {
	if s, ok := v.(string); ok {
		return spanner.NullString{StringVal: s, Valid: utf8.ValidString(s)}
	}
	return v
}

// integers returns the values of a filter of ids.
func integers(values []any) []int64 {
	ids := make([]int64, len(values))
	for i, v := range values {
		ids[i] = v.(int64)
	}
	return ids
}

// column returns the name of the column of a field.
func column(field string) string {
	words := strings.Split(field, "_")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

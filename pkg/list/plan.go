package list

import (
	"math"
	"slices"
)

const (
	// Visits is the number of entries of an index that one page may visit if
	// the index stores every field that the page tests. A page that has visited
	// that many ends, however short it is.
	Visits = 10_000
	// RowVisits is Visits for a page that looks up the row of each entry, which
	// takes several times as long.
	RowVisits = 2_000
	// Few is the number of matches of a filter up to which a page reads and
	// sorts all of them.
	Few = 1_000
	// Counted is the number of entries of an index up to which a total is exact.
	Counted = 100_000
)

// Filter selects the resources whose field has one of Values or, if there are
// no Values, a value from Min to Max. A bound that is nil does not restrict. The
// values are of type int64, string or time.Time.
type Filter struct {
	Field    string
	Values   []any
	Min, Max any
}

// AnyOf returns the filter of the resources whose field has one of values.
func AnyOf[T int64 | string](field string, values []T) Filter {
	f := Filter{Field: field}
	for _, v := range values {
		f.Values = append(f.Values, v)
	}
	return f
}

// IsOne reports whether f selects a single value.
func (f Filter) IsOne() bool { return len(f.Values) == 1 }

// Index is an index by which a store can read resources.
type Index struct {
	Name    string   // in statements
	Columns []string // the fields of its order, before the id
	Stored  []string // other fields that its entries have
	Unique  bool     // at most one resource has the same Columns
	Desc    bool     // the id, and the time before it if there is one, are descending
	OneWay  bool     // cannot be read from its end to its beginning
	Rows    bool     // its entries are the rows, which have every field
	Sparse  bool     // it has only the resources whose first column has a value
	Sharded bool     // its entries are in shards, each of which is in the order of the index
	// First are all values of the first column, if they are so few that a filter
	// of the second column alone can be looked up for each of them.
	First []any
}

// Schema describes how a store can read a kind of resource.
type Schema struct {
	ID string // the field with the id
	// Rows is the table itself, in the order of ids.
	Rows Index
	// Indexes are the others. Of two that serve a list equally well, the first
	// one does.
	Indexes []Index
}

// Range is a part of an index.
type Range struct {
	Index

	Bounds []Filter // selects the entries: conditions on Columns, or on the id after all of them
	Rest   []Filter // the other filters of the list
}

// Plan is the way to read a page.
type Plan struct {
	// Walk is read in the order of the list, from Start. It is the zero Range
	// if Few is set.
	Walk  Range
	Start *Place // in an order by time; the order of ids has it in Bounds
	// Few is a range that never has many entries.
	Few *Range
	// Probes are ranges that have few entries if one of their filters selects
	// few resources. A page that reads one sorts it. There are none unless
	// Walk has a Rest.
	Probes []Range
}

// Plan returns the way to read a page of the resources that filters and o select.
func (s Schema) Plan(filters []Filter, o Options) (p Plan) {
	start, o := o.Start()
	filters = o.filters(filters)
	if o.Order.ByTime() {
		p.Start = &start
	} else if o.After != nil {
		filters = s.afterID(filters, o)
	}
	if p.Few = s.few(filters); p.Few != nil {
		return p
	}
	indexes := s.indexes(o)
	p.Walk = s.least(indexes, filters, func(i Index) bool { return i.serves(filters, o.Order) })
	if len(p.Walk.Rest) > 0 {
		p.Probes = s.probes(indexes, filters, p.Walk)
	}
	if p.Start == nil && !bounded(p.Walk, s.ID) { // so that the database seeks to the first one
		p.Walk.Bounds = append(p.Walk.Bounds, Filter{Field: s.ID, Min: int64(0), Max: int64(math.MaxInt64)})
	}
	return p
}

// Count returns the way to count the resources that filters and o select. The
// order of Walk does not matter.
func (s Schema) Count(filters []Filter, o Options) (p Plan) {
	filters = o.filters(filters)
	if p.Few = s.few(filters); p.Few != nil {
		return p
	}
	indexes := s.indexes(o)
	p.Walk = s.least(indexes, filters, func(i Index) bool { return len(i.among(s.ID, filters).Bounds) > 0 })
	if len(p.Walk.Bounds) == 0 {
		p.Walk = s.least(indexes, filters, func(i Index) bool { return !i.Sparse })
	}
	if len(p.Walk.Rest) > 0 {
		p.Probes = s.probes(indexes, filters, p.Walk)
	}
	return p
}

// indexes returns the indexes by which a list may be read, and the table itself.
// The list of an owner is read by the indexes of owners, so that neither its cost
// nor the length of its pages depends on the resources of others.
func (s Schema) indexes(o Options) []Index {
	all := append([]Index{s.Rows}, s.Indexes...)
	if o.Owner == "" {
		return all
	}
	return slices.DeleteFunc(all, func(i Index) bool { return len(i.Columns) == 0 || i.Columns[0] != "owner" })
}

// filters returns filters with those of the options.
func (o *Options) filters(filters []Filter) []Filter {
	filters = slices.Clone(filters)
	if o.Owner != "" {
		filters = append(filters, AnyOf("owner", []string{o.Owner}))
	}
	if !o.UpdatedSince.IsZero() {
		filters = append(filters, Filter{Field: ByUpdated, Min: o.UpdatedSince})
	}
	return filters
}

// afterID returns filters with the place after which a page in the order of ids
// begins as a part of the range of ids.
func (s Schema) afterID(filters []Filter, o Options) []Filter {
	after := Filter{Field: s.ID, Min: o.After.ID + 1, Max: int64(math.MaxInt64)}
	if o.Order.Desc {
		after.Min, after.Max = int64(0), o.After.ID-1
	}
	var rest []Filter
	for _, f := range filters {
		if f.Field == s.ID && f.Values == nil {
			after.Min, after.Max = max(after.Min.(int64), f.Min.(int64)), min(after.Max.(int64), f.Max.(int64))
		} else {
			rest = append(rest, f)
		}
	}
	return append(rest, after)
}

// few returns the range of resources that a filter selects by id, or by a unique
// index.
func (s Schema) few(filters []Filter) *Range {
	for _, f := range filters {
		if f.Field == s.ID && f.Values != nil {
			return new(s.Rows.among(s.ID, filters))
		}
	}
	for _, index := range s.Indexes {
		if index.Unique && len(index.fixed(filters)) == len(index.Columns) {
			return new(index.among(s.ID, filters))
		}
	}
	return nil
}

// fixed returns the filters that fix the first columns of the index to one value
// each.
func (i Index) fixed(filters []Filter) (fixed []Filter) {
	for _, column := range i.Columns {
		at := slices.IndexFunc(filters, func(f Filter) bool { return f.Field == column && f.IsOne() })
		if at < 0 {
			break
		}
		fixed = append(fixed, filters[at])
	}
	return fixed
}

// among returns the range of the index that filters select.
func (i Index) among(id string, filters []Filter) Range {
	r := Range{Index: i, Bounds: i.fixed(filters)}
	next := id
	if n := len(r.Bounds); n < len(i.Columns) {
		next = i.Columns[n]
	}
	if len(r.Bounds) == 0 && i.First != nil && !filtered(filters, next) && filtered(filters, i.Columns[1]) {
		r.Bounds = []Filter{{Field: next, Values: i.First}}
		next = i.Columns[1]
	}
	for _, f := range filters {
		switch {
		case f.Field == next:
			r.Bounds = append(r.Bounds, f)
		case !bounded(r, f.Field):
			r.Rest = append(r.Rest, f)
		}
	}
	return r
}

// least returns the range of a usable index whose entries take the least to
// test: nothing, fields of the index, or fields of the rows.
func (s Schema) least(indexes []Index, filters []Filter, usable func(Index) bool) (least Range) {
	found := false
	for _, index := range indexes {
		if !usable(index) {
			continue
		}
		if r := index.among(s.ID, filters); !found || r.work(s.ID) < least.work(s.ID) {
			least, found = r, true
		}
	}
	return least
}

// serves reports whether the index has the resources that filters select in an
// order, after its columns that the filters fix.
func (i Index) serves(filters []Filter, order Order) bool {
	columns := i.Columns
	if order.ByTime() {
		last := len(columns) - 1
		if last < 0 || columns[last] != order.By {
			return false
		}
		columns = columns[:last]
	}
	return len(i.fixed(filters)) == len(columns) && (!i.OneWay || i.Desc == order.Desc)
}

// work is larger the more there is to do for each entry of the range.
func (r Range) work(id string) int {
	if len(r.Rest) > 0 && !r.Covers(id) {
		return 100 + len(r.Rest)
	}
	return len(r.Rest)
}

// probes returns the ranges of other indexes that filters select, except for
// those that select no less than another one, or than the walk.
func (s Schema) probes(indexes []Index, filters []Filter, walk Range) (probes []Range) {
	for _, index := range indexes {
		r := index.among(s.ID, filters)
		if len(r.Bounds) == 0 || r.includes(walk) || slices.ContainsFunc(probes, r.includes) {
			continue
		}
		probes = append(slices.DeleteFunc(probes, func(p Range) bool { return p.includes(r) }), r)
	}
	return probes
}

// includes reports whether o has all the bounds of r.
func (r Range) includes(o Range) bool {
	return !slices.ContainsFunc(r.Bounds, func(f Filter) bool { return !bounded(o, f.Field) })
}

func bounded(r Range, field string) bool { return filtered(r.Bounds, field) }

func filtered(filters []Filter, field string) bool {
	return slices.ContainsFunc(filters, func(f Filter) bool { return f.Field == field })
}

// Covers reports whether the index has all the fields of Rest.
func (r Range) Covers(id string) bool {
	return !slices.ContainsFunc(r.Rest, func(f Filter) bool {
		return f.Field != id && !slices.Contains(r.Columns, f.Field) && !slices.Contains(r.Stored, f.Field)
	})
}

// MaxVisits returns the number of entries of the range that a page may visit.
func (r Range) MaxVisits(id string) int {
	if r.Rows || r.Covers(id) {
		return Visits
	}
	return RowVisits
}

// MaxCount returns the number of entries of the range that a count may visit.
func (r Range) MaxCount(id string) int {
	if r.Covers(id) {
		return Counted
	}
	return Counted * RowVisits / Visits
}

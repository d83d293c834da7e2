package main

import (
	"math"
	"slices"
)

// ranges is the number of key ranges into which the model divides each table and
// index: a write rate at which hot spots matter has at least as many.
const ranges = 64

// cost is the cost of an operation.
type cost struct {
	rows, entries int // rows of tables, and entries of indexes
	bytes         int // written
	stored        int // bytes that stay, without the log
	logged        int // bytes that stay in the log
}

// cost returns the cost of the changes of an operation. An entry is written once
// if it is added or removed, twice if its key changes, and once if only a stored
// column changes.
func (s *schema) cost(changes []change) (c cost) {
	for _, ch := range changes {
		t := s.table(ch.table)
		for _, i := range append([]*index{t.rows}, t.indexes...) {
			n, size, grows := t.writes(i, ch)
			if i == t.rows {
				c.rows += n
			} else {
				c.entries += n
			}
			c.bytes += n * size
			if ch.table == "EventLog" {
				c.logged += grows
			} else {
				c.stored += grows
			}
		}
	}
	return c
}

// writes returns how many entries of an index a change writes, the size of one,
// and by how much the index grows.
func (t *table) writes(i *index, ch change) (n, size, grows int) {
	had, has := i.has(ch.before), i.has(ch.after)
	switch {
	case had && has:
		size = t.size(i, ch.after)
		if slices.ContainsFunc(i.key, func(p part) bool { return ch.before[p.column] != ch.after[p.column] }) {
			return 2, size, 0
		}
		if slices.ContainsFunc(i.stored, func(c string) bool { return ch.before[c] != ch.after[c] }) {
			return 1, size, 0
		}
		return 0, 0, 0
	case has:
		size = t.size(i, ch.after)
		return 1, size, size
	case had:
		size = t.size(i, ch.before)
		return 1, size, -size
	}
	return 0, 0, 0
}

// has reports whether the index has an entry for r.
func (i *index) has(r row) bool {
	return r != nil && !slices.ContainsFunc(i.notNull, func(c string) bool { return r[c] == nil })
}

// growing are columns whose new values come after all others.
var growing = []string{"CreatedAt", "UpdatedAt", "CommitTimestamp"}

// hottest returns the share of the new entries of an index that go to one of its
// ranges. It follows the key: columns with few values divide the entries, until one
// that only grows, which leaves one place for each, or one that is random, which
// spreads them.
func (t *table) hottest(i *index, ids string, owned bool) float64 {
	share := 1.0
	for _, p := range i.key {
		switch c := p.column; {
		case c == "Shard" && ids == strided && t.columns[c].generated == "MOD(SessionId, 16)": // one value
		case c == "Owner", c == "AccountId" && !owned: // one value, or NULL
		case c == "Shard", c == "Spread":
			share /= 16
		case c == "StepCount":
			share /= 10
		case c == "SelectedTick":
			share /= 15
		case slices.Contains(growing, c), ids != random && (c == "SessionId" || c == "Subject"):
			return share * math.Ceil(1/share/ranges) // the places that one range has
		default:
			return 1.0 / ranges
		}
	}
	return max(share, 1.0/ranges)
}

package main

import (
	"encoding/binary"
	"slices"
	"sort"
	"time"
)

// simulated is the result of drawing operations.
type simulated struct {
	entries float64            // written per operation, rows included
	hottest map[string]float64 // by index: the share of its new entries in the hottest range
}

// simulate draws operations against the schema. The first half fills the tables.
// Then each table and index is divided into ranges of equal size, as Spanner
// divides them, and the entries that the other half adds are counted in each.
func simulate(s *schema, op operation, ids string, n int64) simulated {
	w := newWorld(ids)
	old, added := map[*index][]string{}, map[*index][]string{}
	entries := 0
	names := map[*index]string{}
	for k := range n {
		into := old
		if k >= n/2 {
			into = added
		}
		for _, ch := range op.changes(w, k) {
			t := s.table(ch.table)
			for _, i := range append([]*index{t.rows}, t.indexes...) {
				names[i] = i.name
				before, after := encode(i, ch.before), encode(i, ch.after)
				switch {
				case before == after && before != "":
					if changed(i, ch) {
						entries++
					}
					continue
				case before != "":
					entries++
				}
				if after != "" {
					entries++
					into[i] = append(into[i], after)
				}
			}
		}
	}
	r := simulated{entries: float64(entries) / float64(n), hottest: map[string]float64{}}
	for i, keys := range added {
		r.hottest[names[i]] = share(old[i], keys)
	}
	return r
}

// changed reports whether a change that keeps the key writes the entry.
func changed(i *index, ch change) bool {
	return slices.ContainsFunc(i.stored, func(c string) bool { return ch.before[c] != ch.after[c] })
}

// share returns the share of keys in the range of old that has most of them.
func share(old, keys []string) float64 {
	slices.Sort(old)
	var bounds []string
	for r := 1; r < ranges; r++ {
		bounds = append(bounds, old[r*len(old)/ranges])
	}
	counts := make([]int, ranges)
	for _, key := range keys {
		counts[sort.Search(len(bounds), func(b int) bool { return bounds[b] > key })]++
	}
	return float64(slices.Max(counts)) / float64(len(keys))
}

// encode returns the key of r in an index so that keys compare as in Spanner; ""
// if the index has no entry for it.
func encode(i *index, r row) string {
	if !i.has(r) {
		return ""
	}
	var key []byte
	for _, p := range i.key {
		from := len(key)
		switch v := r[p.column].(type) {
		case nil:
			key = append(key, 0)
		case int64:
			key = binary.BigEndian.AppendUint64(append(key, 1), uint64(v)^1<<63)
		case time.Time:
			key = binary.BigEndian.AppendUint64(append(key, 1), uint64(v.UnixNano()))
		case string:
			key = append(append(append(key, 1), v...), 0)
		}
		if p.desc {
			for b := from; b < len(key); b++ {
				key[b] = ^key[b]
			}
		}
	}
	return string(key)
}

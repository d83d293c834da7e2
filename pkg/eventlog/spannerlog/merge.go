package spannerlog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/concha-labs/backend/pkg/events"
)

// stored is an event and the shard in which it is.
type stored struct {
	shard int64
	events.Event
}

// byPlace compares events by their places.
func byPlace(a, b stored) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(group(a.shard), group(b.shard)),
		strings.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
}

// run is events of one shard, in order.
type run struct {
	events []stored
	more   bool // the shard may have events after these
}

// eachOf returns the number of events to read of each shard, of so many, for
// limit events. It is twice the average and some more, so that one call usually
// suffices.
func eachOf(limit, shards int) int { return min(limit, 2*limit/shards+12) }

// split returns the runs of a read of at most each events of every shard.
func split(read []stored, each int) (runs []run) {
	slices.SortFunc(read, func(a, b stored) int { return cmp.Or(cmp.Compare(a.shard, b.shard), byPlace(a, b)) })
	for len(read) > 0 {
		n := slices.IndexFunc(read, func(s stored) bool { return s.shard != read[0].shard })
		if n < 0 {
			n = len(read)
		}
		runs = append(runs, run{read[:n], n == each})
		read = read[n:]
	}
	return runs
}

// merge returns the first limit events of runs, which are those of split, in the
// order of their places. Where a shard may have more events, next returns up to n
// of those after last. It must not return events that were committed after the
// runs were read, because other shards may have earlier ones.
func merge(runs []run, each, limit int, next func(last stored, n int) ([]stored, error)) (merged []stored, err error) {
	for len(merged) < limit {
		var first *run
		for i := range runs {
			if r := &runs[i]; len(r.events) > 0 && (first == nil || byPlace(r.events[0], first.events[0]) < 0) {
				first = r
			}
		}
		if first == nil {
			break
		}
		last := first.events[0]
		merged, first.events = append(merged, last), first.events[1:]
		if n := min(2*each, limit-len(merged)); len(first.events) == 0 && first.more && n > 0 {
			if first.events, err = next(last, n); err != nil {
				return nil, err
			}
			first.more = len(first.events) == n
		}
	}
	return merged, nil
}

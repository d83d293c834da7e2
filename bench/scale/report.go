package main

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
)

// report writes the tables of docs/scale.md.
func report(out io.Writer, root fs.FS, p prices) error {
	now, before := map[string]*schema{}, map[string]*schema{}
	for service := range databases {
		var err error
		if now[service], err = load(root, service, false); err != nil {
			return err
		}
		if before[service], err = load(root, service, true); err != nil {
			return err
		}
	}
	fmt.Fprint(out, "Rows that one write takes: those of tables, including the event, and entries of indexes. *Before* is with the indexes that `retire` drops, and without their successors.\n\n")
	fmt.Fprint(out, "| Write | tables | index entries | before | bytes | before |\n|---|---|---|---|---|---|\n")
	for _, op := range operations {
		c, b := costs(now, op), costs(before, op)
		fmt.Fprintf(out, "| %s | %d | %d | %d | %s | %s |\n", op.name, c.rows, c.entries, b.entries, thousands(float64(c.bytes)), thousands(float64(b.bytes)))
	}
	hotSpots(out, now["audios"], before["audios"], p)
	bills(out, now, before, p)
	return nil
}

func costs(schemas map[string]*schema, op operation) cost {
	w := newWorld(random)
	return schemas[op.service].cost(op.changes(w, 0))
}

// even is the share up to which a range counts as one of many.
const even = 2.0 / ranges

// hotSpot is an index with a range that new entries share.
type hotSpot struct {
	name   string
	shares []float64 // by idModes
}

// hotSpots writes the indexes of sessions with their hottest ranges.
func hotSpots(out io.Writer, now, before *schema, p prices) {
	fmt.Fprintf(out, "\nThe share of new sessions that write to the hottest range of a table or index, for three ways in which clients choose session ids, and the creates per second at which that range has as much to do as a node can do (%s rows a second). One owner has all sessions. The others are spread over all ranges, whose number grows with the data.\n\n", thousands(p.nodeWrites))
	fmt.Fprintf(out, "| Table or index | ids %s | at most |\n|---|%s---|\n", strings.Join(idModes, " | "), strings.Repeat("---|", len(idModes)))
	write := func(about string, spots []hotSpot) {
		for _, s := range spots {
			fmt.Fprintf(out, "| %s%s |", about, s.name)
			for _, share := range s.shares {
				switch {
				case share <= even:
					fmt.Fprint(out, " spread |")
				case share == 1:
					fmt.Fprint(out, " all |")
				default:
					fmt.Fprintf(out, " 1/%.0f |", 1/share)
				}
			}
			fmt.Fprintf(out, " %s/s |\n", thousands(p.nodeWrites/slices.Max(s.shares)))
		}
	}
	write("", spotsOf(now))
	write("before: ", slices.DeleteFunc(spotsOf(before), func(s hotSpot) bool { return has(now, s.name) }))
}

func has(s *schema, name string) bool {
	return slices.ContainsFunc(s.tables, func(t *table) bool {
		return t.name == name || slices.ContainsFunc(t.indexes, func(i *index) bool { return i.name == name })
	})
}

// spotsOf returns the hot spots of a create, the worst ones first. Indexes with the
// same shares are one.
func spotsOf(s *schema) (spots []hotSpot) {
	names := map[string][]string{}
	shares := map[string][]float64{}
	for _, name := range []string{"Audios", "Documents", "EventLog"} {
		t := s.table(name)
		for _, i := range append([]*index{t.rows}, t.indexes...) {
			var of []float64
			for _, ids := range idModes { // the worse one of with and without an account
				of = append(of, max(t.hottest(i, ids, true), hottestOfNone(t, i, ids)))
			}
			if key := fmt.Sprint(of); slices.Max(of) > even {
				names[key], shares[key] = append(names[key], i.name), of
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(names)) {
		spots = append(spots, hotSpot{strings.Join(names[key], ", "), shares[key]})
	}
	slices.SortStableFunc(spots, func(a, b hotSpot) int { return cmp.Compare(slices.Max(b.shares), slices.Max(a.shares)) })
	return spots
}

// hottestRandom returns the share of new sessions with random ids that write to the
// hottest range.
func hottestRandom(s *schema) (share float64) {
	for _, spot := range spotsOf(s) {
		share = max(share, spot.shares[0])
	}
	return share
}

// hottestOfNone is hottest for sessions without an account, which a sparse index
// does not have.
func hottestOfNone(t *table, i *index, ids string) float64 {
	if slices.Contains(i.notNull, "AccountId") {
		return 0
	}
	return t.hottest(i, ids, false)
}

// bills writes the costs of 1,000 writes a second.
func bills(out io.Writer, now, before map[string]*schema, p prices) {
	const writes = 1000.0
	fmt.Fprintf(out, "\nA month of %s writes a second, in dollars. A row and an index entry are taken for a write of Spanner each, which is more than small entries in one transaction take, at %.0f %% load. Pub/Sub delivers to the service itself, and to other subscriptions: %g.\n\n", thousands(writes), 100*p.load, p.subscriptions)
	fmt.Fprint(out, "| Write | nodes | Spanner | log of 90 days | Pub/Sub | Cloud Storage | Cloud Run | sum | nodes before | sum before |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, op := range operations {
		b, was := p.bill(costs(now, op), writes), p.bill(costs(before, op), writes)
		fmt.Fprintf(out, "| %s | %.1f | %s | %s | %s | %s | %s | %s | %.1f | %s |\n", op.name, b.nodes, thousands(b.compute), thousands(b.log),
			thousands(b.pubsub), thousands(b.objects), thousands(b.run), thousands(b.sum()), was.nodes, thousands(was.sum()))
	}
	create := operations[1]
	ten := p.bill(costs(now, create), 10*writes)
	fmt.Fprintf(out, "\n10,000 creates a second (%s) take %.0f nodes and %s $. With random ids, the hottest range gets %s of its %s rows a second.\n",
		strings.TrimPrefix(create.name, "session created, "), ten.nodes, thousands(ten.sum()), thousands(10*writes*hottestRandom(now["audios"])), thousands(p.nodeWrites))
	fmt.Fprint(out, "\nStorage of resources, without the log, and what it costs in a month:\n\n")
	fmt.Fprintf(out, "| Resource | bytes | before | 1,000,000,000 | before | a year of %s creates a second |\n|---|---|---|---|---|---|\n", thousands(writes))
	for _, op := range operations {
		c, b := costs(now, op), costs(before, op)
		if !strings.Contains(op.name, "created") {
			continue
		}
		fmt.Fprintf(out, "| %s | %s | %s | %.1f TB, %s $ | %.1f TB, %s $ | %.0f TB, %s $ |\n", op.name, thousands(float64(c.stored)), thousands(float64(b.stored)),
			float64(c.stored)/1000, thousands(p.kept(c, 1e9)), float64(b.stored)/1000, thousands(p.kept(b, 1e9)),
			float64(c.stored)*writes*year/1e12, thousands(p.kept(c, writes*year)))
	}
}

func (b bill) sum() float64 { return b.compute + b.log + b.pubsub + b.objects + b.run }

// thousands formats a number with three significant digits.
func thousands(n float64) string {
	if n >= 1000 {
		unit := math.Pow(10, math.Floor(math.Log10(n))-2)
		n = math.Round(n/unit) * unit
	}
	digits := fmt.Sprintf("%.0f", n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

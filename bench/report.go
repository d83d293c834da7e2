package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// row is the measurements of an operation, one result for each round.
type row struct {
	operation
	product, limit []result
}

// ratio returns the ratio of the requests per second: the median over the
// rounds.
func (r row) ratio() float64 {
	return r.ratioOf(func(one result) float64 { return one.perSecond })
}

// cpuRatio is that of the CPU time of a request.
func (r row) cpuRatio() float64 {
	return r.ratioOf(func(one result) float64 { return float64(one.cpu) })
}

func (r row) ratioOf(value func(result) float64) float64 {
	var ratios []float64
	for i := range r.limit {
		ratios = append(ratios, value(r.product[i])/value(r.limit[i]))
	}
	return median(ratios)
}

// medianOf returns the result of medians.
func medianOf(rs []result) result {
	of := func(value func(result) time.Duration) time.Duration {
		var values []time.Duration
		for _, r := range rs {
			values = append(values, value(r))
		}
		return median(values)
	}
	var rates []float64
	for _, r := range rs {
		rates = append(rates, r.perSecond)
	}
	return result{
		perSecond: median(rates),
		p50:       of(func(r result) time.Duration { return r.p50 }),
		p99:       of(func(r result) time.Duration { return r.p99 }),
		cpu:       of(func(r result) time.Duration { return r.cpu }),
	}
}

// median returns the middle one of values, the lower one of two; values are
// sorted by it and not empty.
func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// printRows prints the operations. The limit of the last three is the insert
// of one row, which each of them also does.
func printRows(out io.Writer, rows []row) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\noperation\treq/s\tp50 ms\tp99 ms\tCPU us/req\tlimit req/s\tp99 ms\tCPU us/req\tratio\tat least\t")
	for _, r := range rows {
		p := medianOf(r.product)
		fmt.Fprintf(w, "%s\t%.0f\t%s\t%s\t%s\t", r.name, p.perSecond, millis(p.p50), millis(p.p99), micros(p.cpu))
		if r.limit == nil {
			fmt.Fprint(w, "\t\t\t\t\t\n")
			continue
		}
		l := medianOf(r.limit)
		fmt.Fprintf(w, "%.0f\t%s\t%s\t%.2f\t%.2f\t\n", l.perSecond, millis(l.p99), micros(l.cpu), r.ratio(), r.atLeast)
	}
	_ = w.Flush()
}

// The targets for the product on an empty folder, and after the run.
const (
	mostStart = 25 * time.Millisecond
	mostIdle  = 28e6 // bytes
	mostAfter = 80e6
)

// printSides prints the programs.
func printSides(out io.Writer, sides []side) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\n\tstart ms: empty\twith the data\tmemory MB: idle\tafter the run\tpeak\t")
	for _, s := range sides {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t\n", s.name,
			millis(s.fresh), millis(s.again), megabytes(s.idle), megabytes(s.after), megabytes(s.peakMemory))
	}
	fmt.Fprintf(w, "at most\t%s\t\t%s\t%s\t\t\n", millis(mostStart), megabytes(mostIdle), megabytes(mostAfter))
	_ = w.Flush()
}

func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64)
}

func micros(d time.Duration) string { return orDash(float64(d) / float64(time.Microsecond)) }

func megabytes(n int64) string { return orDash(float64(n) / 1e6) }

// orDash formats a value, or a dash for 0, which means unknown.
func orDash(v float64) string {
	if v == 0 {
		return "-"
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

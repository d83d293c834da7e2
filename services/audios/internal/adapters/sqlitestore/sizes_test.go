package sqlitestore

import (
	"slices"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

// BenchmarkSizes reports the time of each row of a page of 1,000,000 audios as
// us/row, and its ratio to that of 1,000 audios as 1e6/1e3.
func BenchmarkSizes(b *testing.B) {
	stores, sizes := map[int]*Store{}, []int{1_000, 1_000_000}
	for _, rows := range sizes {
		db := open(b)
		fill(b, db, rows)
		stores[rows] = New(db, sqlitelog.New(db, time.Now), nil)
	}
	created, updated := list.Order{By: list.ByCreated}, list.Order{By: list.ByUpdated, Desc: true}
	one := &app.Range{Min: 3, Max: 3}
	for name, query := range map[string]func(rows int64) app.Query{
		"by id":       func(int64) app.Query { return app.Query{} },
		"by creation": func(int64) app.Query { return app.Query{Options: list.Options{Order: created}} },
		"half of the ids by creation": func(rows int64) app.Query {
			return app.Query{SessionID: &app.Range{Min: rows / 2, Max: rows}, Options: list.Options{Order: created}}
		},
		"ten ids by creation": func(rows int64) app.Query {
			return app.Query{SessionID: &app.Range{Min: rows - 10, Max: rows}, Options: list.Options{Order: created}}
		},
		"step by creation":           func(int64) app.Query { return app.Query{StepCount: one, Options: list.Options{Order: created}} },
		"step by update, descending": func(int64) app.Query { return app.Query{StepCount: one, Options: list.Options{Order: updated}} },
		"tick and step by creation": func(int64) app.Query {
			return app.Query{SelectedTick: one, StepCount: one, Options: list.Options{Order: created}}
		},
		"ticks and steps by id": func(int64) app.Query {
			return app.Query{SelectedTick: &app.Range{Min: 3, Max: 5}, StepCount: &app.Range{Min: 2, Max: 4}}
		},
		"updated since half, by id": func(rows int64) app.Query {
			return app.Query{Options: list.Options{UpdatedSince: time.UnixMicro(rows / 2)}}
		},
		"no match, by creation": func(int64) app.Query {
			return app.Query{StepCount: &app.Range{Min: 77, Max: 77}, Options: list.Options{Order: created}}
		},
		"total":           func(int64) app.Query { return app.Query{Options: list.Options{Total: true}} },
		"total of a step": func(int64) app.Query { return app.Query{StepCount: one, Options: list.Options{Total: true}} },
		"total of a step since a time": func(rows int64) app.Query {
			return app.Query{StepCount: one, Options: list.Options{UpdatedSince: time.UnixMicro(rows / 2), Total: true}}
		},
	} {
		b.Run(name, func(b *testing.B) {
			cost := map[int]time.Duration{}
			for b.Loop() {
				for _, rows := range sizes {
					q := query(int64(rows))
					q.Limit = 50
					var times []time.Duration
					for range 21 {
						begun := time.Now()
						page, err := stores[rows].List(b.Context(), q)
						if err != nil {
							b.Fatal(err)
						}
						times = append(times, time.Since(begun)/time.Duration(max(1, len(page.Items))))
						if len(times) == 1 && rows == sizes[1] {
							b.ReportMetric(float64(len(page.Items)), "rows")
						}
					}
					slices.Sort(times)
					cost[rows] = times[len(times)/2]
				}
			}
			b.ReportMetric(float64(cost[sizes[1]])/float64(cost[sizes[0]]), "1e6/1e3")
			b.ReportMetric(float64(cost[sizes[1]].Microseconds()), "us/row")
		})
	}
}

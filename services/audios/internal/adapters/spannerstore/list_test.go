//go:build cloud

package spannerstore

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

// queries yields a list query for every combination of filters and order.
func queries(yield func(app.Query) bool) {
	filters := []*app.Range{nil, {Min: 3, Max: 3}, {Min: 3, Max: 4}}
	for i := range 81 * 16 {
		for _, by := range []string{list.ByID, list.ByCreated, list.ByUpdated} {
			q := app.Query{
				SessionID:    filters[i%3],
				AccountID:    filters[i/3%3],
				SelectedTick: filters[i/9%3],
				StepCount:    filters[i/27%3],
				Options:      list.Options{Order: list.Order{By: by, Desc: i/324%2 == 1}, Limit: 10},
			}
			if i/81%2 == 1 {
				q.SessionIDs = []int64{3, 4}
			}
			if i/162%2 == 1 {
				q.UpdatedSince = time.Unix(1, 0)
			}
			if i/648 == 1 {
				q.Owner = "key:a"
			}
			if !yield(q) {
				return
			}
		}
	}
}

var (
	between = regexp.MustCompile(`(BETWEEN @\w+) AND `)
	listed  = regexp.MustCompile(`FROM Audios@\{FORCE_INDEX=(\w+)\}(?: WHERE (.*?))?(?: ORDER BY (.*?) LIMIT @limit|$)`)
	// A filter, except for the one that selects a range of times.
	fixes = regexp.MustCompile(`^(\w+) (?:= @\w+|= part\.\w+|IN UNNEST\(@sessionids\)|BETWEEN @\w+ TO @\w+)$`)
)

// Every statement of List names an index. The index begins with a column that a
// filter fixes, or is in the order of the list, for times within each shard.
func TestEveryListIsServedByAnIndex(t *testing.T) {
	store, db := open(t)
	indexed := spannerdbtest.Indexes(t, db, "Audios")
	number := 0
	for q := range queries {
		statement := pageStatement(q)
		m := listed.FindStringSubmatch(statement.SQL)
		if m == nil {
			t.Fatalf("%s names no index", statement.SQL)
		}
		if !served(indexed[m[1]], conditions(m[2]), strings.Split(m[3], ", ")) {
			t.Errorf("%s\nis not served by %v", statement.SQL, indexed[m[1]])
		}
		count := countStatement(q).SQL
		if c := listed.FindStringSubmatch(count); len(c) == 0 || (c[2] != "" && !served(indexed[c[1]], conditions(c[2]), nil)) {
			t.Errorf("%s\nis not served by an index", count)
		}
		number++
		if number%7 > 0 { // the emulator is slow
			continue
		}
		q.Total = true
		if _, err := store.List(t.Context(), q); err != nil {
			t.Errorf("%s: %v", statement.SQL, err)
		}
	}
}

// conditions splits the WHERE clause.
func conditions(where string) []string {
	return strings.Split(between.ReplaceAllString(where, "$1 TO "), " AND ")
}

func served(index, conditions, order []string) bool {
	if len(index) == 0 {
		return false
	}
	for _, c := range conditions {
		if index[0] == "SessionId" && order != nil && order[0] == "SessionId DESC" && strings.Contains(c, " TO ") {
			continue // would be read in the wrong direction
		}
		column := index[0]
		if order == nil { // the direction does not matter
			column = strings.TrimSuffix(column, " DESC")
		}
		if m := fixes.FindStringSubmatch(c); len(m) > 0 && m[1] == column {
			return true // the rows match a filter, and are sorted if necessary
		}
	}
	if index[0] == "Shard" {
		if slices.Contains(conditions, "Shard IN "+allShards) {
			return index[1] == "UpdatedAt" && slices.Contains(conditions, "UpdatedAt >= @since")
		}
		if !slices.Contains(conditions, "Shard = part") {
			return false
		}
		index = index[1:]
	}
	if len(index) < len(order) {
		index = append(slices.Clone(index), "SessionId") // every index ends with the session id
	}
	return len(order) > 0 && slices.Equal(index, order)
}

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
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// queries yields a list query for every combination of filters and order.
func queries(yield func(app.Query) bool) {
	text, email := "x", domain.Email("x@y")
	for mask := range 128 {
		for _, by := range []string{list.ByID, list.ByCreated, list.ByUpdated} {
			q := app.Query{Options: list.Options{Order: list.Order{By: by, Desc: mask&32 != 0}, Limit: 10}}
			if mask&1 != 0 {
				q.Name = &text
			}
			if mask&2 != 0 {
				q.Address = &text
			}
			if mask&4 != 0 {
				q.Email = &email
			}
			if mask&8 != 0 {
				q.IDs = []int64{1, 2}
			}
			if mask&16 != 0 {
				q.UpdatedSince = time.Unix(1, 0)
			}
			if mask&64 != 0 {
				q.Owner = "key:a"
			}
			if !yield(q) {
				return
			}
		}
	}
}

var (
	listed = regexp.MustCompile(`FROM Accounts@\{FORCE_INDEX=(\w+)\}(?: WHERE (.*?))?(?: ORDER BY (.*?) LIMIT @limit|$)`)
	// A filter, except for the one that selects a range of times.
	equals = regexp.MustCompile(`^(\w+) (?:= @\w+|IN UNNEST\(@ids\))$`)
)

// Every statement of List names an index. The index begins with a column that a
// filter fixes, or is in the order of the list, for times within each shard.
func TestEveryListIsServedByAnIndex(t *testing.T) {
	store, db := open(t)
	indexed := spannerdbtest.Indexes(t, db, "Accounts")
	for q := range queries {
		statement := pageStatement(q)
		m := listed.FindStringSubmatch(statement.SQL)
		if m == nil {
			t.Fatalf("%s names no index", statement.SQL)
		}
		if !served(indexed[m[1]], strings.Split(m[2], " AND "), strings.Split(m[3], ", ")) {
			t.Errorf("%s\nis not served by %v", statement.SQL, indexed[m[1]])
		}
		count := countStatement(q).SQL
		if c := listed.FindStringSubmatch(count); len(c) == 0 || (c[2] != "" && !served(indexed[c[1]], strings.Split(c[2], " AND "), nil)) {
			t.Errorf("%s\nis not served by an index", count)
		}
		q.Total = true
		if _, err := store.List(t.Context(), q); err != nil {
			t.Errorf("%s: %v", statement.SQL, err)
		}
	}
}

func served(index, conditions, order []string) bool {
	if len(index) == 0 {
		return false
	}
	for _, c := range conditions {
		if m := equals.FindStringSubmatch(c); len(m) > 0 && m[1] == index[0] {
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
		index = append(slices.Clone(index), "Id") // every index ends with the id
	}
	return len(order) > 0 && slices.Equal(index, order)
}

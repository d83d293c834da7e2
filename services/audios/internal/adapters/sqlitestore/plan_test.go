package sqlitestore

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

func TestEveryListIsServedByAnIndex(t *testing.T) {
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "audios.db"), Migrations())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	n := new(int64(3))
	for _, c := range []struct {
		name, index string
		q           app.Query
	}{
		{"all", "PRIMARY KEY", app.Query{}},
		{"session", "PRIMARY KEY", app.Query{SessionID: n, AccountID: n, SelectedTick: n, StepCount: n}},
		{"ids", "PRIMARY KEY", app.Query{SessionIDs: []int64{3, 4}}},
		{"account", "audios_by_account (", app.Query{AccountID: n}},
		{"account and the rest", "audios_by_account (", app.Query{AccountID: n, SelectedTick: n, StepCount: n}},
		{"selected tick", "audios_by_selected_tick (", app.Query{SelectedTick: n}},
		{"step count", "audios_by_step_count (", app.Query{StepCount: n}},
		{"selected tick and step count", "audios_by_selected_tick_and_step_count (", app.Query{SelectedTick: n, StepCount: n}},
	} {
		c.q.Limit = 10
		query, args, err := selectPage(c.q)
		if err != nil {
			t.Fatal(err)
		}
		plan := explain(t, db, query, args)
		if strings.Contains(plan, "SCAN audios") || strings.Contains(plan, "TEMP B-TREE") || !strings.Contains(plan, c.index) {
			t.Errorf("%s: not served by %s:\n%s", c.name, c.index, plan)
		}
	}
}

func explain(t *testing.T, db *sqlitedb.DB, query string, args []any) (plan string) {
	t.Helper()
	rows, err := db.Query(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan += detail + "\n"
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

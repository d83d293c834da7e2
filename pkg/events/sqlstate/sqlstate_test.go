package sqlstate_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/sqlstate"
	"github.com/concha-labs/backend/pkg/events/statetest"
)

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.ExecContext(t.Context(), sqlstate.Schema); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestSQLState(t *testing.T) {
	statetest.Run(t, func(t *testing.T) (a, b events.State[*sql.Tx]) {
		path := filepath.Join(t.TempDir(), "consumer.db")
		return sqlstate.New(open(t, path), "suite"), sqlstate.New(open(t, path), "suite")
	})
}

func TestConsumersShareADatabase(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "consumer.db"))
	for _, name := range []string{"mails", "search"} {
		err := sqlstate.New(db, name).Update(t.Context(), "account/1", func(_ *sql.Tx, last int64) (int64, error) {
			if last != 0 {
				t.Errorf("%s begins after version %d", name, last)
			}
			return 3, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A change takes effect once, although its first handling fails after the
// effect and is then repeated several times.
func TestEffectAndVersionAreCommittedTogether(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "consumer.db"))
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE effects (id TEXT)"); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken after the effect")
	failure := broken
	consumer := events.Consumer[*sql.Tx]{
		State: sqlstate.New(db, "effects"),
		Apply: func(ctx context.Context, tx *sql.Tx, change events.Decoded) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO effects VALUES ($1)", change.Envelope().ID())
			return errors.Join(err, failure)
		},
	}
	change := events.AccountDeleted{Event: events.Event{Subject: "account/1", Version: 1}}
	for _, want := range []error{broken, nil, nil, nil} {
		failure = want
		if err := consumer.Handle(t.Context(), change); !errors.Is(err, want) {
			t.Fatalf("got %v, not %v", err, want)
		}
	}
	var effects int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM effects").Scan(&effects); err != nil || effects != 1 {
		t.Errorf("%d effects, %v", effects, err)
	}
}

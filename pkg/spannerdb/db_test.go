//go:build cloud

package spannerdb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

var schema = spannerdb.Migrations{Component: "test", Files: fstest.MapFS{
	"migrations/001_counters.sql": {Data: []byte(`
		-- A semicolon in a comment; is none.
		CREATE TABLE IF NOT EXISTS Counters (Id INT64 NOT NULL, Name STRING(MAX), N INT64) PRIMARY KEY (Id);
		CREATE UNIQUE INDEX IF NOT EXISTS CountersByName ON Counters (Name);`)},
	"migrations/002_note.sql": {Data: []byte("ALTER TABLE Counters ADD COLUMN IF NOT EXISTS Note STRING(MAX);\n")},
}}

var migrations = []spannerdb.Migrations{schema}

func insert(ctx context.Context, db *spannerdb.DB, id int64, name string) error {
	return db.ReadWrite(ctx, func(_ context.Context, tx *spannerdb.Tx) error {
		return tx.BufferWrite([]*spanner.Mutation{spanner.Insert("Counters", []string{"Id", "Name", "N"}, []any{id, name, 0})})
	})
}

func counter(ctx context.Context, db *spannerdb.DB, id int64) (n int64, err error) {
	err = db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		row, err := tx.ReadRow(ctx, "Counters", spanner.Key{id}, []string{"N"})
		if err != nil {
			return err
		}
		return row.Columns(&n)
	})
	return n, err
}

func increment(ctx context.Context, db *spannerdb.DB, id int64, meanwhile func(tx *spannerdb.Tx) error) error {
	return db.ReadWrite(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		row, err := tx.ReadRow(ctx, "Counters", spanner.Key{id}, []string{"N"})
		if err != nil {
			return err
		}
		var n int64
		if err := row.Columns(&n); err != nil {
			return err
		}
		if err := meanwhile(tx); err != nil {
			return err
		}
		return tx.BufferWrite([]*spanner.Mutation{spanner.Update("Counters", []string{"Id", "N"}, []any{id, n + 1})})
	})
}

func nothing(*spannerdb.Tx) error { return nil }

func TestReadWrite(t *testing.T) {
	name := spannerdbtest.New(t, schema)
	db := spannerdbtest.Open(t, name, migrations)
	if err := insert(t.Context(), db, 1, "one"); err != nil {
		t.Fatal(err)
	}

	t.Run("tells what is taken", func(t *testing.T) {
		for want, err := range map[string]error{
			"Counters":       insert(t.Context(), db, 1, "other"),
			"CountersByName": insert(t.Context(), db, 2, "one"),
		} {
			if got, ok := spannerdb.Duplicate(err); got != want || !ok {
				t.Errorf("Duplicate(%v) = %q, want %q", err, got, want)
			}
		}
	})
	t.Run("returns the error of do, and undoes", func(t *testing.T) {
		refused, committed := errors.New("refused"), false
		err := increment(t.Context(), db, 1, func(tx *spannerdb.Tx) error {
			tx.OnCommit(func() { committed = true })
			return refused
		})
		if !errors.Is(err, refused) || committed {
			t.Errorf("ReadWrite = %v, committed %v", err, committed)
		}
		if n, err := counter(t.Context(), db, 1); n != 0 || err != nil {
			t.Errorf("counter = %d, %v, want 0", n, err)
		}
	})
	t.Run("a row that is not there", func(t *testing.T) {
		if _, err := counter(t.Context(), db, 404); !errors.Is(err, spanner.ErrRowNotFound) {
			t.Errorf("Read = %v, want ErrRowNotFound", err)
		}
		if err := increment(t.Context(), db, 404, nothing); !errors.Is(err, spanner.ErrRowNotFound) {
			t.Errorf("ReadWrite = %v, want ErrRowNotFound", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := increment(ctx, db, 1, func(*spannerdb.Tx) error { cancel(); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ReadWrite = %v, want context.Canceled", err)
		}
		if err := increment(t.Context(), db, 1, nothing); err != nil { // the open transaction does not block others
			t.Errorf("ReadWrite: %v", err)
		}
	})
}

// Two clients act as two processes: Spanner aborts one of their transactions.
func TestReadWriteRunsAgain(t *testing.T) {
	name := spannerdbtest.New(t, schema)
	first, second := spannerdbtest.Open(t, name, migrations), spannerdbtest.Open(t, name, migrations)
	if err := insert(t.Context(), first, 1, "one"); err != nil {
		t.Fatal(err)
	}
	const writers, each = 4, 10
	var runs, committed atomic.Int64
	var wg sync.WaitGroup
	for i := range writers {
		db := []*spannerdb.DB{first, second}[i%2]
		wg.Go(func() {
			for range each {
				if err := increment(t.Context(), db, 1, func(tx *spannerdb.Tx) error {
					runs.Add(1)
					tx.OnCommit(func() { committed.Add(1) })
					return nil
				}); err != nil {
					t.Errorf("ReadWrite: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if n, err := counter(t.Context(), first, 1); n != writers*each || err != nil {
		t.Errorf("counter = %d, %v, want %d", n, err, writers*each)
	}
	if committed.Load() != writers*each {
		t.Errorf("OnCommit ran %d times in %d runs, want %d", committed.Load(), runs.Load(), writers*each)
	}
}

func TestMaxWrites(t *testing.T) {
	name := spannerdbtest.New(t, schema)
	db := spannerdbtest.Open(t, name, migrations) // one at a time
	if err := insert(t.Context(), db, 1, "one"); err != nil {
		t.Fatal(err)
	}
	var underWay, most atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := increment(t.Context(), db, 1, func(*spannerdb.Tx) error {
				most.Store(max(most.Load(), underWay.Add(1)))
				underWay.Add(-1)
				return nil
			}); err != nil {
				t.Errorf("ReadWrite: %v", err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("%d transactions at once, want 1", most.Load())
	}

	ctx, cancel := context.WithCancel(t.Context())
	err := increment(t.Context(), db, 1, func(*spannerdb.Tx) error {
		cancel()
		if err := insert(ctx, db, 2, "two"); !errors.Is(err, context.Canceled) {
			return fmt.Errorf("cancelled while it waits: %w", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

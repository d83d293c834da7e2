package sqlitedb_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// endless is a statement that takes longer than any test.
const endless = `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n`

// hold begins as many calls of Read as may be under way. They end when release
// is called, which waits for their end.
func hold(t *testing.T, db *sqlitedb.DB) (release func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var holding, ended sync.WaitGroup
	for range sqlitedb.LongReads(db) {
		holding.Add(1)
		ended.Go(func() {
			_ = db.Read(ctx, func(*sqlitedb.ReadTx) error {
				holding.Done()
				<-ctx.Done()
				return nil
			})
		})
	}
	holding.Wait()
	return func() {
		cancel()
		ended.Wait()
	}
}

func TestShortReadsDoNotWaitForLongOnes(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	release := hold(t, db)
	defer release()
	if n := count(t, db, "things"); n != 0 {
		t.Errorf("%d things", n)
	}
	n := -1
	if err := db.ReadShort(t.Context(), func(tx *sqlitedb.ReadTx) error {
		return tx.QueryRow("SELECT count(*) FROM things").Scan(&n)
	}); err != nil || n != 0 {
		t.Errorf("ReadShort: %d things, %v", n, err)
	}
	// Another read waits until its client leaves.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- db.Read(ctx, func(*sqlitedb.ReadTx) error { return errors.New("began") })
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Read = %v, want context.Canceled", err)
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Read(ctx, func(tx *sqlitedb.ReadTx) error {
		cancel()
		return tx.QueryRow(endless).Scan(new(int))
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Read = %v, want context.Canceled", err)
	}
	// The connection serves the next one.
	if err := db.Read(t.Context(), func(tx *sqlitedb.ReadTx) error {
		return tx.QueryRow("SELECT count(*) FROM things").Scan(new(int))
	}); err != nil {
		t.Errorf("the next Read = %v", err)
	}
}

func TestReadHasATimeLimit(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	if limit := sqlitedb.SetReadTime(db, 100*time.Millisecond); limit != 5*time.Second {
		t.Errorf("the limit is %v", limit)
	}
	err := db.Read(t.Context(), func(tx *sqlitedb.ReadTx) error { return tx.QueryRow(endless).Scan(new(int)) })
	if !errors.Is(err, sqlitedb.ErrUnavailable) {
		t.Errorf("Read = %v, want ErrUnavailable", err)
	}
}

// A short read that has begun completes.
func TestReadShortAndItsContext(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	ctx, cancel := context.WithCancel(t.Context())
	if err := db.ReadShort(ctx, func(tx *sqlitedb.ReadTx) error {
		cancel()
		return tx.QueryRow("SELECT count(*) FROM things").Scan(new(int))
	}); err != nil {
		t.Errorf("ReadShort = %v", err)
	}
	began := false
	if err := db.ReadShort(ctx, func(*sqlitedb.ReadTx) error { began = true; return nil }); !errors.Is(err, context.Canceled) || began {
		t.Errorf("ReadShort = %v after the end of its context, began %t", err, began)
	}
}

func TestReadSeesOneState(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	if err := db.Read(t.Context(), func(tx *sqlitedb.ReadTx) error {
		var before, after int
		if err := tx.QueryRow("SELECT count(*) FROM notes").Scan(&before); err != nil {
			return err
		}
		exec(t, db, "INSERT INTO notes (thing) VALUES (1)")
		if err := tx.QueryRow("SELECT count(*) FROM notes").Scan(&after); err != nil {
			return err
		}
		if before != 0 || after != 0 {
			t.Errorf("%d notes, then %d", before, after)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "notes"); n != 1 {
		t.Errorf("%d notes, want 1", n)
	}
}

func TestReadOfAClosedDatabase(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Read(t.Context(), func(*sqlitedb.ReadTx) error { return nil }); err == nil {
		t.Error("Read succeeds")
	}
}

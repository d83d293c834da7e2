package sqlitekeys_test

import (
	"context"
	"crypto/sha256"
	"path/filepath"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/idempotency/idempotencytest"
	"github.com/concha-labs/backend/pkg/idempotency/sqlitekeys"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

func open(t *testing.T) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "keys.db"), sqlitekeys.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

type tx struct {
	keys *sqlitekeys.Keys
	*sqlitedb.Tx
}

func (t tx) Find(r idempotency.Request, result any) (bool, error) {
	return t.keys.Find(t.Tx, r, result)
}

func (t tx) Record(r idempotency.Request, result any) error { return t.keys.Record(t.Tx, r, result) }

func TestKeys(t *testing.T) {
	db := open(t)
	idempotencytest.Run(t, func(ctx context.Context, now func() time.Time, do func(idempotencytest.Tx) error) error {
		return db.Write(ctx, func(t *sqlitedb.Tx) error { return do(tx{sqlitekeys.New(db, now), t}) })
	})
}

func TestPurge(t *testing.T) {
	db := open(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	keys := sqlitekeys.New(db, func() time.Time { return now })
	record := func(n int) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
			for i := range n {
				if err := keys.Record(tx, idempotency.Request{Key: sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(n)})}, i); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	const old = 1500 // more than one step
	record(old)
	now = now.Add(idempotency.Retention)
	record(3)
	for _, want := range []int64{old, 0} {
		if removed, err := keys.Purge(t.Context()); removed != want || err != nil {
			t.Errorf("Purge = %d, %v, want %d", removed, err, want)
		}
	}
	now = now.Add(idempotency.Retention)
	if removed, err := keys.Purge(t.Context()); removed != 3 || err != nil {
		t.Errorf("Purge = %d, %v, want the young ones a day later", removed, err)
	}
}

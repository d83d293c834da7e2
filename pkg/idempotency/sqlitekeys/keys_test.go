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

func (t tx) Find(r idempotency.Request) (idempotency.Recorded, error) {
	return t.keys.Find(t.Tx, r)
}

func (t tx) Record(r idempotency.Request, parts ...idempotency.Part) error {
	return t.keys.Record(t.Tx, r, parts...)
}

func (t tx) Erase(subject string) error { return t.keys.Erase(t.Tx, subject) }

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
				if err := keys.Record(tx, idempotency.Request{Key: sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(n)})}, idempotency.Part{Result: i}); err != nil {
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

// Records of an older version have their results undivided.
func TestUndividedResults(t *testing.T) {
	db := open(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	keys := sqlitekeys.New(db, func() time.Time { return now })
	one, many := idempotency.Request{Key: sha256.Sum256([]byte("one"))}, idempotency.Request{Key: sha256.Sum256([]byte("many"))}
	if err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
		for r, text := range map[idempotency.Request]string{one: `{"N":1}`, many: `[{"N":1},{"N":2}]`} {
			if _, err := tx.Exec(`INSERT INTO idempotency_keys (id, body, result, created_at) VALUES (?, ?, ?, ?)`,
				r.Key[:], r.Body[:], text, now.UnixMicro()); err != nil {
				return err
			}
		}
		recorded, err := keys.Find(tx, one)
		if err != nil {
			return err
		}
		var got struct{ N int }
		if found, err := recorded.One(&got); !found || err != nil || got.N != 1 {
			t.Errorf("one: %v, %v, %+v", found, err, got)
		}
		if recorded, err = keys.Find(tx, many); err != nil {
			return err
		}
		results, found, err := idempotency.Outcomes(recorded, func(r struct{ N int }) (int, *idempotency.Refusal) { return r.N, nil })
		if !found || err != nil || len(results) != 2 || results[1].Result != 2 {
			t.Errorf("many: %v, %v, %+v", found, err, results)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

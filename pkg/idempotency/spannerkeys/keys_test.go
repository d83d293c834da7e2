//go:build cloud

package spannerkeys_test

import (
	"context"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/idempotency/idempotencytest"
	"github.com/concha-labs/backend/pkg/idempotency/spannerkeys"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

type tx struct {
	ctx  context.Context //nolint:containedctx // of the transaction
	keys *spannerkeys.Keys
	*spannerdb.Tx
}

func (t tx) Find(r idempotency.Request) (idempotency.Recorded, error) {
	return t.keys.Find(t.ctx, t.Tx, r)
}

func (t tx) Record(r idempotency.Request, parts ...idempotency.Part) error {
	return t.keys.Record(t.Tx, r, parts...)
}

func (t tx) Erase(subject string) error { return t.keys.Erase(t.Tx, subject) }

func TestKeys(t *testing.T) {
	migrations := []spannerdb.Migrations{spannerkeys.Migrations()}
	name := spannerdbtest.New(t, migrations...)
	// Two processes that take turns.
	dbs := make(chan *spannerdb.DB, 2)
	dbs <- spannerdbtest.Open(t, name, migrations)
	dbs <- spannerdbtest.Open(t, name, migrations)
	idempotencytest.Run(t, func(ctx context.Context, now func() time.Time, do func(idempotencytest.Tx) error) error {
		db := <-dbs
		defer func() { dbs <- db }()
		return db.ReadWrite(ctx, func(ctx context.Context, t *spannerdb.Tx) error { return do(tx{ctx, spannerkeys.New(now), t}) })
	})
}

//go:build cloud

package spannerlog_test

import (
	"context"
	"testing"

	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

type tx struct {
	ctx context.Context //nolint:containedctx // of the transaction
	log *spannerlog.Log
	*spannerdb.Tx
}

func (t tx) Append(e events.Event) error { return t.log.Append(t.Tx, e) }
func (t tx) Redact(subject string) error { return t.log.Redact(t.ctx, t.Tx, subject) }

func writeTo(db *spannerdb.DB, log *spannerlog.Log) func(context.Context, func(eventlogtest.Tx) error) error {
	return func(ctx context.Context, do func(eventlogtest.Tx) error) error {
		return db.ReadWrite(ctx, func(ctx context.Context, t *spannerdb.Tx) error { return do(tx{ctx, log, t}) })
	}
}

func TestLog(t *testing.T) {
	migrations := []spannerdb.Migrations{spannerlog.Migrations()}
	name := spannerdbtest.New(t, migrations...)
	db, other := spannerdbtest.Open(t, name, migrations), spannerdbtest.Open(t, name, migrations)
	log := spannerlog.New(db)
	eventlogtest.Run(t, eventlogtest.Backend{
		Log: log, Write: writeTo(db, log), Elsewhere: writeTo(other, spannerlog.New(other)),
	})
}

//go:build cloud

package spannerdb_test

import (
	"context"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/concha-labs/backend/pkg/priority"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

// Increment is an exported function that calls ReadWrite through others.
func Increment(ctx context.Context, db *spannerdb.DB) error { return increment(ctx, db, 1, nothing) }

// Count is an exported function that calls Read.
func Count(ctx context.Context, db *spannerdb.DB) error {
	_, err := counter(ctx, db, 1)
	return err
}

func TestRequestsHaveTagsAndPriorities(t *testing.T) {
	var c spannerdbtest.Calls
	name := spannerdbtest.New(t, schema)
	db := spannerdbtest.Open(t, name, migrations, c.Options()...)
	if err := insert(t.Context(), db, 1, "one"); err != nil {
		t.Fatal(err)
	}
	const low = spannerpb.RequestOptions_PRIORITY_LOW
	const read, write = "spannerdb_test.Count", "spannerdb_test.Increment"
	for _, step := range []struct {
		name string
		ctx  context.Context
		do   func(context.Context, *spannerdb.DB) error
		want []*spannerpb.RequestOptions
	}{
		{"read", t.Context(), Count, []*spannerpb.RequestOptions{{RequestTag: read}}},
		{"read in the background", priority.Low(t.Context()), Count, []*spannerpb.RequestOptions{{RequestTag: read, Priority: low}}},
		{"write", t.Context(), Increment, []*spannerpb.RequestOptions{{RequestTag: write, TransactionTag: write}, {TransactionTag: write}}},
		{"write in the background", priority.Low(t.Context()), Increment, []*spannerpb.RequestOptions{
			{RequestTag: write, TransactionTag: write, Priority: low}, {TransactionTag: write, Priority: low},
		}},
	} {
		c.TakeOptions()
		if err := step.do(step.ctx, db); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.want, c.TakeOptions(), protocmp.Transform()); diff != "" {
			t.Errorf("options of a %s (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestReadAt(t *testing.T) {
	db := spannerdbtest.Open(t, spannerdbtest.New(t, schema), migrations)
	if err := insert(t.Context(), db, 1, "one"); err != nil {
		t.Fatal(err)
	}
	var at time.Time
	var got int64
	read := func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		row, err := tx.ReadRow(ctx, "Counters", spanner.Key{1}, []string{"N"})
		if err == nil {
			err = row.Columns(&got)
		}
		if err == nil {
			at, err = tx.Timestamp()
		}
		return err
	}
	if err := db.Read(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	first := at
	if err := increment(t.Context(), db, 1, nothing); err != nil {
		t.Fatal(err)
	}
	if err := db.ReadAt(t.Context(), first, read); err != nil || got != 0 || !at.Equal(first) {
		t.Errorf("at the time of the first read, the counter is %d at %v, %v; want 0 at %v", got, at, err, first)
	}
}

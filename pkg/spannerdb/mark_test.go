package spannerdb

import (
	"context"
	"errors"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestTagOf(t *testing.T) {
	const in = "example.com/backend/pkg/"
	for function, want := range map[string]string{
		in + "spannerstore.(*Store).Get":                                  "spannerstore.Store.Get",
		in + "spannerstore.(*Store).Create.func1":                         "spannerstore.Store.Create",
		in + "spannerstore.(*Store).write":                                "",
		in + "list/spannerlist.(*Table[...]).List":                        "spannerlist.Table.List",
		in + "spannerdb_test.Count":                                       "spannerdb_test.Count",
		in + "spannerdb_test.insert":                                      "",
		"runtime.goexit":                                                  "",
		in + "averylongpackagename.AVeryLongTypeIndeed.AndItsMethodHas50": "gpackagename.AVeryLongTypeIndeed.AndItsMethodHas50",
	} {
		if got := tagOf(function); got != want {
			t.Errorf("tagOf(%q) = %q, want %q", function, got, want)
		}
	}
}

// shortMemory is a Spanner without rows that keeps no earlier states.
type shortMemory struct{ forgetful }

func (shortMemory) StreamingRead(r *spannerpb.ReadRequest, stream spannerpb.Spanner_StreamingReadServer) error {
	if r.GetTransaction().GetSingleUse().GetReadOnly().GetReadTimestamp() != nil {
		return status.Error(codes.FailedPrecondition, "the read timestamp is older than the version retention period")
	}
	return stream.Send(&spannerpb.PartialResultSet{Metadata: &spannerpb.ResultSetMetadata{RowType: &spannerpb.StructType{}}})
}

func TestReadAtOfATimeThatIsNotKept(t *testing.T) {
	db, err := Open(t.Context(), "projects/p/instances/i/databases/d", Config{}, serve(t, shortMemory{})...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	runs := 0
	err = db.ReadAt(t.Context(), time.Now().Add(-2*time.Hour), func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		runs++
		_, err := tx.ReadRow(ctx, "T", spanner.Key{1}, []string{"N"})
		return err
	})
	if !errors.Is(err, spanner.ErrRowNotFound) || runs != 2 {
		t.Errorf("ReadAt = %v after %d runs, want the result of a second, strong read", err, runs)
	}
}

//go:build cloud

package spannerdb_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"cloud.google.com/go/spanner"
	"cloud.google.com/go/spanner/admin/database/apiv1/databasepb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

func provision(t *testing.T) (name string) {
	t.Helper()
	name = spannerdbtest.Name(t)
	if _, err := spannerdb.Provision(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestMigrate(t *testing.T) {
	name := provision(t)
	db := spannerdbtest.Open(t, name, migrations)
	if err := db.Check(t.Context()); !errors.Is(err, spannerdb.ErrSchemaBehind) || !strings.Contains(err.Error(), "test/001_counters.sql") {
		t.Errorf("Check = %v, want ErrSchemaBehind by the first file", err)
	}
	for _, want := range []string{
		"test/001_counters.sql: applied\ntest/002_note.sql: applied\n",
		"test/001_counters.sql: in place\ntest/002_note.sql: in place\n",
	} {
		var progress bytes.Buffer
		if err := db.Migrate(t.Context(), &progress); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, progress.String()); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
	}
	if err := db.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	if err := insert(t.Context(), db, 1, "one"); err != nil {
		t.Errorf("the schema is not there: %v", err)
	}

	later := append(slices.Clone(migrations), spannerdb.Migrations{Component: "other", Files: fstest.MapFS{
		"migrations/001_counters.sql": {Data: []byte("CREATE TABLE IF NOT EXISTS Others (Id INT64) PRIMARY KEY (Id)")},
	}})
	if err := spannerdbtest.Open(t, name, later).Check(t.Context()); !errors.Is(err, spannerdb.ErrSchemaBehind) || !strings.Contains(err.Error(), "other/001_counters.sql") {
		t.Errorf("Check = %v, want ErrSchemaBehind by the new file", err)
	}
}

func TestMigrateAtOnce(t *testing.T) {
	name := provision(t)
	var wg sync.WaitGroup
	for range 3 {
		db := spannerdbtest.Open(t, name, migrations)
		wg.Go(func() {
			if err := db.Migrate(t.Context(), io.Discard); err != nil {
				t.Errorf("Migrate: %v", err)
			}
			if err := db.Check(t.Context()); err != nil {
				t.Errorf("Check: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestMigrateAfterAFailure(t *testing.T) {
	name := provision(t)
	broken := []spannerdb.Migrations{{Component: "test", Files: fstest.MapFS{
		"migrations/001_counters.sql": {Data: []byte(`
			CREATE TABLE IF NOT EXISTS Counters (Id INT64 NOT NULL, Name STRING(MAX), N INT64) PRIMARY KEY (Id);
			CREATE INDEX IF NOT EXISTS CountersByName ON Counters (NoSuchColumn);`)},
	}}}
	if err := spannerdbtest.Open(t, name, broken).Migrate(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "test/001_counters.sql") {
		t.Errorf("Migrate = %v, want an error that names the file", err)
	}
	db := spannerdbtest.Open(t, name, migrations)
	if err := db.Check(t.Context()); !errors.Is(err, spannerdb.ErrSchemaBehind) {
		t.Errorf("Check = %v, want ErrSchemaBehind", err)
	}
	if err := db.Migrate(t.Context(), io.Discard); err != nil {
		t.Errorf("Migrate: %v", err)
	}
}

func TestSchemaBehind(t *testing.T) {
	db := spannerdbtest.Open(t, provision(t), migrations)
	_, err := counter(t.Context(), db, 1)
	for what, err := range map[string]error{
		"read":   err,
		"query":  db.Read(t.Context(), func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error { return query(ctx, tx) }),
		"write":  insert(t.Context(), db, 1, "one"),
		"change": db.ReadWrite(t.Context(), func(ctx context.Context, tx *spannerdb.Tx) error { return query(ctx, tx) }),
	} {
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s = %v, want fault.Unavailable", what, err)
		}
	}
}

type querier interface {
	Query(ctx context.Context, s spanner.Statement) *spanner.RowIterator
}

func query(ctx context.Context, tx querier) error {
	return tx.Query(ctx, spanner.NewStatement("SELECT Id FROM Counters")).Do(func(*spanner.Row) error { return nil })
}

func TestNoDatabase(t *testing.T) {
	db := spannerdbtest.Open(t, spannerdbtest.Name(t), migrations)
	if err := db.Check(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Check = %v, want fault.Unavailable", err)
	}
	if err := insert(t.Context(), db, 1, "one"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("ReadWrite = %v, want fault.Unavailable", err)
	}
}

// TestProvisionWaitsForTheMaker finds a database that another process is
// creating.
func TestProvisionWaitsForTheMaker(t *testing.T) {
	asked := 0
	making := option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if db, ok := reply.(*databasepb.Database); ok {
			asked++
			if asked < 3 {
				db.State = databasepb.Database_CREATING
			}
		}
		return err
	}))
	if _, err := spannerdb.Provision(t.Context(), provision(t), making); err != nil || asked != 3 {
		t.Errorf("Provision = %v after %d looks, want none after 3", err, asked)
	}
}

func TestProvision(t *testing.T) {
	name := spannerdbtest.Name(t)
	name = strings.Replace(name, "/instances/test/", "/instances/i"+name[len(name)-20:]+"/", 1)
	instance, _, _ := strings.Cut(name, "/databases/")

	for _, want := range []spannerdb.Provisioned{
		{Made: []string{instance, name}},
		{Found: []string{instance, name}},
	} {
		got, err := spannerdb.Provision(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Provision (-want +got):\n%s", diff)
		}
	}
	got, err := spannerdb.Provision(t.Context(), name+"-2")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(spannerdb.Provisioned{Made: []string{name + "-2"}, Found: []string{instance}}, got); diff != "" {
		t.Errorf("Provision (-want +got):\n%s", diff)
	}

	if _, err := spannerdb.Provision(t.Context(), "accounts"); err == nil {
		t.Error("Provision of a name of another form succeeded")
	}
	if _, err := spannerdb.Open(context.WithoutCancel(t.Context()), "accounts", spannerdb.Config{}); err == nil {
		t.Error("Open of a name of another form succeeded")
	}

	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := spannerdb.Provision(t.Context(), name+"-3"); err != nil {
				t.Errorf("Provision at once: %v", err)
			}
		})
	}
	wg.Wait()
}

// An index that is retired is kept by Migrate, which an earlier release may
// precede, and dropped by Retire. A new database never has it.
func TestRetire(t *testing.T) {
	files := fstest.MapFS{
		"migrations/001_counters.sql": {Data: []byte(`
			CREATE TABLE IF NOT EXISTS Counters (Id INT64 NOT NULL, Name STRING(MAX), N INT64) PRIMARY KEY (Id);
			CREATE INDEX IF NOT EXISTS CountersByName ON Counters (Name);
			CREATE INDEX IF NOT EXISTS CountersByN ON Counters (N)`)},
		"migrations/002_stored.sql": {Data: []byte("ALTER INDEX CountersByName ADD STORED COLUMN N")},
	}
	name := provision(t)
	earlier := spannerdb.Migrations{Component: "test", Files: maps.Clone(files)}
	files["migrations/003_names.sql"] = &fstest.MapFile{Data: []byte("CREATE INDEX IF NOT EXISTS CountersOfName ON Counters (Name) WHERE Name IS NOT NULL")}
	files["retired/001_names.sql"] = &fstest.MapFile{Data: []byte("-- Its successor is in 003.\nDROP INDEX IF EXISTS CountersByName;")}
	later := []spannerdb.Migrations{{Component: "test", Files: files}}

	indexes := func(db *spannerdb.DB, change func(context.Context, io.Writer) error) []string {
		t.Helper()
		if err := change(t.Context(), io.Discard); err != nil {
			t.Fatal(err)
		}
		if err := db.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		names := spannerdbtest.Indexes(t, db, "Counters")
		delete(names, "_BASE_TABLE")
		delete(names, "PRIMARY_KEY")
		return slices.Sorted(maps.Keys(names))
	}
	db := spannerdbtest.Open(t, name, []spannerdb.Migrations{earlier})
	if diff := cmp.Diff([]string{"CountersByN", "CountersByName"}, indexes(db, db.Migrate)); diff != "" {
		t.Errorf("indexes of the earlier release (-want +got):\n%s", diff)
	}
	db = spannerdbtest.Open(t, name, later)
	if diff := cmp.Diff([]string{"CountersByN", "CountersByName", "CountersOfName"}, indexes(db, db.Migrate)); diff != "" {
		t.Errorf("indexes after Migrate (-want +got):\n%s", diff)
	}
	for range 2 {
		if diff := cmp.Diff([]string{"CountersByN", "CountersOfName"}, indexes(db, db.Retire)); diff != "" {
			t.Errorf("indexes after Retire (-want +got):\n%s", diff)
		}
	}
	fresh := spannerdbtest.Open(t, provision(t), later)
	for _, change := range []func(context.Context, io.Writer) error{fresh.Migrate, fresh.Retire} {
		if diff := cmp.Diff([]string{"CountersByN", "CountersOfName"}, indexes(fresh, change)); diff != "" {
			t.Errorf("indexes of a new database (-want +got):\n%s", diff)
		}
	}
}

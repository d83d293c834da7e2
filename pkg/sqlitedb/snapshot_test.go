package sqlitedb_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"

	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// TestSnapshotIsOfOneMoment writes each number to one database and then to
// another. A snapshot shows the same number in both, or the first ahead by one.
func TestSnapshotIsOfOneMoment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first.db"), filepath.Join(dir, "second.db")
	a, b := open(t, first, schema), open(t, second, schema)
	exec(t, a, "INSERT INTO notes VALUES (0)")
	exec(t, b, "INSERT INTO notes VALUES (0)")
	writing, stop := context.WithCancel(t.Context())
	defer stop()
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() {
		for n := 1; writing.Err() == nil; n++ {
			exec(t, a, fmt.Sprint("UPDATE notes SET thing = ", n))
			exec(t, b, fmt.Sprint("UPDATE notes SET thing = ", n))
		}
	})
	defer stop()
	for i := range 20 {
		s, err := sqlitedb.TakeSnapshot(t.Context(), first, second)
		if err != nil {
			t.Fatal(err)
		}
		ahead, behind := note(t, s, 0), note(t, s, 1)
		if ahead != behind && ahead != behind+1 {
			t.Errorf("the snapshot has %d and %d, which were never there at one moment", ahead, behind)
		}
		copied := filepath.Join(dir, fmt.Sprint("copy", i))
		if err := errors.Join(s.Copy(t.Context(), 0, copied), s.Close()); err != nil {
			t.Fatal(err)
		}
		c, err := sqlitedb.TakeSnapshot(t.Context(), copied)
		if err != nil {
			t.Fatal(err)
		}
		if got := note(t, c, 0); got != ahead {
			t.Errorf("the copy has %d, the snapshot %d", got, ahead)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSnapshotOfNothing(t *testing.T) {
	t.Parallel()
	if _, err := sqlitedb.TakeSnapshot(t.Context(), filepath.Join(t.TempDir(), "missing.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the snapshot of a missing database fails with %v", err)
	}
}

func note(t *testing.T, s *sqlitedb.Snapshot, database int) (n int) {
	t.Helper()
	rows, err := s.Query(t.Context(), database, "SELECT thing FROM notes")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	if err := rows.Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

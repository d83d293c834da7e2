package custody_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/custody/sqlitecustody"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// shelf is an object store of many names. An object is an orphan if its name
// ends in o.
type shelf struct {
	marker   []byte
	names    []string
	listed   []string // where each List began
	onDelete func(name string) error
	now      time.Time
}

func (s *shelf) ReadMarker(context.Context) ([]byte, error) {
	if s.marker == nil {
		return nil, blob.ErrNotFound
	}
	return s.marker, nil
}

func (s *shelf) WriteMarker(_ context.Context, _, content []byte) error {
	s.marker = content
	return nil
}

func (s *shelf) List(_ context.Context, after string, _, _ time.Time, yield func(string) error) error {
	s.listed = append(s.listed, after)
	for _, name := range slices.Clone(s.names) {
		if name > after {
			if err := yield(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *shelf) Delete(_ context.Context, name string) error {
	if s.onDelete != nil {
		if err := s.onDelete(name); err != nil {
			return err
		}
	}
	i, found := slices.BinarySearch(s.names, name)
	if found {
		s.names = slices.Delete(s.names, i, i+1)
	}
	return nil
}

// fill adds n objects. Each share-th is an orphan.
func (s *shelf) fill(n, share int) {
	for i := range n {
		suffix := "k"
		if i%share == share-1 {
			suffix = "o"
		}
		s.names = append(s.names, fmt.Sprintf("%08d%s", len(s.names), suffix))
	}
}

func (s *shelf) keeper(db custody.Database) *custody.Keeper {
	return custody.New("test", db, s, func(_ context.Context, names []string) (map[string]bool, error) {
		referenced := map[string]bool{}
		for _, name := range names {
			referenced[name] = name[len(name)-1] == 'k'
		}
		return referenced, nil
	}, custody.Sources{Now: func() time.Time { return s.now }, NewID: rand.Text}, zap.NewNop())
}

// newShelf returns a store of which the database has custody, and the time has
// come to sweep it.
func newShelf(t *testing.T) (*shelf, custody.Database) {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlitecustody.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := &shelf{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	identity := sqlitecustody.New(db)
	if err := s.keeper(identity).Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.listed = nil
	return s, identity
}

func wantSweep(t *testing.T, k *custody.Keeper, want int64, wantErr error) {
	t.Helper()
	if n, err := k.Sweep(t.Context()); n != want || !errors.Is(err, wantErr) || (err != nil) != (wantErr != nil) {
		t.Errorf("Sweep = %d, %v; want %d, %v", n, err, want, wantErr)
	}
}

func TestASweepOfManyWindows(t *testing.T) {
	s, db := newShelf(t)
	s.fill(25_000, 10)
	wantSweep(t, s.keeper(db), 2_500, nil)
	if len(s.names) != 22_500 {
		t.Errorf("%d objects are left, want 22,500", len(s.names))
	}
	wantSweep(t, s.keeper(db), 0, nil)
	if len(s.listed) != 1 {
		t.Errorf("the store was listed %d times within an hour, want once", len(s.listed))
	}
	s.now = s.now.Add(time.Hour)
	s.fill(1, 1)
	wantSweep(t, s.keeper(db), 1, nil)
}

var errBroken = errors.New("broken")

func TestAnInterruptedSweepGoesOn(t *testing.T) {
	s, db := newShelf(t)
	s.fill(25_000, 10)
	first := s.names[9_999]
	left := 1_200
	s.onDelete = func(string) error {
		left--
		if left < 0 {
			return errBroken
		}
		return nil
	}
	wantSweep(t, s.keeper(db), 1_200, errBroken)
	s.onDelete = nil
	wantSweep(t, s.keeper(db), 0, nil) // the first run seems to be under way
	s.now = s.now.Add(11 * time.Minute)
	wantSweep(t, s.keeper(db), 1_300, nil)
	if want := []string{"", first}; !slices.Equal(s.listed, want) {
		t.Errorf("the store was listed after %q, want after %q", s.listed, want)
	}
	s.now = s.now.Add(time.Hour)
	wantSweep(t, s.keeper(db), 0, nil)
	if last := s.listed[len(s.listed)-1]; last != "" {
		t.Errorf("the next pass begins after %q, want at the start", last)
	}
}

func TestOneReplicaSweepsAtATime(t *testing.T) {
	s, db := newShelf(t)
	s.fill(20, 10)
	s.onDelete = func(string) error {
		wantSweep(t, s.keeper(db), 0, nil)
		return nil
	}
	wantSweep(t, s.keeper(db), 2, nil)
	if len(s.listed) != 1 {
		t.Errorf("the store was listed %d times, want once", len(s.listed))
	}
}

// A run that stalls loses the sweep to another replica, and ends.
func TestASweepThatStallsIsTakenOver(t *testing.T) {
	s, db := newShelf(t)
	s.fill(30_000, 10)
	s.onDelete = func(string) error {
		s.onDelete = nil
		s.now = s.now.Add(11 * time.Minute)
		wantSweep(t, s.keeper(db), 3_000, nil)
		return nil
	}
	wantSweep(t, s.keeper(db), 1_000, nil) // deletes again what the other deleted
	if len(s.names) != 27_000 {
		t.Errorf("%d objects are left, want 27,000", len(s.names))
	}
}

// Nothing of a window is deleted that has mostly orphans, whatever the windows
// before it were like.
func TestAWindowOfMostlyOrphans(t *testing.T) {
	s, db := newShelf(t)
	s.fill(10_000, 10)
	s.fill(10_000, 1)
	s.fill(10_000, 10)
	for range 2 {
		_, err := s.keeper(db).Sweep(t.Context())
		if !errors.Is(err, custody.ErrMostlyOrphans) || len(s.names) != 29_000 {
			t.Errorf("%v, and %d objects are left; want ErrMostlyOrphans, 29,000", err, len(s.names))
		}
		s.now = s.now.Add(time.Hour)
	}
}

// The objects of the last window are too few to be judged alone.
func TestAFewOrphansAfterManyObjects(t *testing.T) {
	s, db := newShelf(t)
	s.fill(10_000, 10)
	s.fill(5, 1)
	wantSweep(t, s.keeper(db), 1_005, nil)
}

// A clock that was ahead does not stop sweeps.
func TestASweepFromTheFuture(t *testing.T) {
	s, db := newShelf(t)
	s.fill(20, 10)
	s.now = s.now.AddDate(1, 0, 0)
	s.onDelete = func(string) error { return errBroken }
	wantSweep(t, s.keeper(db), 0, errBroken)
	s.onDelete = nil
	s.now = s.now.AddDate(-1, 0, 0)
	wantSweep(t, s.keeper(db), 2, nil)
}

package custody

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
)

// ErrMostlyOrphans means that a sweep found more objects to delete than to keep.
var ErrMostlyOrphans = fault.New(fault.Unavailable, "mostly-orphans", "most objects have no row that refers to them")

const (
	// sweepGrace is far longer than an upload takes from its object to its
	// transaction.
	sweepGrace = time.Hour
	// sweepEvery is the least time from the beginning of a pass to that of the
	// next. Replicas that try each hour never find a pass a little too recent.
	sweepEvery = 50 * time.Minute
	// sweepLease is far longer than it takes to judge the objects of a window.
	sweepLease = 10 * time.Minute
	// fewOrphans is how many orphans are deleted even if they are most objects,
	// as in a system that has hardly been used.
	fewOrphans = 2
	// window is how many objects are judged together. It bounds the names that a
	// sweep remembers.
	window = 10_000
	// batch is how many objects are looked up at once.
	batch = 100
)

// errHeld means that another run sweeps, or that the store was swept recently.
var errHeld = errors.New("no sweep is due")

// Sweep deletes the objects to which no row refers and that are too old to
// belong to an upload under way: uploads leave them behind that failed between
// object and transaction. It deletes nothing without custody of the store,
// nothing from before the database was adopted, and nothing if most objects
// are orphans, of each window and of all that are judged. It returns the number
// of objects that it deleted.
//
// One replica sweeps at a time, and a pass over the store begins at most every
// sweepEvery; otherwise Sweep does nothing. A pass that was interrupted is
// continued after its last whole window. Errors: ErrMostlyOrphans, those of
// Confirm.
func (k *Keeper) Sweep(ctx context.Context) (removed int64, err error) {
	identity, err := k.confirm(ctx)
	if err != nil {
		return 0, fmt.Errorf("sweep objects: %w", err)
	}
	progress, err := k.beginSweep(ctx)
	if errors.Is(err, errHeld) {
		return 0, nil
	} else if err != nil {
		return 0, fmt.Errorf("sweep objects: %w", err)
	}
	s := sweep{k: k, progress: progress}
	err = k.classify(ctx, progress.After, identity.KeepBefore, k.from.Now().Add(-sweepGrace), func(name string, referenced bool) error {
		return s.judge(ctx, name, referenced)
	})
	if err == nil {
		err = s.finish(ctx)
	}
	if errors.Is(err, ErrMostlyOrphans) {
		err = errors.Join(err, k.saveSweep(ctx, s.progress, true))
	}
	if errors.Is(err, errHeld) { // it took so long that another replica goes on
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("sweep objects: %w", err)
	}
	return s.removed, err
}

// sweep is a run of Sweep.
type sweep struct {
	k        *Keeper
	progress Progress // without the window
	window   Progress
	orphans  []string // of the window
	removed  int64
}

// judge adds an object to the window. It ends the window if that is full.
func (s *sweep) judge(ctx context.Context, name string, referenced bool) error {
	s.window.After = name
	if referenced {
		s.window.Used++
	} else {
		s.window.Unused++
		s.orphans = append(s.orphans, name)
	}
	if s.window.Used+s.window.Unused < window {
		return nil
	}
	if err := mostlyOrphans(s.window); err != nil {
		return err
	}
	if err := s.deleteOrphans(ctx); err != nil {
		return err
	}
	s.progress.After = s.window.After
	s.progress.Used += s.window.Used
	s.progress.Unused += s.window.Unused
	s.window = Progress{}
	return s.k.saveSweep(ctx, s.progress, false)
}

// finish ends the last window, which has few objects and is judged with those
// before it, and the pass.
func (s *sweep) finish(ctx context.Context) error {
	all := Progress{Used: s.progress.Used + s.window.Used, Unused: s.progress.Unused + s.window.Unused}
	if err := mostlyOrphans(all); err != nil {
		return err
	}
	if err := s.deleteOrphans(ctx); err != nil {
		return err
	}
	s.progress.After, s.progress.Used, s.progress.Unused = "", all.Used, all.Unused
	return s.k.saveSweep(ctx, s.progress, true)
}

func mostlyOrphans(p Progress) error {
	if p.Unused > fewOrphans && p.Unused > p.Used {
		return ErrMostlyOrphans.Detailf("%d objects have no row that refers to them, and %d have one; none of them is deleted, as the database may have lost rows", p.Unused, p.Used)
	}
	return nil
}

func (s *sweep) deleteOrphans(ctx context.Context) error {
	for _, name := range s.orphans {
		if err := s.k.objects.Delete(ctx, name); err != nil {
			return err
		}
		s.removed++
	}
	s.orphans = s.orphans[:0]
	return nil
}

// beginSweep takes the lease on the sweep. The pass is the one that was
// interrupted, or a new one. Errors: errHeld.
func (k *Keeper) beginSweep(ctx context.Context) (Progress, error) {
	run := k.from.NewID()
	identity, err := k.db.Update(ctx, func(current Identity) (Identity, error) {
		now := k.from.Now().UTC().Truncate(time.Microsecond)
		p := &current.Sweep
		// Times in the future were written by a clock that was ahead.
		held := p.Holder != "" && now.Before(p.Until) && p.Until.Sub(now) <= sweepLease
		recent := p.Holder == "" && p.After == "" && now.Sub(p.Began).Abs() < sweepEvery
		if held || recent {
			return Identity{}, errHeld
		}
		if p.After == "" {
			*p = Progress{Began: now}
		}
		p.Holder, p.Until = run, now.Add(sweepLease)
		return current, nil
	})
	return identity.Sweep, err
}

// saveSweep saves how far a run has come, and gives the lease back if the run
// has ended. Errors: errHeld if another run has taken the lease.
func (k *Keeper) saveSweep(ctx context.Context, p Progress, ended bool) error {
	_, err := k.db.Update(ctx, func(current Identity) (Identity, error) {
		if current.Sweep.Holder != p.Holder {
			return Identity{}, errHeld
		}
		current.Sweep = p
		current.Sweep.Until = k.from.Now().UTC().Truncate(time.Microsecond).Add(sweepLease)
		if ended {
			current.Sweep.Holder, current.Sweep.Until = "", time.Time{}
		}
		return current, nil
	})
	return err
}

// classify calls yield for each object of the service that was written in
// [since, before) and whose name is greater than after, until yield fails.
func (k *Keeper) classify(ctx context.Context, after string, since, before time.Time, yield func(name string, referenced bool) error) error {
	names := make([]string, 0, batch)
	flush := func() error {
		referenced, err := k.referenced(ctx, names)
		if err != nil {
			return err
		}
		for _, name := range names {
			if is, own := referenced[name]; own {
				if err := yield(name, is); err != nil {
					return err
				}
			}
		}
		names = names[:0]
		return nil
	}
	err := k.objects.List(ctx, after, since, before, func(name string) error {
		if names = append(names, name); len(names) < batch {
			return nil
		}
		return flush()
	})
	if err != nil || len(names) == 0 {
		return err
	}
	return flush()
}

package custody

import (
	"context"
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
	// fewOrphans is how many orphans are deleted even if they are most objects,
	// as in a system that has hardly been used.
	fewOrphans = 2
	// maxOrphans bounds how many names a sweep remembers. The next one deletes
	// the rest.
	maxOrphans = 10_000
	// batch is how many objects are looked up at once.
	batch = 100
)

// Sweep deletes the objects to which no row refers and that are too old to
// belong to an upload under way: uploads leave them behind that failed between
// object and transaction. It deletes nothing without custody of the store,
// nothing from before the database was adopted, and nothing at all if most
// objects are orphans. It returns the number of objects that it deleted. Errors:
// ErrMostlyOrphans, those of Confirm.
func (k *Keeper) Sweep(ctx context.Context) (removed int64, err error) {
	identity, err := k.confirm(ctx)
	if err != nil {
		return 0, fmt.Errorf("sweep objects: %w", err)
	}
	var orphans []string
	var unused, used int
	err = k.classify(ctx, identity.KeepBefore, k.from.Now().Add(-sweepGrace), func(name string, referenced bool) error {
		switch {
		case referenced:
			used++
		case unused < maxOrphans:
			orphans = append(orphans, name)
			fallthrough
		default:
			unused++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("sweep objects: %w", err)
	}
	if unused > fewOrphans && unused > used {
		return 0, ErrMostlyOrphans.Detailf("%d objects have no row that refers to them, and %d have one; nothing is deleted, as the database may have lost rows", unused, used)
	}
	for _, name := range orphans {
		if err := k.objects.Delete(ctx, name); err != nil {
			return removed, fmt.Errorf("sweep objects: %w", err)
		}
		removed++
	}
	return removed, nil
}

// classify calls yield for each object of the service that was written in
// [since, before), until yield fails.
func (k *Keeper) classify(ctx context.Context, since, before time.Time, yield func(name string, referenced bool) error) error {
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
	err := k.objects.List(ctx, since, before, func(name string) error {
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

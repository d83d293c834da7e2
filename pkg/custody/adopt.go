package custody

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Adopt gives the database custody of the store as the two are now, and writes
// to out what it found. The database gets a new id, so that no other that had
// custody keeps it. The objects to which no row refers are kept for good: they
// may be all that is left of lost rows. Adopt does nothing if the database has
// custody already.
func (k *Keeper) Adopt(ctx context.Context, out io.Writer) error {
	switch err := k.Confirm(ctx); {
	case err == nil:
		_, _ = fmt.Fprintf(out, "%s: the object store belongs to the database; there is nothing to adopt\n", k.service)
		return nil
	case !refused(err):
		return err
	}
	var used, unused int
	now := k.from.Now().UTC().Truncate(time.Microsecond)
	if err := k.classify(ctx, "", time.Time{}, now.Add(sweepGrace), func(name string, referenced bool) error {
		if referenced {
			used++
			return nil
		}
		unused++
		if unused == 1 {
			_, _ = fmt.Fprintf(out, "%s: no row refers to these objects:\n", k.service)
		}
		_, _ = fmt.Fprintln(out, name)
		return nil
	}); err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	content, found, err := k.readMarker(ctx)
	if err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	identity, err := k.db.Update(ctx, func(current Identity) (Identity, error) {
		return Identity{
			ID: k.from.NewID(), Generation: max(current.Generation, found.Generation) + 1,
			Bound: true, KeepBefore: now,
		}, nil
	})
	if err == nil {
		err = k.writeMarker(ctx, content, identity)
	}
	if err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	_, _ = fmt.Fprintf(out, "%s: adopted the object store: the database refers to %d of its objects; %d others are kept, also in future\n", k.service, used, unused)
	return nil
}

package spannerlog

import (
	"context"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

// Removal deletes resources, redacts their events, and logs the deletion.
type Removal[T resource.Resource] struct {
	DB          *spannerdb.DB
	Log         *Log
	Subject     func(id int64) string
	MaxRedacted int64 // the number of events that one transaction redacts
	// Find returns the resources to delete, as they are in tx.
	Find func(ctx context.Context, tx *spannerdb.Tx) ([]T, error)
	// Decide returns the event of a deletion, or refuses it by an error.
	Decide func(current T) (deleted events.Event, err error)
	// Delete deletes a resource from its tables.
	Delete func(tx *spannerdb.Tx, a T, deleted events.Event) error
}

// Run deletes as many of the resources as fit into one transaction, unless Decide
// refuses one. It returns their number. If a resource has more events than one
// transaction may redact, earlier transactions redact the oldest ones. Each of them
// calls Decide first. If a concurrent write makes Decide refuse later, the redacted
// events stay redacted. Errors: those of the functions, and of the database.
func (r Removal[T]) Run(ctx context.Context) (removed int, err error) {
	var begun History // of the first resource, if part of it was redacted
	for {
		left, done := begun, false
		err := r.DB.ReadWrite(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
			found, err := r.Find(ctx, tx)
			if err != nil {
				return err
			}
			found, histories := r.fitting(found, begun)
			deleted := make([]events.Event, len(found))
			for i, a := range found {
				if deleted[i], err = r.Decide(a); err != nil {
					return err
				}
			}
			if done = len(found) == 0; done {
				removed = 0
				return nil
			}
			if last := found[0].Metadata().Version; last-histories[0].After > r.MaxRedacted {
				left, err = r.Log.RedactSome(ctx, tx, histories[0], last, r.MaxRedacted)
				return err
			}
			removed, done = len(found), true
			for i, a := range found {
				if err := r.Delete(tx, a, deleted[i]); err != nil {
					return err
				}
				if err := r.Log.Append(tx, deleted[i]); err != nil {
					return err
				}
			}
			return r.Log.Redact(ctx, tx, histories...)
		})
		if err != nil || done {
			return removed, err
		}
		begun = left
	}
}

// fitting returns as many of found as one transaction can delete, at least one, and
// the histories that are still to be redacted. A resource has at most as many events
// as its version.
func (r Removal[T]) fitting(found []T, begun History) (fit []T, histories []History) {
	var events int64
	for i, a := range found {
		h := History{Subject: r.Subject(a.Key())}
		if h.Subject == begun.Subject {
			h = begun
		}
		if events += a.Metadata().Version - h.After; events > r.MaxRedacted && i > 0 {
			return found[:i], histories
		}
		histories = append(histories, h)
	}
	return found, histories
}

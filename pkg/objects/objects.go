// Package objects keeps the objects to which resources refer: it deletes those that
// a transaction has discarded, or left behind, and finds those that are in use.
package objects

import (
	"bytes"
	"context"
	"io"
	"iter"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/resource"
)

// Store keeps immutable objects. blob.Store has the details and further errors.
// Every method is safe for concurrent use, and returns fault.Unavailable if the
// object store cannot be used.
type Store interface {
	// Put stores an object under a name that must not be in use. Not
	// idempotent.
	Put(ctx context.Context, name, contentType string, r io.Reader) error
	// Open returns a reader of an object, which the caller must close.
	// Idempotent. Errors: fault.NotFound.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
	// Delete deletes an object. Idempotent.
	Delete(ctx context.Context, name string) error
}

// Discards keeps the names of objects to which no resource refers any more. A store
// records them in the transaction that removes the reference. Both methods are
// idempotent and safe for concurrent use, and return fault.Unavailable if the
// database cannot serve the request.
type Discards interface {
	// Discarded returns the discarded objects of a resource.
	Discarded(ctx context.Context, id int64) (objects []string, err error)
	// ForgetDiscarded removes the record of objects that have been deleted.
	ForgetDiscarded(ctx context.Context, id int64, objects []string) error
}

// Collect deletes the discarded objects of a resource, and those that derived, which
// may be nil, returns for each of them. Idempotent.
func Collect(ctx context.Context, discards Discards, store Store, id int64, derived func(object string) []string) error {
	discarded, err := discards.Discarded(ctx, id)
	if err != nil || len(discarded) == 0 {
		return err
	}
	for _, object := range discarded {
		names := []string{object}
		if derived != nil {
			names = append(derived(object), object)
		}
		for _, name := range names {
			if err := store.Delete(ctx, name); err != nil {
				return err
			}
		}
	}
	return discards.ForgetDiscarded(ctx, id, discarded)
}

// Drop deletes an object to which no resource refers because its transaction ended
// with err, or did without it if err is nil. If that is not certain, or deleting
// fails, the object is left to the sweep.
func Drop(ctx context.Context, store Store, object string, err error) {
	if err != nil {
		switch fault.KindOf(err) {
		case fault.Invalid, fault.NotFound, fault.Conflict, fault.Precondition, fault.Denied:
		default:
			return
		}
	}
	_ = store.Delete(context.WithoutCancel(ctx), object)
}

// Mend stores the content of an object again if the object was lost. It fails
// without a consequence for the request, which changes nothing.
func Mend(ctx context.Context, store Store, object, contentType string, content []byte) {
	switch found, err := store.Open(ctx, object); {
	case err == nil:
		_ = found.Close()
	case fault.KindOf(err) == fault.NotFound:
		_ = store.Put(ctx, object, contentType, bytes.NewReader(content))
	}
}

// Referenced reports for each of the named objects whether a resource refers to it.
// owner returns the only resource that may refer to an object; objects without one
// are left out. list yields those resources of ids that exist, from all pages of a
// list: an object that seems to have no owner is deleted. refers reports whether a
// resource refers to an object.
func Referenced[T resource.Resource](names []string, owner func(object string) (id int64, ok bool),
	list func(ids []int64) iter.Seq2[[]T, error], refers func(a T, object string) bool,
) (map[string]bool, error) {
	referenced := make(map[string]bool, len(names))
	owners := map[int64][]string{}
	var ids []int64
	for _, object := range names {
		id, ok := owner(object)
		if !ok {
			continue
		}
		referenced[object] = false
		if owners[id] == nil {
			ids = append(ids, id)
		}
		owners[id] = append(owners[id], object)
	}
	if len(ids) == 0 {
		return referenced, nil
	}
	for items, err := range list(ids) {
		if err != nil {
			return nil, err
		}
		for _, a := range items {
			for _, object := range owners[a.Key()] {
				referenced[object] = refers(a, object)
			}
		}
	}
	return referenced, nil
}

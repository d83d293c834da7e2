package resource

import (
	"context"
	"fmt"
	"iter"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/list"
)

// Store is the part of a store that UseCases need. The ports of the services have
// the details.
type Store[T, Q any] interface {
	// Get returns a resource. Errors: Kind.Missing.
	Get(ctx context.Context, id int64) (T, error)
	// List returns a page of the resources that q selects.
	List(ctx context.Context, q Q) (list.Page[T], error)
	// Delete removes a resource unless decide returns an error. Errors:
	// Kind.Missing, the error of decide.
	Delete(ctx context.Context, id int64, decide func(current T) (deleted events.Event, err error)) error
}

// UseCases are the use cases that all kinds of resources have. Q is the query of
// lists, which embeds list.Options.
//
// The caller in the context has a reach. A resource outside of it appears not to
// exist.
type UseCases[T Resource, B events.Body, Q any, P list.Query[Q]] struct {
	*Kind[T, B]
	Store Store[T, Q]
}

// Within returns the resource that a read of the store returned, if it is within
// reach. Errors: Kind.Missing, err.
func (u *UseCases[T, B, Q, P]) Within(reach caller.Reach, a T, err error) (T, error) {
	if err == nil && !reach.Includes(a.Metadata().Owner) {
		var none T
		return none, u.Missing
	}
	return a, err
}

// Get returns a resource. Idempotent. Errors: Kind.Missing, caller.ErrForbidden.
func (u *UseCases[T, B, Q, P]) Get(ctx context.Context, id int64) (T, error) {
	return u.get(ctx, id, caller.Caller.Read)
}

// Writable returns a resource that the caller may change. Idempotent. Errors:
// Kind.Missing, caller.ErrForbidden.
func (u *UseCases[T, B, Q, P]) Writable(ctx context.Context, id int64) (T, error) {
	return u.get(ctx, id, caller.Caller.Write)
}

// Exists returns nil if there is a resource whose history the caller may read.
// Idempotent. Errors: Kind.Missing, caller.ErrForbidden.
func (u *UseCases[T, B, Q, P]) Exists(ctx context.Context, id int64) error {
	_, err := u.get(ctx, id, caller.Caller.History)
	return err
}

func (u *UseCases[T, B, Q, P]) get(ctx context.Context, id int64, may func(caller.Caller, caller.Kind) (caller.Reach, error)) (a T, err error) {
	reach, err := may(caller.From(ctx), u.Scopes)
	if err != nil {
		return a, err
	}
	a, err = u.Store.Get(ctx, id)
	if a, err = u.Within(reach, a, err); err != nil {
		return a, fmt.Errorf("get %s: %w", u.Name, err)
	}
	return a, nil
}

// List returns a page of the resources that the caller may read. The guarantees of
// the store apply. Errors: caller.ErrForbidden.
func (u *UseCases[T, B, Q, P]) List(ctx context.Context, q Q) (page list.Page[T], err error) {
	reach, err := caller.From(ctx).Read(u.Scopes)
	if err != nil {
		return page, err
	}
	owner, restricted := reach.Owner()
	if restricted && owner == "" {
		return page, caller.ErrForbidden
	}
	P(&q).PageOptions().Owner = owner
	if page, err = u.Store.List(ctx, q); err != nil {
		return page, fmt.Errorf("list %ss: %w", u.Name, err)
	}
	return page, nil
}

// From yields the resources of page, a page of q, and those of all later pages. A
// store that keeps earlier states reads them all from the state of page. The
// guarantees of the store apply. If From yields an error, it yields nothing after
// it.
func (u *UseCases[T, B, Q, P]) From(ctx context.Context, q Q, page list.Page[T]) iter.Seq2[[]T, error] {
	P(&q).PageOptions().At = page.Head.Time
	return list.From(page, func(after list.Place) (list.Page[T], error) {
		P(&q).PageOptions().After = &after
		return u.List(ctx, q)
	})
}

// All yields the resources that q selects and the caller may read, page by page. If
// it yields an error, it yields nothing after it.
func (u *UseCases[T, B, Q, P]) All(ctx context.Context, q Q) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		page, err := u.List(ctx, q)
		if err != nil {
			yield(nil, err)
			return
		}
		u.From(ctx, q, page)(yield)
	}
}

// Changing returns what the caller may change, and a Condition that also refuses
// everything else, with Kind.Missing. Errors: caller.ErrForbidden.
func (u *UseCases[T, B, Q, P]) Changing(ctx context.Context, cond Condition[T]) (caller.Reach, Condition[T], error) {
	reach, err := caller.From(ctx).Write(u.Scopes)
	return reach, cond.within(reach, u.Missing), err
}

// Remove deletes a resource and redacts its events. Its objects are deleted when
// the event is handled. Not idempotent. Errors: Kind.Missing, caller.ErrForbidden,
// the error of cond.
func (u *UseCases[T, B, Q, P]) Remove(ctx context.Context, id int64, cond Condition[T]) error {
	_, cond, err := u.Changing(ctx, cond)
	if err != nil {
		return err
	}
	if err := u.Store.Delete(ctx, id, u.Deletion(ctx, cond)); err != nil {
		return fmt.Errorf("remove %s: %w", u.Name, err)
	}
	return nil
}

// Package resource has the use cases that all kinds of resources have in common,
// and the state that these need. The core of a service embeds UseCases and adds
// its own.
package resource

import (
	"time"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/list"
)

// Meta is the state that every resource has beside its own fields. The type of a
// resource embeds it.
type Meta struct {
	Owner string // the caller.Caller.ID that created it, never changed; "" if there is none
	// Version is 1 for a new resource and increases by one with each change. A
	// resource that is created again after its deletion continues the numbering.
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// NewMeta returns the state of a resource that is created now, at the version
// after last, the last version of an earlier resource with its id, or 0.
func NewMeta(last int64, now time.Time) Meta {
	return Meta{Version: last + 1, CreatedAt: now, UpdatedAt: now}
}

// Next returns the state at the next version.
func (m Meta) Next(now time.Time) Meta {
	m.Version++
	if now.After(m.UpdatedAt) { // clocks differ, and lists require that this time never goes back
		m.UpdatedAt = now
	}
	return m
}

// Metadata returns m. It is promoted to the resource.
func (m Meta) Metadata() Meta { return m }

// Resource is a type that embeds Meta.
type Resource interface {
	Key() int64 // the id, 0..2^53-1
	Metadata() Meta
}

// PlaceOf returns the place of a resource in an order.
func PlaceOf[T Resource](a T, o list.Order) list.Place {
	m := a.Metadata()
	return o.Place(a.Key(), m.CreatedAt, m.UpdatedAt)
}

// Condition decides whether a request may change a resource, given the state that
// it would change. It runs in the transaction of the change, possibly more than
// once. An error refuses the change. A nil Condition allows every change.
type Condition[T Resource] func(current T) error

// Judge returns the decision of c.
func (c Condition[T]) Judge(current T) error {
	if c == nil {
		return nil
	}
	return c(current)
}

// within returns a Condition that judges the resources within reach, and refuses
// others with missing.
func (c Condition[T]) within(reach caller.Reach, missing error) Condition[T] {
	return func(current T) error {
		if !reach.Includes(current.Metadata().Owner) {
			return missing
		}
		return c.Judge(current)
	}
}

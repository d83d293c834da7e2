package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
)

// Kind describes a kind of resources, whose v1 body is B.
type Kind[T Resource, B events.Body] struct {
	Name    string      // such as "account"
	Scopes  caller.Kind // what callers may do with it
	Missing error       // the error for a resource that does not exist
	// Created, Updated and Deleted are the types of the events.
	Created, Updated, Deleted string
	Body                      func(T) B          // the state in events
	KeyBody                   func(id int64) any // the data of Deleted
}

// Subject returns the subject of a resource's events.
func (k *Kind[T, B]) Subject(id int64) string {
	text := append(make([]byte, 0, 32), k.Name...) // without garbage, as each write needs several
	return string(strconv.AppendInt(append(text, '/'), id, 10))
}

// Event returns the event of a resource's current version. fields are the names of
// those that have changed.
func (k *Kind[T, B]) Event(ctx context.Context, eventType string, a T, fields []string) (events.Event, error) {
	origin := events.OriginFrom(ctx)
	return k.event(eventType, a.Key(), a.Metadata().Version, origin.Traceparent, events.Change[B]{
		Resource: k.Body(a), ChangedFields: fields, RequestID: origin.RequestID,
		Actor: events.CallerID(caller.From(ctx).ID),
	})
}

func (k *Kind[T, B]) event(eventType string, id, version int64, traceparent string, payload any) (events.Event, error) {
	data, err := json.Marshal(payload)
	if err != nil {
		return events.Event{}, fmt.Errorf("encode event: %w", err)
	}
	return events.Event{Type: eventType, Subject: k.Subject(id), Version: version, Data: data, Traceparent: traceparent}, nil
}

// Change returns a function for a store that changes a resource by apply, if cond
// allows it. It returns the new state and its event. If apply returns no names of
// changed fields, the function returns the current state and no event.
func (k *Kind[T, B]) Change(ctx context.Context, cond Condition[T], apply func(current T) (next T, fields []string, err error)) func(current T) (T, events.Event, error) {
	return func(current T) (T, events.Event, error) {
		if err := cond.Judge(current); err != nil {
			return current, events.Event{}, err
		}
		next, fields, err := apply(current)
		if err != nil || fields == nil {
			return current, events.Event{}, err
		}
		updated, err := k.Event(ctx, k.Updated, next, fields)
		return next, updated, err
	}
}

// Deletion returns a function for a store that allows the deletion of a resource
// if cond does, and returns its event.
func (k *Kind[T, B]) Deletion(ctx context.Context, cond Condition[T]) func(current T) (events.Event, error) {
	return func(current T) (events.Event, error) {
		if err := cond.Judge(current); err != nil {
			return events.Event{}, err
		}
		return k.event(k.Deleted, current.Key(), current.Metadata().Version+1, events.OriginFrom(ctx).Traceparent, k.KeyBody(current.Key()))
	}
}

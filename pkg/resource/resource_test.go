package resource_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/resource"
)

type thing struct {
	id   int64
	name string
	resource.Meta
}

func (t thing) Key() int64 { return t.id }

type query struct{ list.Options }

type cases = resource.UseCases[thing, events.Account, query, *query]

var (
	errMissing = errors.New("missing")
	errRefused = errors.New("refused")
	epoch      = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

	kind = resource.Kind[thing, events.Account]{
		Name: "thing", Scopes: caller.Accounts, Missing: errMissing, Created: "created", Updated: "updated", Deleted: "deleted",
		Body:    func(t thing) events.Account { return events.Account{ID: t.id, Name: t.name, Version: t.Version} },
		KeyBody: func(id int64) any { return events.AccountKey{ID: id} },
	}
)

// things is a store whose pages have one thing.
type things []thing

func (ts *things) Get(_ context.Context, id int64) (thing, error) {
	if i := slices.IndexFunc(*ts, func(t thing) bool { return t.id == id }); i >= 0 {
		return (*ts)[i], nil
	}
	return thing{}, errMissing
}

func (ts *things) List(_ context.Context, q query) (page list.Page[thing], err error) {
	for _, t := range *ts {
		switch {
		case q.Owner != "" && t.Owner != q.Owner, q.After != nil && t.id <= q.After.ID:
		case page.Items == nil:
			page.Items = []thing{t}
		default:
			page.Next = &list.Place{ID: page.Items[0].id}
			return page, nil
		}
	}
	return page, nil
}

func (ts *things) Delete(ctx context.Context, id int64, decide func(thing) (events.Event, error)) error {
	t, err := ts.Get(ctx, id)
	if err == nil {
		_, err = decide(t)
	}
	if err == nil {
		*ts = slices.DeleteFunc(*ts, func(t thing) bool { return t.id == id })
	}
	return err
}

func own(id int64, owner string) thing {
	t := thing{id: id, Meta: resource.NewMeta(0, epoch)}
	t.Owner = owner
	return t
}

func as(t *testing.T, id string, scopes caller.Scopes) context.Context {
	return caller.With(t.Context(), &caller.Caller{ID: id, Scopes: scopes})
}

func TestUseCasesWithinReach(t *testing.T) {
	everything := as(t, "key:x", caller.AllScopes)
	for name, test := range map[string]struct {
		ctx                       context.Context
		read, write, past, remove error // of a thing of key:b
		listed                    []int64
	}{
		"all scopes":   {everything, nil, nil, nil, nil, []int64{1, 2, 3}},
		"owner":        {as(t, "key:b", caller.AccountsOwn), nil, nil, nil, nil, []int64{2, 3}},
		"other owner":  {as(t, "key:a", caller.AccountsOwn), errMissing, errMissing, errMissing, errMissing, []int64{1}},
		"reader":       {as(t, "key:a", caller.AccountsRead), nil, caller.ErrForbidden, nil, caller.ErrForbidden, []int64{1, 2, 3}},
		"follower":     {as(t, "key:a", caller.EventsRead), caller.ErrForbidden, caller.ErrForbidden, nil, caller.ErrForbidden, nil},
		"no scopes":    {as(t, "key:a", 0), caller.ErrForbidden, caller.ErrForbidden, caller.ErrForbidden, caller.ErrForbidden, nil},
		"anonymous":    {as(t, "", caller.AccountsOwn), caller.ErrForbidden, caller.ErrForbidden, caller.ErrForbidden, caller.ErrForbidden, nil},
		"other things": {as(t, "key:b", caller.AudiosRead|caller.AudiosOwn), caller.ErrForbidden, caller.ErrForbidden, caller.ErrForbidden, caller.ErrForbidden, nil},
	} {
		t.Run(name, func(t *testing.T) {
			store := &things{own(1, "key:a"), own(2, "key:b"), own(3, "key:b")}
			u := cases{Kind: &kind, Store: store}
			_, read := u.Get(test.ctx, 2)
			_, write := u.Writable(test.ctx, 2)
			past := u.Exists(test.ctx, 2)
			var listed []int64
			if first, err := u.List(test.ctx, query{}); err == nil {
				for items, err := range u.From(test.ctx, query{}, first) {
					if err != nil {
						t.Fatalf("From: %v", err)
					}
					for _, item := range items {
						listed = append(listed, item.id)
					}
				}
			} else if !errors.Is(err, caller.ErrForbidden) {
				t.Fatalf("List: %v", err)
			}
			if diff := cmp.Diff(test.listed, listed); diff != "" {
				t.Errorf("listed (-want +got):\n%s", diff)
			}
			remove := u.Remove(test.ctx, 2, nil)
			for operation, errs := range map[string][2]error{"Get": {read, test.read}, "Writable": {write, test.write}, "Exists": {past, test.past}, "Remove": {remove, test.remove}} {
				if !errors.Is(errs[0], errs[1]) {
					t.Errorf("%s: %v, want %v", operation, errs[0], errs[1])
				}
			}
			if left := len(*store); (left == 2) != (test.remove == nil) {
				t.Errorf("%d things are left after Remove = %v", left, remove)
			}
			for _, err := range []error{u.Remove(everything, 1, func(thing) error { return errRefused }), u.Remove(everything, 4, nil)} {
				if !errors.Is(err, errRefused) && !errors.Is(err, errMissing) {
					t.Errorf("Remove = %v", err)
				}
			}
		})
	}
}

func TestEventsOfChanges(t *testing.T) {
	ctx := events.WithOrigin(as(t, "key:a", caller.AllScopes), events.Origin{RequestID: "r", Traceparent: "t"})
	current := own(7, "key:a")
	rename := func(to string) func(thing) (thing, []string, error) {
		return func(t thing) (thing, []string, error) {
			if t.name == to {
				return t, nil, nil
			}
			t.name, t.Meta = to, t.Next(epoch.Add(-time.Hour)) // by a clock that is behind
			return t, []string{"name"}, nil
		}
	}
	next, updated, err := kind.Change(ctx, nil, rename("x"))(current)
	want := events.Event{Type: "updated", Subject: "thing/7", Version: 2, Traceparent: "t"}
	want.Data, _ = json.Marshal(events.Change[events.Account]{
		Resource: events.Account{ID: 7, Name: "x", Version: 2}, ChangedFields: []string{"name"}, RequestID: "r", Actor: new("key:a"),
	})
	if diff := cmp.Diff(want, updated); diff != "" || err != nil || !next.UpdatedAt.Equal(epoch) {
		t.Errorf("Change: %v at %v (-want +got):\n%s", err, next.UpdatedAt, diff)
	}
	if same, none, err := kind.Change(ctx, nil, rename("x"))(next); same != next || none.Type != "" || err != nil {
		t.Errorf("a change of nothing: %+v, %+v, %v", same, none, err)
	}
	refuse := func(thing) error { return errRefused }
	if same, none, err := kind.Change(ctx, refuse, rename("y"))(next); same != next || none.Type != "" || !errors.Is(err, errRefused) {
		t.Errorf("a refused change: %+v, %+v, %v", same, none, err)
	}
	deleted, err := kind.Deletion(ctx, nil)(next)
	want = events.Event{Type: "deleted", Subject: "thing/7", Version: 3, Traceparent: "t", Data: []byte(`{"id":7}`)}
	if diff := cmp.Diff(want, deleted); diff != "" || err != nil {
		t.Errorf("Deletion: %v (-want +got):\n%s", err, diff)
	}
	if _, err := kind.Deletion(ctx, refuse)(next); !errors.Is(err, errRefused) {
		t.Errorf("a refused deletion: %v", err)
	}
}

func TestPlaceOf(t *testing.T) {
	a := own(7, "")
	a.Meta = a.Next(epoch.Add(time.Hour))
	for order, want := range map[list.Order]list.Place{
		{}: {ID: 7}, {By: list.ByCreated}: {At: epoch, ID: 7}, {By: list.ByUpdated, Desc: true}: {At: epoch.Add(time.Hour), ID: 7},
	} {
		if got := resource.PlaceOf(a, order); got != want {
			t.Errorf("by %v: %v, want %v", order, got, want)
		}
	}
}

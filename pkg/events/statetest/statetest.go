// Package statetest is the conformance suite of events.State.
package statetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/concha-labs/backend/pkg/events"
)

// Run tests an implementation. open returns two handles to one new state, as
// two processes would have.
func Run[Tx any](t *testing.T, open func(t *testing.T) (a, b events.State[Tx])) {
	t.Run("KeepsTheVersionOfEachSubject", func(t *testing.T) {
		a, b := open(t)
		for version := range int64(3) {
			for _, subject := range []string{"account/1", "account/11", "audio/1"} {
				set(t, a, subject, version, version+1)
			}
		}
		set(t, b, "account/1", 3, 3)
		set(t, b, "account/11", 3, 7)
		set(t, a, "account/11", 7, 8)
		set(t, a, "audio/1", 3, 4)
		set(t, b, "audio/2", 0, 1)
	})
	t.Run("AFailureKeepsNothing", func(t *testing.T) {
		a, b := open(t)
		set(t, a, "account/1", 0, 1)
		broken := errors.New("broken")
		for _, subject := range []string{"account/1", "account/2"} {
			err := a.Update(t.Context(), subject, func(Tx, int64) (int64, error) { return 9, broken })
			if !errors.Is(err, broken) {
				t.Errorf("%s: %v", subject, err)
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Error("a panic was swallowed")
					}
				}()
				_ = a.Update(t.Context(), subject, func(Tx, int64) (int64, error) { panic("bug") })
			}()
		}
		set(t, b, "account/1", 1, 2)
		set(t, b, "account/2", 0, 1)
	})
	t.Run("OneSubjectIsUpdatedByOneAtATime", func(t *testing.T) {
		a, b := open(t)
		const each = 20
		var inside atomic.Int32
		var group sync.WaitGroup
		for _, state := range []events.State[Tx]{a, b, a, b} {
			group.Go(func() {
				for range each {
					err := state.Update(t.Context(), "account/1", func(_ Tx, last int64) (int64, error) {
						defer inside.Add(-1)
						if inside.Add(1) > 1 {
							return last, errors.New("two at once")
						}
						return last + 1, nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		set(t, a, "account/1", 4*each, 4*each)
	})
	t.Run("AnEndedContextChangesNothing", func(t *testing.T) {
		a, b := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		err := a.Update(ctx, "account/1", func(_ Tx, last int64) (int64, error) {
			cancel()
			return last + 1, ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		set(t, b, "account/1", 0, 1)
	})
}

// set updates a subject and checks its previous version.
func set[Tx any](t *testing.T, state events.State[Tx], subject string, want, version int64) {
	t.Helper()
	err := state.Update(t.Context(), subject, func(_ Tx, last int64) (int64, error) {
		if last != want {
			return last, fmt.Errorf("the last version of %s is %d, not %d", subject, last, want)
		}
		return version, nil
	})
	if err != nil {
		t.Error(err)
	}
}

package events_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/statetest"
)

func TestMemory(t *testing.T) {
	statetest.Run(t, func(*testing.T) (a, b events.State[events.NoTx]) {
		m := &events.Memory{}
		return m, m
	})
}

func deletion(subject string, version int64) events.Decoded {
	return events.AccountDeleted{Event: events.Event{Subject: subject, Version: version}}
}

// recorder is a consumer that records its calls.
type recorder struct {
	events.Consumer[events.NoTx]
	calls []string
}

func newRecorder() *recorder {
	r := &recorder{}
	r.State = &events.Memory{}
	r.Apply = func(_ context.Context, _ events.NoTx, change events.Decoded) error {
		r.calls = append(r.calls, change.Envelope().ID())
		return nil
	}
	return r
}

func (r *recorder) acceptGaps() *recorder {
	r.Gap = func(_ context.Context, _ events.NoTx, gap *events.GapError) error {
		r.calls = append(r.calls, fmt.Sprintf("gap after %d", gap.Last))
		return nil
	}
	return r
}

func TestConsumer(t *testing.T) {
	for name, test := range map[string]struct {
		versions []int64
		want     []string
	}{
		"in order":                        {[]int64{1, 2, 3}, []string{"s/1", "s/2", "s/3"}},
		"duplicates":                      {[]int64{1, 1, 2, 1, 2, 3, 3}, []string{"s/1", "s/2", "s/3"}},
		"a gap":                           {[]int64{1, 4, 5}, []string{"s/1", "gap after 1", "s/4", "s/5"}},
		"begins in the midst of a life":   {[]int64{7, 8}, []string{"gap after 0", "s/7", "s/8"}},
		"what is late after a gap is old": {[]int64{1, 4, 2, 3, 5}, []string{"s/1", "gap after 1", "s/4", "s/5"}},
		"all again from the start":        {[]int64{1, 2, 3, 1, 2, 3, 4}, []string{"s/1", "s/2", "s/3", "s/4"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder().acceptGaps()
			for _, version := range test.versions {
				if err := r.Handle(t.Context(), deletion("s", version)); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(test.want, r.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConsumerFailsAtAGapUnlessItIsAccepted(t *testing.T) {
	r := newRecorder()
	for range 2 { // delivered twice
		err := r.Handle(t.Context(), deletion("s", 2))
		gap, ok := errors.AsType[*events.GapError](err)
		if !ok || gap.Event.Version != 2 || gap.Last != 0 {
			t.Fatalf("got %v", err)
		}
	}
	refusal := errors.New("not yet")
	r.Gap = func(context.Context, events.NoTx, *events.GapError) error { return refusal }
	if err := r.Handle(t.Context(), deletion("s", 2)); !errors.Is(err, refusal) {
		t.Fatalf("got %v", err)
	}
	for _, version := range []int64{1, 2} { // the missing one has arrived
		if err := r.Handle(t.Context(), deletion("s", version)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"s/1", "s/2"}, r.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestConsumerAppliesAgainWhatFailed(t *testing.T) {
	r := newRecorder()
	apply, broken := r.Apply, errors.New("broken")
	r.Apply = func(context.Context, events.NoTx, events.Decoded) error { return broken }
	if err := r.Handle(t.Context(), deletion("s", 1)); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	r.Apply = apply
	if err := r.Handle(t.Context(), deletion("s", 1)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"s/1"}, r.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// Each Apply waits for the other one, so both must run at the same time.
func TestConsumerHandlesDifferentSubjectsAtOnce(t *testing.T) {
	meet := make(chan struct{})
	c := events.Consumer[events.NoTx]{
		State: &events.Memory{},
		Apply: func(ctx context.Context, _ events.NoTx, change events.Decoded) error {
			if change.Envelope().Subject == "a" {
				select {
				case meet <- struct{}{}:
				case <-ctx.Done():
				}
				return ctx.Err()
			}
			select {
			case <-meet:
			case <-ctx.Done():
			}
			return ctx.Err()
		},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan error)
	for _, subject := range []string{"a", "b"} {
		go func() { done <- c.Handle(ctx, deletion(subject, 1)) }()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

package delivery_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/internal/delivery"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/telemetry/telemetrytest"
)

var (
	backoff     = delivery.Backoff{Base: 10 * time.Millisecond, Max: time.Second}
	errOutage   = fault.New(fault.Unavailable, "down", "down")
	errBug      = errors.New("bug")
	errNotFound = fault.New(fault.NotFound, "gone", "gone")
)

func session(stop context.Context, h bus.Handler) *delivery.Session {
	return delivery.NewSession(stop, "test", h, 4, backoff, zap.NewNop())
}

func TestDeliver(t *testing.T) {
	outages := make([]error, 12)
	for i := range outages {
		outages[i] = errOutage
	}
	tests := map[string]struct {
		results  []error // of the handler, in order; nil after the last
		err      error
		attempts int
		took     time.Duration
	}{
		"handled":                     {nil, nil, 1, 0},
		"permanent":                   {[]error{errNotFound}, errNotFound, 1, 0},
		"bug goes away":               {[]error{errBug, errBug}, nil, 3, 30 * time.Millisecond},
		"bug stays":                   {[]error{errBug, errBug, errBug, errBug, errBug}, errBug, 5, 150 * time.Millisecond},
		"outage is outlasted":         {outages, nil, 13, 1270*time.Millisecond + 5*time.Second},
		"outage is not counted a bug": {[]error{errBug, errOutage, errBug, errOutage, errBug, errBug, nil}, nil, 7, 630 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				metrics := telemetrytest.Metrics(t, `subscription="test"`)
				attempts, start := 0, time.Now()
				s := session(t.Context(), func(context.Context, bus.Message) error {
					attempts++
					if attempts <= len(tt.results) {
						return tt.results[attempts-1]
					}
					return nil
				})
				defer s.Close()
				settled, err := s.Deliver(t.Context(), bus.Message{OrderingKey: "k", Attributes: map[string]string{
					"ce-time": start.Format(time.RFC3339Nano), "ce-source": "/accounts",
				}})
				if !settled || !errors.Is(err, tt.err) {
					t.Errorf("Deliver = %v, %v; want true, %v", settled, err, tt.err)
				}
				if took := time.Since(start); attempts != tt.attempts || took != tt.took {
					t.Errorf("%d attempts in %v, want %d in %v", attempts, took, tt.attempts, tt.took)
				}
				handled, delays := 1.0, `concha_event_handle_delay_seconds{log="accounts"}`
				if tt.err != nil {
					handled = 0
				}
				if got := metrics(); got["concha_messages_handled_total"] != handled || got[delays] != handled ||
					got["concha_messages_retried_total"] != float64(tt.attempts-1) {
					t.Errorf("metrics %v", got)
				}
			})
		})
	}
}

func TestEachAttemptHasItsOwnCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []bus.Message
		s := session(t.Context(), func(_ context.Context, m bus.Message) error {
			seen = append(seen, m.Clone())
			m.Attributes["a"], m.Data[0] = "changed", 'X'
			if len(seen) == 1 {
				return errBug
			}
			return nil
		})
		defer s.Close()
		msg := bus.Message{OrderingKey: "k", Attributes: map[string]string{"a": "1"}, Data: []byte("data")}
		want := []bus.Message{msg.Clone(), msg.Clone()}
		if settled, err := s.Deliver(t.Context(), msg); !settled || err != nil {
			t.Fatalf("Deliver = %v, %v", settled, err)
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("attempts saw (-want +got):\n%s", diff)
		}
	})
}

func TestPanicIsDeadLettered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := session(t.Context(), func(context.Context, bus.Message) error { panic("boom") })
		defer s.Close()
		if settled, err := s.Deliver(t.Context(), bus.Message{OrderingKey: "k"}); !settled || err == nil {
			t.Errorf("Deliver = %v, %v; want true and the panic", settled, err)
		}
	})
}

func TestStopOrContextEndsTheAttempts(t *testing.T) {
	for _, name := range []string{"stop", "context"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ends, end := context.WithTimeout(t.Context(), 5*time.Millisecond)
				defer end()
				stop, ctx := t.Context(), ends
				if name == "stop" {
					stop, ctx = ends, t.Context()
				}
				attempts := 0
				s := session(stop, func(context.Context, bus.Message) error { attempts++; return errOutage })
				defer s.Close()
				settled, err := s.Deliver(ctx, bus.Message{OrderingKey: "k"})
				if settled || err == nil || attempts != 1 {
					t.Errorf("Deliver = %v, %v after %d attempts; want unsettled after 1", settled, err, attempts)
				}
			})
		})
	}
}

func TestDrain(t *testing.T) {
	tests := map[string]struct {
		handler bus.Handler
		took    time.Duration
		settled bool
	}{
		"waits for what finishes": {func(ctx context.Context, _ bus.Message) error {
			time.Sleep(time.Second)
			return ctx.Err()
		}, time.Second, true},
		"ends the context after the grace": {func(ctx context.Context, _ bus.Message) error {
			<-ctx.Done()
			return ctx.Err()
		}, delivery.Grace, false},
		"gives up at the limit": {func(context.Context, bus.Message) error {
			time.Sleep(time.Minute)
			return nil
		}, delivery.Limit, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stop, cancel := context.WithCancel(t.Context())
				s := session(stop, tt.handler)
				settled := make(chan bool)
				if !s.Acquire() {
					t.Fatal("no slot")
				}
				go func() {
					ok, _ := s.Deliver(t.Context(), bus.Message{OrderingKey: "k"})
					s.Release()
					settled <- ok
				}()
				synctest.Wait()
				cancel()
				start := time.Now()
				s.Drain()
				if took := time.Since(start); took != tt.took {
					t.Errorf("Drain took %v, want %v", took, tt.took)
				}
				if s.Acquire() {
					t.Error("a slot after the end")
				}
				if got := <-settled; got != tt.settled {
					t.Errorf("settled = %v, want %v", got, tt.settled)
				}
			})
		})
	}
}

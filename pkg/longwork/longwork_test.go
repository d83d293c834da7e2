package longwork

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestDoTakesTurns(t *testing.T) {
	var underWay, most, done atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			_ = Do(t.Context(), func() error {
				defer underWay.Add(-1)
				for n := underWay.Add(1); n > most.Load(); {
					most.Store(n)
				}
				for n := range 1000 {
					done.Add(int64(n % 2))
				}
				return nil
			})
		})
	}
	wg.Wait()
	if most.Load() > int64(cap(turns)) || done.Load() != 50_000 {
		t.Errorf("%d at once of at most %d, %d steps", most.Load(), cap(turns), done.Load())
	}
}

func TestDoReturnsErrors(t *testing.T) {
	failure := errors.New("failure")
	if err := Do(t.Context(), func() error { return failure }); !errors.Is(err, failure) {
		t.Errorf("Do = %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(failure)
	release := make(chan struct{})
	var holding, ended sync.WaitGroup
	for range cap(turns) {
		holding.Add(1)
		ended.Go(func() {
			_ = Do(context.Background(), func() error { holding.Done(); <-release; return nil }) //nolint:usetesting // beyond the end of ctx
		})
	}
	holding.Wait()
	if err := Do(ctx, func() error { t.Error("it runs without a turn"); return nil }); !errors.Is(err, failure) {
		t.Errorf("Do = %v after the end of its context", err)
	}
	close(release)
	ended.Wait()
}

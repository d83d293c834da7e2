package httpserver

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// body returns the context of a request with a body, and its end.
func body(t *testing.T, b *Budget) (context.Context, func()) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 100 // is only a promise
	r, end := b.begin(r)
	return r.Context(), end
}

// refusal fails the test unless err is that of the budget, or nil if it is not refused.
func refusal(t *testing.T, what string, err error, refused bool) {
	t.Helper()
	if errors.Is(err, ErrUnavailable) != refused || (err != nil) != refused {
		t.Errorf("%s = %v, want it refused: %v", what, err, refused)
	}
}

func TestBodiesCountWithWhatHasArrived(t *testing.T) {
	b := NewBudget(10)
	one, endOne := body(t, b)
	two, endTwo := body(t, b)
	refusal(t, "reserve nothing", ReserveBody(one, 0), false)
	for _, c := range []struct {
		ctx     context.Context
		n       int64
		refused bool
	}{{one, 6, false}, {two, 5, true}, {two, 4, false}, {two, 1, true}} {
		refusal(t, "take", TakeBody(c.ctx, c.n), c.refused)
	}
	refusal(t, "reserve nothing", ReserveBody(two, 0), true)
	endOne()
	refusal(t, "take after the other request has ended", TakeBody(two, 6), false)
	endTwo()
	if used := b.used.Load(); used != 0 {
		t.Errorf("%d bytes are still counted", used)
	}
	refusal(t, "take without a budget", TakeBody(t.Context(), 1<<40), false)
	refusal(t, "reserve without a budget", ReserveBody(t.Context(), 1<<40), false)
}

// Long bodies that arrive at once are refused before they are read, and those that
// are not refused all end.
func TestBodiesReserveTheirRoom(t *testing.T) {
	const length = 1 << 20
	b := NewBudget(16 * length)
	var admitted, ended atomic.Int64
	var together, all sync.WaitGroup
	together.Add(100)
	for range 100 {
		all.Go(func() {
			ctx, end := body(t, b)
			err := ReserveBody(ctx, length)
			together.Done()
			together.Wait() // all have asked before any has arrived
			if err == nil {
				admitted.Add(1)
				for range 16 {
					err = errors.Join(err, TakeBody(ctx, length/16))
				}
				if err == nil {
					ended.Add(1)
				}
			}
			end()
		})
	}
	all.Wait()
	if admitted.Load() != 14 || ended.Load() != 14 { // seven eighths of 16
		t.Errorf("%d bodies are admitted and %d end, want 14", admitted.Load(), ended.Load())
	}
	if used := b.used.Load(); used != 0 {
		t.Errorf("%d bytes are still counted", used)
	}
}

func TestShortBodiesAreTakenBesideLongOnes(t *testing.T) {
	b := NewBudget(8 * shortBody)
	long, endLong := body(t, b)
	refusal(t, "a long body", ReserveBody(long, 7*shortBody), false)
	another, endAnother := body(t, b)
	refusal(t, "a second long body", ReserveBody(another, shortBody+1), true)
	short, endShort := body(t, b)
	refusal(t, "a short body", errors.Join(ReserveBody(short, shortBody), TakeBody(short, shortBody)), false)
	endLong()
	refusal(t, "a long body after the first", ReserveBody(another, shortBody+1), false)
	endAnother()
	endShort()
	if used := b.used.Load(); used != 0 {
		t.Errorf("%d bytes are still counted", used)
	}
}

func TestReservationsLapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const length = 1 << 20
		b := NewBudget(2 * length)
		stalled, endStalled := body(t, b)
		other, endOther := body(t, b)
		refusal(t, "a body that stalls", errors.Join(ReserveBody(stalled, length), TakeBody(stalled, length/4)), false)
		refusal(t, "another one", ReserveBody(other, length), true)
		<-time.After(reservedFor)
		synctest.Wait()
		if used := b.used.Load(); used != length/4 {
			t.Errorf("%d bytes count, want those that have arrived", used)
		}
		refusal(t, "another one later", errors.Join(ReserveBody(other, length), TakeBody(other, length)), false)
		refusal(t, "the rest of the first", TakeBody(stalled, length/4), false)
		refusal(t, "too much of the first", TakeBody(stalled, length), true)
		endStalled()
		endOther()
		if used := b.used.Load(); used != 0 {
			t.Errorf("%d bytes are still counted", used)
		}
	})
}

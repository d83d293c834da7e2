package httpserver

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// large returns a large body that arrives as fast as it is read.
func large() io.ReadCloser {
	return fair(httptest.NewRequest(http.MethodPut, "/", io.LimitReader(zeros{}, 1<<20)))
}

func TestLargeBodiesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that no turn is too long on a busy machine
		var inTurn, most, read atomic.Int64
		process := func() {
			for n := inTurn.Add(1); n > most.Load(); {
				most.Store(n)
			}
			runtime.Gosched() // it takes some time
			inTurn.Add(-1)
		}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				b := large()
				process() // the head
				piece := make([]byte, maxPiece)
				for {
					n, err := b.Read(piece)
					read.Add(int64(n))
					if err != nil {
						return
					}
					process()
				}
			})
		}
		all.Wait()
		if most.Load() > int64(cap(lane)) || read.Load() != 100<<20 {
			t.Errorf("%d bodies had their turn at once, of at most %d; %d bytes are read", most.Load(), cap(lane), read.Load())
		}
	})
}

// A handler that waits for something else, or forgets its body, keeps its turn for a
// moment only.
func TestTurnsEnd(t *testing.T) {
	var bodies []io.ReadCloser
	for range 2 * cap(lane) {
		b := large()
		if n, err := b.Read(make([]byte, maxPiece)); n != maxPiece || err != nil {
			t.Fatalf("read %d, %v", n, err)
		}
		bodies = append(bodies, b)
	}
	for _, b := range bodies {
		if n, err := io.Copy(io.Discard, b); n != 1<<20-maxPiece || err != nil {
			t.Errorf("read %d more, %v", n, err)
		}
	}
}

func BenchmarkLargeBody(b *testing.B) {
	b.SetBytes(1 << 20)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = io.Copy(io.Discard, large())
		}
	})
}

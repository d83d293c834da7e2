package httpserver

import (
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	maxPiece  = 64 << 10
	longPiece = 4 << 10
	// longestTurn bounds a turn whose handler waits for something else than its
	// body, such as a service that reads slowly.
	longestTurn = time.Millisecond
)

// lane has a place for each body that may have its turn at once. As the turns of
// package longwork, it leaves one processor to short requests, if there are several.
var lane = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))

// fairBody is a body that is read in pieces. The handler processes long pieces in
// turns: a turn lasts from the arrival of a piece until the next one is read, and
// at most longestTurn. The first turn begins with the request. Hundreds of bodies
// that arrive as fast as they are read then wait in the lane, and not before short
// requests in the scheduler, which runs goroutines in the order in which they became
// ready. The turn of a request that is refused ends after longestTurn: hundreds that
// are refused at once do not begin to be discarded at once.
type fairBody struct {
	io.ReadCloser
	inTurn atomic.Bool
	over   *time.Timer // ends a turn that has become too long
}

// fair returns the body of r, as a fairBody in its first turn if it may be large.
func fair(r *http.Request) io.ReadCloser {
	if 0 <= r.ContentLength && r.ContentLength <= maxPiece {
		return r.Body
	}
	b := &fairBody{ReadCloser: r.Body}
	b.over = time.AfterFunc(longestTurn, b.leave)
	b.enter()
	return b
}

func (b *fairBody) Read(p []byte) (int, error) {
	b.leave()
	n, err := b.ReadCloser.Read(p[:min(len(p), maxPiece)])
	if n >= longPiece && err == nil {
		b.enter()
	}
	return n, err
}

// enter begins a turn, after those of the bodies that came earlier.
func (b *fairBody) enter() {
	lane <- struct{}{}
	b.inTurn.Store(true)
	b.over.Reset(longestTurn)
}

// leave ends a turn, if it is one. If the timer fires as the next turn begins, that
// turn ends early, which does no harm.
func (b *fairBody) leave() {
	if b.inTurn.CompareAndSwap(true, false) {
		b.over.Stop()
		<-lane
	}
}

func (b *fairBody) Close() error {
	b.leave()
	return b.ReadCloser.Close()
}

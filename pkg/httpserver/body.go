package httpserver

import (
	"io"
	"net/http"
	"runtime"
)

const (
	maxPiece  = 64 << 10
	longPiece = 4 << 10
)

// fairBody is a body that is read in pieces. After each long one, other goroutines
// have their turn. A body that arrives as fast as it is read would occupy its
// processor for 10 ms at a time otherwise, and a hundred of them would delay short
// requests by half a second.
type fairBody struct{ io.ReadCloser }

// fair returns the body of r, as a fairBody if it may be large.
func fair(r *http.Request) io.ReadCloser {
	if 0 <= r.ContentLength && r.ContentLength <= maxPiece {
		return r.Body
	}
	return fairBody{r.Body}
}

func (b fairBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), maxPiece)])
	if n >= longPiece {
		runtime.Gosched()
	}
	return n, err
}

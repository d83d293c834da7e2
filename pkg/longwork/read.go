package longwork

import (
	"context"
	"io"
	"sync"
	"time"
)

// long is how many bytes take some milliseconds to parse.
const long = 256 << 10

// DoBytes is Do for work on n bytes. Work on a few bytes waits for no turn.
func DoBytes(ctx context.Context, n int, work func() error) error {
	if n < long {
		return work()
	}
	return Do(ctx, work)
}

type piece [64 << 10]byte

var pieces = sync.Pool{New: func() any { return new(piece) }}

// ReadAll reads r until its end, as io.ReadAll does, for a text that may be long and
// may take long to arrive. It reads into pieces of memory that are used again, and
// joins them when it is its turn. Memory that grows with the text would be cleared
// and copied several times, by all readers at once. Errors: those of r and Do.
func ReadAll(ctx context.Context, r io.Reader) (text []byte, err error) {
	var read []*piece
	defer func() {
		for _, p := range read {
			pieces.Put(p)
		}
	}()
	length := 0
	for err == nil {
		at := length % len(piece{})
		if at == 0 && length/len(piece{}) == len(read) {
			read = append(read, pieces.Get().(*piece)) //nolint:forcetypeassert // of New
		}
		var n int
		n, err = r.Read(read[len(read)-1][at:])
		length += n
	}
	if err != io.EOF { //nolint:errorlint // the contract of io.Reader
		return nil, err
	}
	err = DoBytes(ctx, length, func() error {
		text = make([]byte, 0, length)
		for _, p := range read {
			text = append(text, p[:min(len(p), length-len(text))]...)
		}
		return nil
	})
	return text, err
}

const (
	// burst is how many bytes Discard reads without a pause.
	burst = 128 << 10
	pause = 100 * time.Microsecond
)

// pausing is held by the one reader that pauses.
var pausing sync.Mutex

// Discard reads r until its end. After each 128 KiB it pauses for 100 µs, and only one
// reader pauses at a time: hundreds of refused bodies, which arrive as fast as they are
// read, leave the processors to other requests. Errors: those of r.
func Discard(r io.Reader) error {
	p := pieces.Get().(*piece) //nolint:forcetypeassert // of New
	defer pieces.Put(p)
	for {
		// io.Discard itself would read 8 KiB at a time.
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(r, burst), p[:])
		if n < burst || err != nil {
			return err
		}
		pausing.Lock()
		time.Sleep(pause)
		pausing.Unlock()
	}
}

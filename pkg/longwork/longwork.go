// Package longwork makes work that occupies a processor for long take turns.
//
// The scheduler of Go gives a goroutine that computes 10 ms before another one
// runs on its processor. A short request that becomes ready behind a hundred of
// them waits for half a second on 2 processors.
package longwork

import (
	"context"
	"runtime"
)

// turns leaves one processor to short requests, if there are several.
var turns = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))

// Do runs work when it is its turn, and returns its error. work must not wait for
// a client, nor call Do. If ctx ends before the turn, Do returns its error. Safe
// for concurrent use.
func Do(ctx context.Context, work func() error) error {
	select {
	case turns <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-turns }()
	return work()
}

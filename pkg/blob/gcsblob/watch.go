package gcsblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"cloud.google.com/go/storage"
)

// stepTimeout bounds what one step of an operation may take, the client's
// retries included.
const stepTimeout = 10 * time.Second

var errStalled = errors.New("no answer within 10 s")

// watch ends its context when a step takes longer than stepTimeout. A deadline
// would not do: it would bound a whole transfer, and so the caller's part in it.
type watch struct {
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// newWatch begins the first step.
func newWatch(ctx context.Context) (context.Context, watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, watch{
		timer:  time.AfterFunc(stepTimeout, func() { cancel(errStalled) }),
		cancel: cancel,
	}
}

func (w watch) begin() { w.timer.Reset(stepTimeout) }
func (w watch) pause() { w.timer.Stop() }

func (w watch) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// watchedWriter makes each Write a step.
type watchedWriter struct {
	w     *storage.Writer
	watch watch
}

func (w watchedWriter) Write(p []byte) (int, error) {
	w.watch.begin()
	defer w.watch.pause()
	return w.w.Write(p)
}

// reader makes each Read a step.
type reader struct {
	ctx    context.Context
	object *storage.ObjectHandle
	size   int64
	watch  watch

	r  *storage.Reader // nil after a Seek
	at int64
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil { // the client may have read ahead
		return 0, fmt.Errorf("read object: %w", translate(r.ctx, err))
	}
	r.watch.begin()
	defer r.watch.pause()
	n, err := r.read(p)
	r.at += int64(n)
	if err != nil && err != io.EOF { //nolint:errorlint // io.EOF itself is the end, one that is wrapped a failure
		err = fmt.Errorf("read object: %w", translate(r.ctx, err))
	}
	return n, err
}

func (r *reader) read(p []byte) (int, error) {
	if r.r == nil {
		if r.at >= r.size {
			return 0, io.EOF
		}
		var err error
		if r.r, err = r.object.NewRangeReader(r.ctx, r.at, -1); err != nil {
			return 0, err
		}
	}
	return r.r.Read(p)
}

// Seek implements io.Seeker.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning of an object")
	}
	if offset != r.at {
		err := r.close()
		r.at = offset
		return offset, err
	}
	return offset, nil
}

func (r *reader) Close() error {
	defer r.watch.end()
	return r.close()
}

func (r *reader) close() error {
	if r.r == nil {
		return nil
	}
	defer func() { r.r = nil }()
	return r.r.Close()
}

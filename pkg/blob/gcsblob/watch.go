package gcsblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"cloud.google.com/go/storage"

	"github.com/concha-labs/backend/pkg/blob"
)

// stepTimeout bounds one step of an operation, including the retries of the
// client.
const stepTimeout = 10 * time.Second

var errStalled = errors.New("no answer within 10 s")

// watch cancels its context when a step takes longer than stepTimeout. A
// deadline would bound the whole transfer, including the time that the caller
// takes.
type watch struct {
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// newWatch starts the first step.
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

// watchedWriter treats each Write as a step.
type watchedWriter struct {
	w     *storage.Writer
	watch watch
}

func (w watchedWriter) Write(p []byte) (int, error) {
	w.watch.begin()
	defer w.watch.pause()
	return w.w.Write(p)
}

// reader treats each Read as a step. Reading forwards uses the one request that
// Open made, which still works if the object is deleted meanwhile.
type reader struct {
	ctx    context.Context
	object *storage.ObjectHandle
	size   int64
	watch  watch

	r   *storage.Reader // nil if opening again failed
	pos int64           // position of r
	at  int64           // position of the next Read
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil { // the client may have data buffered
		return 0, fmt.Errorf("read object: %w", translate(r.ctx, err))
	}
	r.watch.begin()
	defer r.watch.pause()
	n, err := r.read(p)
	switch {
	case err == nil, err == io.EOF: //nolint:errorlint // io.EOF itself is the end, one that is wrapped a failure
		return n, err
	case errors.Is(err, storage.ErrObjectNotExist): // it was deleted meanwhile
		err = blob.ErrUnavailable.Wrap(err)
	default:
		err = translate(r.ctx, err)
	}
	return n, fmt.Errorf("read object: %w", err)
}

func (r *reader) read(p []byte) (int, error) {
	if r.at != r.pos && r.at >= r.size {
		return 0, io.EOF
	}
	if r.r == nil || r.at < r.pos {
		if err := r.reopen(); err != nil {
			return 0, err
		}
	}
	if err := r.skip(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	r.pos += int64(n)
	r.at = r.pos
	return n, err
}

func (r *reader) reopen() (err error) {
	_ = r.close()
	r.r, err = r.object.NewRangeReader(r.ctx, r.at, -1)
	r.pos = r.at
	return err
}

// skip advances r.r to the position of the next Read, in steps.
func (r *reader) skip() error {
	for r.pos < r.at {
		r.watch.begin()
		n, err := io.CopyN(io.Discard, r.r, min(r.at-r.pos, skipped))
		r.pos += n
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// skipped is how many bytes one step skips.
const skipped = 256 << 10

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
	r.at = offset
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

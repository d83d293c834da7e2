package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/fault"
)

func testFailingReader(t *testing.T, s blob.Store) {
	cause := errors.New("the line is cut")
	for _, n := range []int{0, 1, 20 << 10, 1 << 20, 3 << 20} {
		r := io.MultiReader(bytes.NewReader(random(n)), iotest.ErrReader(cause))
		err := s.Put(t.Context(), name, contentType, r)
		if !errors.Is(err, cause) {
			t.Errorf("Put that fails after %d bytes: %v, want the reader's error", n, err)
		}
		if fault.KindOf(err) != fault.Internal {
			t.Errorf("Put that fails after %d bytes is of kind %v, want the reader's", n, fault.KindOf(err))
		}
		absent(t, s, name)
	}
	tooLarge := fault.New(fault.TooLarge, "too-large", "too large")
	if err := s.Put(t.Context(), name, contentType, iotest.ErrReader(tooLarge)); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("Put: %v, want the reader's fault", err)
	}
	put(t, s, name, "later")
}

func testContextEnds(t *testing.T, s blob.Store) {
	for _, n := range []int{0, 20 << 10, 3 << 20} {
		ctx, cancel := context.WithCancel(t.Context())
		r := io.MultiReader(bytes.NewReader(random(n)), readerFunc(func(p []byte) (int, error) {
			cancel()
			return copy(p, "more"), nil
		}))
		ended(t, "Put", s.Put(ctx, name, contentType, r))
		absent(t, s, name)
	}
	put(t, s, name, string(random(1<<20)))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Open(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	_, err = io.Copy(io.Discard, r)
	ended(t, "Read", err)

	put(t, s, name+"2", "")
	ctx, cancel = context.WithCancel(t.Context())
	n := 0
	err = s.List(ctx, "", time.Time{}, later(), func(string) error {
		n++
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("List: %v after %d names, want 1 and the context's error", err, n)
	}
}

func testContextEnded(t *testing.T, s blob.Store) {
	put(t, s, name, "content")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended(t, "Put", s.Put(ctx, "other", contentType, plain([]byte("content"))))
	ended(t, "Put of nothing", s.Put(ctx, "other", contentType, plain(nil)))
	absent(t, s, "other")
	_, err := s.Open(ctx, name)
	ended(t, "Open", err)
	ended(t, "Delete", s.Delete(ctx, name))
	ended(t, "List", s.List(ctx, "", time.Time{}, later(), func(string) error { return nil }))
	ended(t, "Check", s.Check(ctx))
	if got := read(t, s, name); string(got) != "content" {
		t.Errorf("content is %q", got)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func testConcurrentPuts(t *testing.T, s blob.Store) {
	const n = 16
	var (
		wg   sync.WaitGroup
		errs [n]error
	)
	for i := range n {
		wg.Go(func() {
			errs[i] = s.Put(t.Context(), name, contentType, plain(bytes.Repeat([]byte{byte(i)}, 20<<10)))
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Errorf("Put %d and %d both won", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, blob.ErrExists):
			t.Errorf("Put %d: %v, want ErrExists", i, err)
		}
	}
	if winner < 0 {
		t.Fatal("no Put won")
	}
	if got := read(t, s, name); !bytes.Equal(got, bytes.Repeat([]byte{byte(winner)}, 20<<10)) {
		t.Error("the content is not the winner's")
	}
}

func testConcurrentUse(t *testing.T, s blob.Store) {
	var wg sync.WaitGroup
	for i := range 8 {
		n := string(rune('a' + i))
		wg.Go(func() {
			for range 5 {
				if err := s.Put(t.Context(), n, contentType, plain([]byte(n))); err != nil {
					t.Errorf("Put: %v", err)
					return
				}
				r, err := s.Open(t.Context(), n)
				if err != nil {
					t.Errorf("Open: %v", err)
					return
				}
				if got, err := io.ReadAll(r); err != nil || string(got) != n {
					t.Errorf("%s: content is %q, %v", n, got, err)
				}
				if err := errors.Join(r.Close(), s.Delete(t.Context(), n)); err != nil {
					t.Errorf("Close and Delete: %v", err)
				}
				if err := s.List(t.Context(), "", time.Time{}, later(), func(string) error { return nil }); err != nil {
					t.Errorf("List: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

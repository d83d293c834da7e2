package gcsblob_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/blob/gcsblob"
	"github.com/concha-labs/backend/pkg/fault"
)

// However a bucket is unreachable, each call fails within ten seconds.
func TestUnreachableBucket(t *testing.T) {
	for name, backend := range map[string]roundTripper{
		"silent": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"refusing":   func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED },
		"failing":    func(*http.Request) (*http.Response, error) { return response(http.StatusBadGateway), nil },
		"forbidding": func(*http.Request) (*http.Response, error) { return response(http.StatusForbidden), nil },
	} {
		for operation, do := range map[string]func(context.Context, *gcsblob.Store) error{
			"Put": func(ctx context.Context, s *gcsblob.Store) error {
				return s.Put(ctx, "a", "", strings.NewReader("content"))
			},
			"Put of chunks": func(ctx context.Context, s *gcsblob.Store) error {
				return s.Put(ctx, "a", "", strings.NewReader(strings.Repeat("content", 2<<20)))
			},
			"Open": func(ctx context.Context, s *gcsblob.Store) error {
				_, err := s.Open(ctx, "a")
				return err
			},
			"Delete": func(ctx context.Context, s *gcsblob.Store) error { return s.Delete(ctx, "a") },
			"List": func(ctx context.Context, s *gcsblob.Store) error {
				return s.List(ctx, "", time.Time{}, time.Now(), func(string) error { return nil })
			},
			"Check": func(ctx context.Context, s *gcsblob.Store) error { return s.Check(ctx) },
		} {
			t.Run(name+"/"+operation, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := gcsblob.New(newClient(t, backend), bucket)
					start := time.Now()
					err := do(t.Context(), s)
					if fault.KindOf(err) != fault.Unavailable {
						t.Errorf("%v, want ErrUnavailable", err)
					}
					if took := time.Since(start); took > 10*time.Second {
						t.Errorf("gave up after %v", took)
					}
				})
			})
		}
	}
}

func TestBodyThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := gcsblob.New(newClient(t, func(r *http.Request) (*http.Response, error) {
			resp := response(http.StatusOK)
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader("start"), readerFunc(func([]byte) (int, error) {
				<-r.Context().Done()
				return 0, r.Context().Err()
			})))
			resp.ContentLength = 100
			return resp, nil
		}), bucket)
		r, err := s.Open(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		start := time.Now()
		b, err := io.ReadAll(r)
		if string(b) != "start" || !errors.Is(err, blob.ErrUnavailable) || time.Since(start) > 10*time.Second {
			t.Errorf("read %q, %v after %v, want ErrUnavailable", b, err, time.Since(start))
		}
	})
}

// Only Cloud Storage is bounded in time: the caller may be slow.
func TestSlowCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := provisioned(t, newClient(t, fake(t)))
		slow := func(r io.Reader) io.Reader {
			return readerFunc(func(p []byte) (int, error) {
				time.Sleep(time.Minute)
				return r.Read(p[:min(len(p), 1<<19)])
			})
		}
		want := strings.Repeat("content!", 1<<18)
		if err := s.Put(t.Context(), "a", "", slow(strings.NewReader(want))); err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if b, err := io.ReadAll(slow(r)); err != nil || string(b) != want {
			t.Errorf("read %d bytes, %v, want %d", len(b), err, len(want))
		}
		err = s.List(t.Context(), "", time.Time{}, time.Now().Add(time.Hour), func(string) error {
			time.Sleep(time.Minute)
			return nil
		})
		if err != nil {
			t.Errorf("List: %v", err)
		}
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

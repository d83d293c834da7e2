package objects_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/blob/fileblob"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/objects"
	"github.com/concha-labs/backend/pkg/resource"
)

func newStore(t *testing.T, names ...string) *fileblob.Store {
	t.Helper()
	store, err := fileblob.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := store.Put(t.Context(), name, "text/plain", strings.NewReader(name)); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func content(t *testing.T, store objects.Store, name string) string {
	t.Helper()
	r, err := store.Open(t.Context(), name)
	if fault.KindOf(err) == fault.NotFound {
		return ""
	} else if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type discards map[int64][]string

func (d discards) Discarded(_ context.Context, id int64) ([]string, error) { return d[id], nil }

func (d discards) ForgetDiscarded(_ context.Context, id int64, names []string) error {
	d[id] = slices.DeleteFunc(slices.Clone(d[id]), func(name string) bool { return slices.Contains(names, name) })
	return nil
}

// broken is a Store that deletes nothing.
type broken struct{ objects.Store }

var errBroken = errors.New("broken")

func (broken) Delete(context.Context, string) error { return errBroken }

func TestCollect(t *testing.T) {
	t.Parallel()
	store := newStore(t, "1/a", "1/a-small", "1/b", "2/a")
	d := discards{1: {"1/a", "1/b", "1/gone"}, 2: {"2/a"}}
	small := func(name string) []string { return []string{name + "-small"} }
	if err := objects.Collect(t.Context(), d, broken{store}, 1, small); !errors.Is(err, errBroken) || len(d[1]) != 3 {
		t.Errorf("with a store that is down: %v, %q is remembered", err, d[1])
	}
	for range 2 { // idempotent
		if err := objects.Collect(t.Context(), d, store, 1, small); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"1/a": "", "1/a-small": "", "1/b": "", "2/a": "2/a"} {
		if got := content(t, store, name); got != want {
			t.Errorf("%s contains %q, want %q", name, got, want)
		}
	}
	if len(d[1]) != 0 || len(d[2]) != 1 {
		t.Errorf("%v is remembered", d)
	}
	if err := objects.Collect(t.Context(), d, store, 2, nil); err != nil || content(t, store, "2/a") != "" {
		t.Errorf("without derived objects: %v", err)
	}
}

func TestDrop(t *testing.T) {
	t.Parallel()
	for kind, dropped := range map[fault.Kind]bool{
		fault.Invalid: true, fault.NotFound: true, fault.Conflict: true, fault.Precondition: true, fault.Denied: true,
		fault.Unavailable: false, fault.Internal: false,
	} {
		store := newStore(t, "a")
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // as that of a request whose client has left
		objects.Drop(ctx, store, "a", fault.New(kind, "x", "x"))
		if got := content(t, store, "a"); (got == "") != dropped {
			t.Errorf("after an error of kind %v: %q", kind, got)
		}
	}
	store := newStore(t, "a")
	objects.Drop(t.Context(), store, "a", context.DeadlineExceeded)
	if content(t, store, "a") == "" {
		t.Error("an object is dropped though its transaction may have succeeded")
	}
	objects.Drop(t.Context(), store, "a", nil)
	if content(t, store, "a") != "" {
		t.Error("an object that no transaction has used is kept")
	}
}

func TestMend(t *testing.T) {
	t.Parallel()
	store := newStore(t, "a")
	for _, name := range []string{"a", "b"} {
		objects.Mend(t.Context(), store, name, "text/plain", []byte("mended"))
	}
	if a, b := content(t, store, "a"), content(t, store, "b"); a != "a" || b != "mended" {
		t.Errorf("an object that was there contains %q, a lost one %q", a, b)
	}
}

type thing struct {
	id     int64
	object string
	resource.Meta
}

func (t thing) Key() int64 { return t.id }

func TestReferenced(t *testing.T) {
	t.Parallel()
	errDown := errors.New("down")
	owner := func(object string) (int64, bool) {
		id, _, _ := strings.Cut(object, "/")
		n, err := strconv.ParseInt(id, 10, 64)
		return n, err == nil
	}
	refers := func(a thing, object string) bool { return a.object == object }
	pages := func(err error) func(ids []int64) iter.Seq2[[]thing, error] {
		return func(ids []int64) iter.Seq2[[]thing, error] {
			if diff := cmp.Diff([]int64{1, 2, 3}, ids); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
			return func(yield func([]thing, error) bool) {
				if yield([]thing{{id: 1, object: "1/a"}}, nil) && yield(nil, nil) {
					yield([]thing{{id: 3, object: "3/a"}}, err)
				}
			}
		}
	}
	names := []string{"1/a", "1/b", "2/a", "3/a", "others"}
	got, err := objects.Referenced(names, owner, pages(nil), refers)
	if want := map[string]bool{"1/a": true, "1/b": false, "2/a": false, "3/a": true}; !maps.Equal(got, want) || err != nil {
		t.Errorf("Referenced = %v, %v, want %v", got, err, want)
	}
	if _, err := objects.Referenced(names, owner, pages(errDown), refers); !errors.Is(err, errDown) {
		t.Errorf("Referenced = %v, want the error of the list", err)
	}
	if got, err := objects.Referenced([]string{"others"}, owner, nil, refers); len(got) != 0 || err != nil {
		t.Errorf("Referenced = %v, %v, want nothing", got, err)
	}
}

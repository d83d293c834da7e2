// Package blobtest is the conformance suite of blob.Store.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/fault"
)

const (
	name        = "123456/5f3c0a9e7d2b4c61.jpeg"
	contentType = "image/jpeg"
)

// Run tests every promise of blob.Store. open returns a new, empty store.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, blob.Store)
	}{
		{"whole objects", testWhole},
		{"ranges", testRanges},
		{"names that are taken", testExists},
		{"names that are good", testGoodNames},
		{"names that are not", testBadNames},
		{"reader that fails", testFailingReader},
		{"context that ends", testContextEnds},
		{"context that has ended", testContextEnded},
		{"missing object", testMissing},
		{"delete", testDelete},
		{"delete while it is read", testDeleteOpen},
		{"list", testList},
		{"list while it changes", testListDeletes},
		{"concurrent puts of one name", testConcurrentPuts},
		{"concurrent use", testConcurrentUse},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func testWhole(t *testing.T, s blob.Store) {
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	big := random(6 << 20)
	for _, c := range []struct {
		name    string
		content []byte
		r       func(content []byte) io.Reader
	}{
		{"empty", nil, plain},
		{"one-byte", []byte{0}, plain},
		{"small", random(20 << 10), plain},
		{"small-of-known-length", random(20 << 10), known},
		{"byte-by-byte", random(300), func(b []byte) io.Reader { return iotest.OneByteReader(plain(b)) }},
		{"last-bytes-with-eof", random(3000), func(b []byte) io.Reader { return iotest.DataErrReader(plain(b)) }},
		{"chunk", random(1 << 20), plain},
		{"big", big, plain},
		{"big-of-known-length", big, known},
		{"bigger-of-known-length", random(9 << 20), known},
	} {
		if err := s.Put(t.Context(), c.name, contentType, c.r(c.content)); err != nil {
			t.Errorf("Put %s: %v", c.name, err)
			continue
		}
		if got := read(t, s, c.name); !bytes.Equal(got, c.content) {
			t.Errorf("%s: got %d bytes that differ from the %d put", c.name, len(got), len(c.content))
		}
	}
	t.Run("closed early", func(t *testing.T) {
		r, err := s.Open(t.Context(), "big")
		if err != nil {
			t.Fatal(err)
		}
		start := make([]byte, 100)
		if _, err := io.ReadFull(r, start); err != nil || !bytes.Equal(start, big[:100]) {
			t.Errorf("read the start: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func testRanges(t *testing.T, s blob.Store) {
	const content = "0123456789"
	put(t, s, name, content)
	put(t, s, "empty", "")
	for _, c := range []struct {
		name   string
		offset int64
		whence int
		want   string
	}{
		{name, 0, io.SeekStart, content},
		{name, 3, io.SeekStart, content[3:]},
		{name, 9, io.SeekStart, "9"},
		{name, 10, io.SeekStart, ""},
		{name, 1 << 40, io.SeekStart, ""},
		{name, 0, io.SeekEnd, ""},
		{name, -4, io.SeekEnd, "6789"},
		{name, 5, io.SeekCurrent, content[5:]},
		{"empty", 0, io.SeekStart, ""},
		{"empty", 1, io.SeekStart, ""},
		{"empty", 0, io.SeekEnd, ""},
	} {
		r, err := s.Open(t.Context(), c.name)
		if err != nil {
			t.Fatalf("Open %s: %v", c.name, err)
		}
		_, err = r.Seek(c.offset, c.whence)
		got, readErr := io.ReadAll(r)
		if err := errors.Join(err, readErr, r.Close()); err != nil || string(got) != c.want {
			t.Errorf("%s from %d, %d: got %q, %v; want %q", c.name, c.offset, c.whence, got, err, c.want)
		}
	}

	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := r.Seek(-1, io.SeekStart); err == nil {
		t.Error("Seek to before the beginning: no error")
	}
	// Forwards and backwards, in the middle of reading.
	for _, step := range []struct {
		offset int64
		whence int
		at     int64
	}{{4, io.SeekStart, 4}, {-3, io.SeekCurrent, 3}, {1, io.SeekCurrent, 6}, {-1, io.SeekEnd, 9}, {0, io.SeekStart, 0}} {
		at, err := r.Seek(step.offset, step.whence)
		if err != nil || at != step.at {
			t.Fatalf("Seek %d, %d: at %d, %v; want %d", step.offset, step.whence, at, err, step.at)
		}
		two := make([]byte, 2)
		n, err := io.ReadFull(r, two)
		if want := content[at:min(at+2, 10)]; string(two[:n]) != want || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("at %d: got %q, %v; want %q", at, two[:n], err, want)
		}
	}
}

func testExists(t *testing.T, s blob.Store) {
	put(t, s, name, "first")
	for _, content := range []string{"first", "second", ""} {
		if err := s.Put(t.Context(), name, contentType, plain([]byte(content))); !errors.Is(err, blob.ErrExists) {
			t.Errorf("Put of %q: %v, want ErrExists", content, err)
		}
	}
	if err := s.Put(t.Context(), name, contentType, plain(random(3<<20))); !errors.Is(err, blob.ErrExists) {
		t.Errorf("Put of 3 MiB: %v, want ErrExists", err)
	}
	if got := read(t, s, name); string(got) != "first" {
		t.Errorf("content is %q, want that of the first Put", got)
	}
}

func testGoodNames(t *testing.T, s blob.Store) {
	names := []string{
		"-", "0/1/2/3", "A-b_c.d/e.", "CON", "_", "a", "a-b", "a..b", "a/b", "a/b/c", "aa",
		strings.Repeat("l", 200), "nul.txt", strings.Repeat("x/", 99) + "y",
	}
	for _, n := range names {
		put(t, s, n, n)
	}
	for _, n := range names {
		if got := read(t, s, n); string(got) != n {
			t.Errorf("%s: content is %q", n, got)
		}
	}
	if diff := cmp.Diff(names, list(t, s)); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

func testBadNames(t *testing.T, s blob.Store) {
	for _, n := range []string{
		"", ".", "..", "/", "//", "../x", "a/../b", "a/..", "/abs", "a//b", "a/", ".hidden", "a/.hidden", "./a",
		`a\b`, `..\x`, `C:\x`, "C:x", "a\x00", "a\x00/../b", "a\nb", "a\rb", "a b", "a+b", "a%2Fb", "%2e%2e/x", "a?b", "a#b", "a*", "~", "a:b",
		"é", "ａ", "a\u2215b", "\xff", "a\u202eb", strings.Repeat("l", 201), strings.Repeat("x/", 100) + "y", strings.Repeat("../", 60) + "etc/passwd",
	} {
		if err := s.Put(t.Context(), n, contentType, plain(nil)); !errors.Is(err, blob.ErrName) {
			t.Errorf("Put %q: %v, want ErrName", n, err)
		}
		if r, err := s.Open(t.Context(), n); !errors.Is(err, blob.ErrName) || r != nil {
			t.Errorf("Open %q: %v, want ErrName and no reader", n, err)
		}
		if err := s.Delete(t.Context(), n); !errors.Is(err, blob.ErrName) {
			t.Errorf("Delete %q: %v, want ErrName", n, err)
		}
	}
	if got := list(t, s); len(got) != 0 {
		t.Errorf("stored %q", got)
	}
}

func testMissing(t *testing.T, s blob.Store) {
	put(t, s, "a/b", "")
	for _, n := range []string{name, "a", "a/b/c"} {
		absent(t, s, n)
	}
}

func testDelete(t *testing.T, s blob.Store) {
	put(t, s, name, "content")
	put(t, s, "123456/other.jpeg", "other")
	for range 2 {
		if err := s.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete: %v", err)
		}
		absent(t, s, name)
	}
	if err := s.Delete(t.Context(), "123456"); err != nil {
		t.Errorf("Delete of what is the start of a name: %v", err)
	}
	if got := list(t, s); !slices.Equal(got, []string{"123456/other.jpeg"}) {
		t.Errorf("left are %q", got)
	}
}

func testList(t *testing.T, s blob.Store) {
	if got := list(t, s); len(got) != 0 {
		t.Errorf("a new store lists %q", got)
	}
	want := []string{"1/2", "10/1", "B", "a", "a-b", "a.b", "a/b", "a/b/c", "a0", "a_", "ab"}
	for _, i := range rand.Perm(len(want)) {
		put(t, s, want[i], "")
	}
	if diff := cmp.Diff(want, list(t, s)); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	for _, after := range []string{"0", "1/2", "a/", "a/b", "a0", "ab", "z"} {
		var got []string
		if err := s.List(t.Context(), after, time.Time{}, later(), func(n string) error {
			got = append(got, n)
			return nil
		}); err != nil {
			t.Errorf("List after %q: %v", after, err)
		}
		i, found := slices.BinarySearch(want, after)
		if found {
			i++
		}
		if !slices.Equal(got, want[i:]) {
			t.Errorf("listed after %q: %q, want %q", after, got, want[i:])
		}
	}
	err := s.List(t.Context(), "", time.Time{}, time.Now().Add(-time.Hour), func(n string) error {
		t.Errorf("%s is listed as an hour old", n)
		return nil
	})
	if err != nil {
		t.Errorf("List: %v", err)
	}
	stop := errors.New("stop")
	var got []string
	err = s.List(t.Context(), "", time.Time{}, later(), func(n string) error {
		got = append(got, n)
		if len(got) == 3 {
			return stop
		}
		return nil
	})
	if err != stop || !slices.Equal(got, want[:3]) { //nolint:errorlint // as it is, not wrapped
		t.Errorf("List: %v after %q, want yield's own error after %q", err, got, want[:3])
	}
}

// testDeleteOpen deletes an object that is open for reading. The reader either
// continues to the end or fails with ErrUnavailable.
func testDeleteOpen(t *testing.T, s blob.Store) {
	content := random(1 << 20)
	put(t, s, name, string(content))
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if err := s.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	const at = 1 << 19
	if _, err := r.Seek(at, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content[at:]) {
		t.Errorf("got %d bytes, %v; want what follows byte %d", len(got), err, at)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if gone := fault.KindOf(err) == fault.Unavailable; !gone && (err != nil || !bytes.Equal(got, content)) {
		t.Errorf("again: got %d bytes, %v; want all or ErrUnavailable", len(got), err)
	}
}

func testListDeletes(t *testing.T, s blob.Store) {
	want := []string{"a", "b", "c"}
	for _, n := range want {
		put(t, s, n, "")
	}
	var got []string
	err := s.List(t.Context(), "", time.Time{}, later(), func(n string) error {
		got = append(got, n)
		return s.Delete(t.Context(), n)
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("List: %v after %q, want %q", err, got, want)
	}
	if left := list(t, s); len(left) != 0 {
		t.Errorf("left are %q", left)
	}
}

// known and plain return a reader of b whose length the store can, and cannot,
// determine in advance.
func known(b []byte) io.Reader { return bytes.NewReader(b) }
func plain(b []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(b)} }

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// later returns a time after everything written so far, even by the clock of
// another machine.
func later() time.Time { return time.Now().Add(time.Hour) }

func put(t *testing.T, s blob.Store, name, content string) {
	t.Helper()
	if err := s.Put(t.Context(), name, contentType, plain([]byte(content))); err != nil {
		t.Fatalf("Put %s: %v", name, err)
	}
}

func read(t *testing.T, s blob.Store, name string) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Errorf("Open %s: %v", name, err)
		return nil
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Errorf("read %s: %v", name, err)
	}
	return b
}

func list(t *testing.T, s blob.Store) []string {
	t.Helper()
	var names []string
	if err := s.List(t.Context(), "", time.Time{}, later(), func(n string) error {
		names = append(names, n)
		return nil
	}); err != nil {
		t.Fatalf("List: %v", err)
	}
	return names
}

// absent checks by Open and by List that no object is called name.
func absent(t *testing.T, s blob.Store, name string) {
	t.Helper()
	if r, err := s.Open(t.Context(), name); !errors.Is(err, blob.ErrNotFound) || r != nil {
		t.Errorf("Open %s: %v, want ErrNotFound and no reader", name, err)
	}
	if slices.Contains(list(t, s), name) {
		t.Errorf("%s is listed", name)
	}
}

// ended checks that err wraps the error of a cancelled context.
func ended(t *testing.T, operation string, err error) {
	t.Helper()
	if fault.KindOf(err) != fault.Unavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("%s: %v, want ErrUnavailable that wraps context.Canceled", operation, err)
	}
}

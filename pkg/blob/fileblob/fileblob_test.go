package fileblob_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/blob/blobtest"
	"github.com/concha-labs/backend/pkg/blob/fileblob"
	"github.com/concha-labs/backend/pkg/fault"
)

func TestConformance(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, t.TempDir()) })
	t.Run("marker", func(t *testing.T) { blobtest.RunMarker(t, open(t, t.TempDir())) })
}

func TestObjectsSurviveReopening(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "some", "new", "folder")
	put(t, open(t, dir), "1/a.png", "content")
	if got := content(t, open(t, dir), "1/a.png"); got != "content" {
		t.Errorf("content is %q", got)
	}
	for d := dir; filepath.Base(d) != "some"; d = filepath.Dir(d) {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: mode %v, %v, want it private", d, info.Mode(), err)
		}
	}
}

func TestNewRemovesWhatACrashLeft(t *testing.T) {
	dir := t.TempDir()
	put(t, open(t, dir), "a", "content")
	left := filepath.Join(dir, ".pending", "left")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the unfinished file is still there: %v", err)
	}
	if got := content(t, s, "a"); got != "content" {
		t.Errorf("content is %q", got)
	}
}

func TestNothingIsLeftPending(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "a", "content")
	for _, r := range []io.Reader{strings.NewReader("taken"), iotest.ErrReader(io.ErrUnexpectedEOF)} {
		if err := s.Put(t.Context(), "a", "", r); err == nil {
			t.Error("Put succeeded")
		}
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	nothingPending(t, dir)
}

func TestNewFailsOnWhatIsNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fileblob.New(file); err == nil {
		t.Error("New took a file for a folder")
	}
}

func TestListSkipsWhatIsNoObject(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "a", "")
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, ".DS_Store"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "a b~"), nil, 0o600),
		os.Mkdir(filepath.Join(dir, "folder"), 0o700),
	); err != nil {
		t.Fatal(err)
	}
	err := s.List(t.Context(), "", time.Time{}, time.Now().Add(time.Hour), func(name string) error {
		if name != "a" {
			t.Errorf("listed %q", name)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestListIsOfAHalfOpenInterval(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "a", "")
	written := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(dir, "a"), written, written); err != nil {
		t.Fatal(err)
	}
	for before, want := range map[time.Time]int{written: 0, written.Add(time.Second): 1} {
		n := 0
		if err := s.List(t.Context(), "", time.Time{}, before, func(string) error { n++; return nil }); err != nil || n != want {
			t.Errorf("before %v: %d names, %v, want %d", before, n, err, want)
		}
	}
	for since, want := range map[time.Time]int{written: 1, written.Add(time.Second): 0} {
		n := 0
		if err := s.List(t.Context(), "", since, written.Add(time.Hour), func(string) error { n++; return nil }); err != nil || n != want {
			t.Errorf("since %v: %d names, %v, want %d", since, n, err, want)
		}
	}
}

func TestFolderThatIsGone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	unavailable(t, dir, "Check", s.Check(t.Context()))
	unavailable(t, dir, "Put", s.Put(t.Context(), "a", "", strings.NewReader("content")))
}

func TestLinksOutOfTheFolderAreNotFollowed(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	s := open(t, dir)
	if err := errors.Join(os.WriteFile(outside, []byte("secret"), 0o600), os.Symlink(outside, filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	_, err := s.Open(t.Context(), "link")
	unavailable(t, dir, "Open", err)
}

func FuzzName(f *testing.F) {
	for _, name := range []string{"a", "1/a.png", "../x", "/abs", "a//b", "a/../b", ".pending/x", "a+b", `..\x`, "a\x00", ""} {
		f.Add(name)
	}
	above := f.TempDir()
	dir := filepath.Join(above, "objects")
	s, err := fileblob.New(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		switch err := s.Put(t.Context(), name, "", strings.NewReader(name)); {
		case err == nil:
			if got := content(t, s, name); got != name {
				t.Errorf("content of %q is %q", name, got)
			}
			onlyChild(t, dir, strings.ReplaceAll(name, "/", "+"))
			if err := s.Delete(t.Context(), name); err != nil {
				t.Errorf("Delete %q: %v", name, err)
			}
		case !errors.Is(err, blob.ErrName):
			t.Errorf("Put %q: %v", name, err)
		}
		onlyChild(t, above, "objects")
		onlyChild(t, dir, "")
	})
}

// The benchmarks run 64 concurrent callers.

func BenchmarkPut20KiB(b *testing.B) {
	s := open(b, b.TempDir())
	content := bytes.Repeat([]byte("x"), 20<<10)
	var n atomic.Int64
	b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			name := fmt.Sprintf("%d/5f3c0a9e7d2b4c61.jpeg", n.Add(1))
			if err := s.Put(b.Context(), name, "", bytes.NewReader(content)); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkOpen20KiB(b *testing.B) {
	s := open(b, b.TempDir())
	put(b, s, "a", strings.Repeat("x", 20<<10))
	b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := s.Open(b.Context(), "a")
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				b.Error(err)
			}
			r.Close()
		}
	})
}

func open(t testing.TB, dir string) *fileblob.Store {
	t.Helper()
	s, err := fileblob.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t testing.TB, s *fileblob.Store, name, content string) {
	t.Helper()
	if err := s.Put(t.Context(), name, "", strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func content(t testing.TB, s *fileblob.Store, name string) string {
	t.Helper()
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// unavailable checks that err is ErrUnavailable and contains no path.
func unavailable(t *testing.T, dir, operation string, err error) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || !errors.Is(err, blob.ErrUnavailable) {
		t.Fatalf("%s: %v, want ErrUnavailable", operation, err)
	}
	if f.Unwrap() == nil {
		t.Errorf("%s: the error does not tell its cause", operation)
	}
	if strings.Contains(f.Detail, dir) || f.Detail != blob.ErrUnavailable.Detail {
		t.Errorf("%s: the detail %q is not for clients", operation, f.Detail)
	}
}

func nothingPending(t *testing.T, dir string) {
	t.Helper()
	onlyChild(t, filepath.Join(dir, ".pending"), "")
}

// onlyChild checks that name is the only entry of dir besides .pending, or that
// there is no entry if name is "".
func onlyChild(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if n := entry.Name(); n != ".pending" && n != name {
			t.Errorf("%s holds %q", dir, n)
		}
	}
}

//go:build unix

package fileblob_test

import (
	"bytes"
	"os/signal"
	"syscall"
	"testing"
)

// A limit on the size of files simulates a full disk: writing fails in the
// middle.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	restore := limitFiles(t, 64<<10)
	err := s.Put(t.Context(), "a", "", bytes.NewReader(make([]byte, 1<<20)))
	restore()
	unavailable(t, dir, "Put", err)
	onlyChild(t, dir, "")
	nothingPending(t, dir)
	put(t, s, "a", "content")
}

func TestCheckOfAFullDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	restore := limitFiles(t, 0)
	err := s.Check(t.Context())
	restore()
	unavailable(t, dir, "Check", err)
	nothingPending(t, dir)
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("with space again: %v", err)
	}
}

// limitFiles limits the size of files, in bytes, until restore is called.
func limitFiles(t *testing.T, size uint64) (restore func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	lowered := limit
	lowered.Cur = size
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lowered); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		signal.Reset(syscall.SIGXFSZ)
	}
}

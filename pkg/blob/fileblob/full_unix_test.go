//go:build unix

package fileblob_test

import (
	"bytes"
	"os/signal"
	"syscall"
	"testing"
)

// A limit on the size of files stands in for a disk that fills up: writing
// fails in the middle.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	lowered := limit
	lowered.Cur = 64 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lowered); err != nil {
		t.Fatal(err)
	}
	err := s.Put(t.Context(), "a", "", bytes.NewReader(make([]byte, 1<<20)))
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	unavailable(t, dir, "Put", err)
	onlyChild(t, dir, "")
	nothingPending(t, dir)
	put(t, s, "a", "content")
}

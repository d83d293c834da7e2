//go:build unix

package fileblob_test

import (
	"errors"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/blob/fileblob"
	"github.com/concha-labs/backend/pkg/fault"
)

// A limit on the size of files simulates a full disk. Reads still work.
func TestFullDisk(t *testing.T) {
	s, err := fileblob.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "before", "text/plain", strings.NewReader("content")); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	lowered := limit
	lowered.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lowered); err != nil {
		t.Fatal(err)
	}
	put := s.Put(t.Context(), "during", "text/plain", strings.NewReader("content"))
	check := s.Check(t.Context())
	object, open := s.Open(t.Context(), "before")
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}

	for operation, err := range map[string]error{"Put": put, "Check": check} {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || !errors.Is(err, blob.ErrUnavailable) || f.Detail != "the disk of the server is full; try again later" {
			t.Errorf("%s on a full disk: %v", operation, err)
		}
	}
	if open != nil {
		t.Fatalf("Open on a full disk: %v", open)
	}
	_ = object.Close()
	if err := s.Put(t.Context(), "during", "text/plain", strings.NewReader("content")); err != nil {
		t.Errorf("Put after the disk has space again: %v", err)
	}
}

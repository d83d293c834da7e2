package blobtest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/concha-labs/backend/pkg/blob"
)

// RunMarker tests what blob.Marker promises. The store is new and empty.
func RunMarker(t *testing.T, s interface {
	blob.Store
	blob.Marker
},
) {
	if content, err := s.ReadMarker(t.Context()); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a new store has the marker %q, %v", content, err)
	}
	first, second := []byte(`{"n":1}`), []byte(`{"n":2}`)
	write := func(previous, content []byte, want error) {
		t.Helper()
		if err := s.WriteMarker(t.Context(), previous, content); !errors.Is(err, want) {
			t.Errorf("WriteMarker(%q, %q) = %v, want %v", previous, content, err, want)
		}
	}
	read := func(want []byte) {
		t.Helper()
		if content, err := s.ReadMarker(t.Context()); !bytes.Equal(content, want) || err != nil {
			t.Errorf("ReadMarker = %q, %v, want %q", content, err, want)
		}
	}
	write(first, second, blob.ErrMarkerChanged)
	write(nil, first, nil)
	write(nil, second, blob.ErrMarkerChanged)
	read(first)
	write(first, second, nil)
	write(first, first, blob.ErrMarkerChanged)
	read(second)
	if names := list(t, s); len(names) > 0 {
		t.Errorf("the marker is listed: %q", names)
	}
	if _, err := s.Open(t.Context(), blob.MarkerName); !errors.Is(err, blob.ErrName) {
		t.Errorf("Open of the marker: %v, want ErrName", err)
	}

	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			switch err := s.WriteMarker(t.Context(), second, fmt.Appendf(nil, "writer %d", i)); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, blob.ErrMarkerChanged):
				t.Errorf("WriteMarker: %v", err)
			}
		})
	}
	wg.Wait()
	if n := won.Load(); n != 1 {
		t.Errorf("%d of 8 writers replaced the same marker, want 1", n)
	}
}

package fileblob

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/concha-labs/backend/pkg/blob"
)

// ReadMarker implements blob.Marker.
func (s *Store) ReadMarker(ctx context.Context) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("read marker: %w", ended(ctx))
	}
	f, err := s.root.Open(blob.MarkerName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read marker: %w", blob.ErrNotFound)
	} else if err != nil {
		return nil, fmt.Errorf("read marker: %w", unavailable(err))
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, blob.MaxMarker))
	if err != nil {
		return nil, fmt.Errorf("read marker: %w", unavailable(err))
	}
	return content, nil
}

// WriteMarker implements blob.Marker.
func (s *Store) WriteMarker(ctx context.Context, previous, content []byte) error {
	s.marking.Lock()
	defer s.marking.Unlock()
	current, err := s.ReadMarker(ctx)
	if err != nil && !errors.Is(err, blob.ErrNotFound) {
		return err
	}
	if !bytes.Equal(current, previous) {
		return fmt.Errorf("write marker: %w", blob.ErrMarkerChanged)
	}
	whole := filepath.Join(pending, rand.Text())
	defer s.root.Remove(whole)
	err = s.write(whole, bytes.NewReader(content))
	if err == nil {
		err = s.root.Rename(whole, blob.MarkerName)
	}
	if err == nil {
		err = s.dir.Sync()
	}
	if err != nil {
		return fmt.Errorf("write marker: %w", unavailable(err))
	}
	return nil
}

package gcsblob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"cloud.google.com/go/storage"

	"github.com/concha-labs/backend/pkg/blob"
)

// ReadMarker implements blob.Marker.
func (s *Store) ReadMarker(ctx context.Context) ([]byte, error) {
	content, _, err := s.readMarker(ctx)
	return content, err
}

func (s *Store) readMarker(ctx context.Context) (content []byte, generation int64, err error) {
	ctx, watch := newWatch(ctx)
	defer watch.end()
	r, err := s.bucket.Object(blob.MarkerName).NewReader(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read marker: %w", s.explain(ctx, err))
	}
	defer func() { _ = r.Close() }()
	content, err = io.ReadAll(io.LimitReader(r, blob.MaxMarker))
	if err != nil {
		return nil, 0, fmt.Errorf("read marker: %w", translate(ctx, err))
	}
	return content, r.Attrs.Generation, nil
}

// WriteMarker implements blob.Marker.
func (s *Store) WriteMarker(ctx context.Context, previous, content []byte) error {
	current, generation, err := s.readMarker(ctx)
	if err != nil && !errors.Is(err, blob.ErrNotFound) {
		return err
	}
	if !bytes.Equal(current, previous) {
		return fmt.Errorf("write marker: %w", blob.ErrMarkerChanged)
	}
	ctx, watch := newWatch(ctx)
	defer watch.end()
	unchanged := storage.Conditions{DoesNotExist: true}
	if generation > 0 {
		unchanged = storage.Conditions{GenerationMatch: generation}
	}
	w := s.bucket.Object(blob.MarkerName).If(unchanged).NewWriter(ctx)
	w.ChunkSize = blob.MaxMarker + 1
	w.ContentType = "application/json"
	_, err = w.Write(content)
	if err == nil {
		err = w.Close()
	}
	switch {
	case err == nil:
		return nil
	case status(err) == http.StatusPreconditionFailed:
		return fmt.Errorf("write marker: %w", blob.ErrMarkerChanged) // or the answer to this very write was lost
	}
	return fmt.Errorf("write marker: %w", translate(ctx, err))
}

// Package gcsblob keeps objects in a Cloud Storage bucket.
package gcsblob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"

	"github.com/concha-labs/backend/pkg/blob"
)

// The buffer sizes of an upload. The client retries a failed request from the
// buffer. Content that fits into it is sent in one request.
const (
	unknownBuffer = 1 << 20 // for a reader of unknown length
	largestBuffer = 8 << 20
)

// putID is the metadata key that identifies the Put which wrote an object.
const putID = "put-id"

var (
	_ blob.Store  = (*Store)(nil)
	_ blob.Marker = (*Store)(nil)
)

// Store is a blob.Store in one bucket. The client checks the CRC32C of every
// object that it writes or reads whole. If the bucket cannot be reached, a call
// fails after at most ten seconds.
type Store struct {
	bucket *storage.BucketHandle
}

// New returns the store in an existing bucket. See Provision.
func New(client *storage.Client, bucket string) *Store {
	// The client does not know that deletes and writes of this package are safe
	// to repeat.
	return &Store{bucket: client.Bucket(bucket).Retryer(storage.WithPolicy(storage.RetryAlways))}
}

// Provision creates a private bucket without soft deletion, because erased data
// must not be restorable. If the caller can already read a bucket of that name,
// Provision leaves its settings alone. created reports whether it made the
// bucket. While Cloud Storage cannot be reached, Provision retries until ctx
// ends.
func Provision(ctx context.Context, client *storage.Client, project, bucket string) (created bool, err error) {
	b := client.Bucket(bucket)
	err = b.Create(ctx, project, &storage.BucketAttrs{
		UniformBucketLevelAccess: storage.UniformBucketLevelAccess{Enabled: true},
		PublicAccessPrevention:   storage.PublicAccessPreventionEnforced,
		SoftDeletePolicy:         &storage.SoftDeletePolicy{RetentionDuration: 0},
	})
	if status(err) == http.StatusConflict {
		// Names of buckets are global: this one may belong to another project.
		if _, err := b.Attrs(ctx); err != nil {
			return false, fmt.Errorf("create bucket %s, which exists: %w", bucket, translate(ctx, err))
		}
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("create bucket %s: %w", bucket, translate(ctx, err))
	}
	return true, nil
}

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, name, contentType string, r io.Reader) error {
	if err := blob.CheckName(name); err != nil {
		return fmt.Errorf("put object: %w", err)
	}
	ctx, watch := newWatch(ctx)
	// Ending the context abandons an upload. Closing w completes it.
	defer watch.end()
	watch.pause()
	object := s.bucket.Object(name)
	id := rand.Text()
	w := object.If(storage.Conditions{DoesNotExist: true}).NewWriter(ctx)
	w.ChunkSize = bufferSize(r)
	w.ContentType = contentType
	w.CacheControl = "private"
	w.Metadata = map[string]string{putID: id}

	src := blob.NewSource(ctx, r)
	_, err := io.Copy(watchedWriter{w, watch}, src)
	if src.Err() != nil {
		return fmt.Errorf("put object %s: read its content: %w", name, src.Err())
	}
	watch.begin()
	if err == nil {
		err = w.Close()
	}
	if status(err) == http.StatusPreconditionFailed {
		err = taken(ctx, object, id)
	}
	if err != nil {
		return fmt.Errorf("put object %s: %w", name, translate(ctx, err))
	}
	return nil
}

func bufferSize(r io.Reader) int {
	if r, ok := r.(interface{ Len() int }); ok {
		// One byte more, so that the client sees the end of the content within
		// the buffer.
		return min(r.Len()+1, largestBuffer)
	}
	return unknownBuffer
}

// taken returns nil if the existing object was written by the Put with this id.
// That happens if the first request succeeded, its answer was lost, and the
// client repeated the request.
func taken(ctx context.Context, object *storage.ObjectHandle, id string) error {
	attrs, err := object.Attrs(ctx)
	switch {
	case err == nil && attrs.Metadata[putID] == id:
		return nil
	case err == nil, errors.Is(err, storage.ErrObjectNotExist):
		return blob.ErrExists
	}
	return err
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	if err := blob.CheckName(name); err != nil {
		return nil, fmt.Errorf("open object: %w", err)
	}
	ctx, watch := newWatch(ctx)
	object := s.bucket.Object(name)
	r, err := object.NewReader(ctx)
	if err != nil {
		defer watch.end()
		return nil, fmt.Errorf("open object %s: %w", name, s.explain(ctx, err))
	}
	watch.pause()
	return &reader{ctx: ctx, object: object, size: r.Attrs.Size, r: r, watch: watch}, nil
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := blob.CheckName(name); err != nil {
		return fmt.Errorf("delete object: %w", err)
	}
	ctx, watch := newWatch(ctx)
	defer watch.end()
	err := s.bucket.Object(name).Delete(ctx)
	if err != nil {
		err = s.explain(ctx, err)
	}
	if err != nil && !errors.Is(err, blob.ErrNotFound) {
		return fmt.Errorf("delete object %s: %w", name, err)
	}
	return nil
}

// List implements blob.Store.
func (s *Store) List(ctx context.Context, after string, since, before time.Time, yield func(name string) error) error {
	ctx, watch := newWatch(ctx)
	defer watch.end()
	query := &storage.Query{Projection: storage.ProjectionNoACL, StartOffset: after}
	if err := query.SetAttrSelection([]string{"Name", "Updated"}); err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	for objects := s.bucket.Objects(ctx, query); ; {
		watch.begin()
		attrs, err := objects.Next()
		watch.pause()
		if errors.Is(err, iterator.Done) {
			return nil
		} else if err != nil {
			return fmt.Errorf("list objects: %w", translate(ctx, err))
		}
		if attrs.Name == after || attrs.Updated.Before(since) || !attrs.Updated.Before(before) || blob.CheckName(attrs.Name) != nil {
			continue
		}
		if err := yield(attrs.Name); err != nil {
			return err
		}
	}
}

// Check implements blob.Store by listing the bucket. Unlike reading its
// attributes, that needs no role beyond that of an object user.
func (s *Store) Check(ctx context.Context) error {
	ctx, watch := newWatch(ctx)
	defer watch.end()
	objects := s.bucket.Objects(ctx, nil)
	objects.PageInfo().MaxSize = 1
	if _, err := objects.Next(); err != nil && !errors.Is(err, iterator.Done) {
		return fmt.Errorf("check object store: %w", translate(ctx, err))
	}
	return nil
}

// explain translates the error of a call about one object. Cloud Storage
// reports a missing object and a missing bucket in the same way, so explain
// checks the bucket.
func (s *Store) explain(ctx context.Context, err error) error {
	if errors.Is(err, storage.ErrObjectNotExist) {
		if err := s.Check(ctx); err != nil {
			return err
		}
	}
	return translate(ctx, err)
}

// translate maps an error of the client to an error of the port.
func translate(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, blob.ErrExists):
		return err
	case errors.Is(err, storage.ErrObjectNotExist):
		return blob.ErrNotFound.Wrap(err)
	case ctx.Err() != nil:
		return blob.ErrUnavailable.Wrap(fmt.Errorf("%w: %w", context.Cause(ctx), err))
	}
	return blob.ErrUnavailable.Wrap(err)
}

// status returns the HTTP status in err, or 0.
func status(err error) int {
	if e, ok := errors.AsType[*googleapi.Error](err); ok {
		return e.Code
	}
	return 0
}

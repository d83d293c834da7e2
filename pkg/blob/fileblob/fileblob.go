// Package fileblob keeps each object in a file of one folder.
package fileblob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/durable"
)

// pending is the subfolder for objects that are still being written. Names of
// objects never start with a dot.
const pending = ".pending"

var (
	_ blob.Store  = (*Store)(nil)
	_ blob.Marker = (*Store)(nil)
)

// Store is a blob.Store in one folder. The object a/b is the file a+b. A flat
// folder needs no subfolders to be created, synced and removed, and allows
// objects named a and a/b side by side.
type Store struct {
	root *os.Root
	dir  *os.File

	marking sync.Mutex // held while the marker is replaced
}

// New opens the store in dir. It creates the folder if it is missing, with
// access for the current user only. It removes the remains of Puts that a crash
// interrupted, so two stores must not use one folder at the same time.
func New(dir string) (*Store, error) {
	s, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("open object folder: %w; let this process write to the folder %s, or set CONCHA_DATA_DIR to another", err, dir)
	}
	return s, nil
}

func open(dir string) (*Store, error) {
	if err := durable.MkdirAll(filepath.Join(dir, pending)); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	stale, err := fs.ReadDir(root.FS(), pending)
	if err != nil {
		return nil, err
	}
	for _, entry := range stale {
		if err := root.Remove(filepath.Join(pending, entry.Name())); err != nil {
			return nil, err
		}
	}
	d, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	return &Store{root: root, dir: d}, nil
}

// Put implements blob.Store. It ignores the content type.
func (s *Store) Put(ctx context.Context, name, _ string, r io.Reader) error {
	file, err := FileName(name)
	if err != nil {
		return fmt.Errorf("put object: %w", err)
	}
	whole := filepath.Join(pending, rand.Text())
	defer s.root.Remove(whole)
	src := blob.NewSource(ctx, r)
	if err := s.write(whole, src); err != nil {
		if src.Err() != nil {
			return fmt.Errorf("put object %s: read its content: %w", name, src.Err())
		}
		return fmt.Errorf("put object %s: %w", name, unavailable(err))
	}
	// A link, unlike a rename, never replaces a file.
	if err := s.root.Link(whole, file); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("put object %s: %w", name, blob.ErrExists)
	} else if err != nil {
		return fmt.Errorf("put object %s: %w", name, unavailable(err))
	}
	if err := s.dir.Sync(); err != nil {
		return fmt.Errorf("put object %s: %w", name, unavailable(errors.Join(err, s.root.Remove(file))))
	}
	return nil
}

func (s *Store) write(file string, r io.Reader) error {
	f, err := s.root.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	file, err := FileName(name)
	if err != nil {
		return nil, fmt.Errorf("open object: %w", err)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("open object %s: %w", name, ended(ctx))
	}
	f, err := s.root.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open object %s: %w", name, blob.ErrNotFound)
	} else if err != nil {
		return nil, fmt.Errorf("open object %s: %w", name, unavailable(err))
	}
	return &reader{ctx, f}, nil
}

// reader hides the other methods of *os.File.
type reader struct {
	ctx context.Context
	io.ReadSeekCloser
}

func (r *reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, fmt.Errorf("read object: %w", ended(r.ctx))
	}
	n, err := r.ReadSeekCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read object: %w", unavailable(err))
	}
	return n, err
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	file, err := FileName(name)
	if err != nil {
		return fmt.Errorf("delete object: %w", err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("delete object %s: %w", name, ended(ctx))
	}
	if err := s.root.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete object %s: %w", name, unavailable(err))
	}
	return nil
}

// Check implements blob.Store by writing a file. Creating one is not enough:
// that may succeed on a full disk.
func (s *Store) Check(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("check object store: %w", ended(ctx))
	}
	probe := filepath.Join(pending, rand.Text())
	defer s.root.Remove(probe)
	if err := s.write(probe, strings.NewReader("probe")); err != nil {
		return fmt.Errorf("check object store: %w", unavailable(err))
	}
	return nil
}

// FileName returns the name of the file that holds the object in a Store's
// folder. Errors: blob.ErrName.
func FileName(name string) (string, error) {
	if err := blob.CheckName(name); err != nil {
		return "", err
	}
	return strings.ReplaceAll(name, "/", "+"), nil
}

// errFull is an ErrUnavailable whose text names the cause.
var errFull = blob.ErrUnavailable.Detailf("the disk of the server is full; try again later")

// unavailable translates an error of the file system.
func unavailable(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return errFull.Wrap(err)
	}
	return blob.ErrUnavailable.Wrap(err)
}

func ended(ctx context.Context) error { return unavailable(context.Cause(ctx)) }

package fileblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/blob"
)

const (
	// listed bounds the names that a List holds: twice as many, about 8 MB. It
	// reads the folder once for each listed objects.
	listed = 1 << 16
	// chunk is the number of names that one call reads from the folder.
	chunk = 1 << 10
)

// List implements blob.Store.
func (s *Store) List(ctx context.Context, after string, since, before time.Time, yield func(name string) error) error {
	return s.list(ctx, listed, after, func(name string) error {
		info, err := s.root.Lstat(strings.ReplaceAll(name, "/", "+"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return fmt.Errorf("list objects: %w", unavailable(err))
		}
		if !info.Mode().IsRegular() || info.ModTime().Before(since) || !info.ModTime().Before(before) {
			return nil
		}
		return yield(name)
	})
}

// list calls yield with the valid names in the folder that are greater than
// after, in byte order. It reads the folder again for each limit names.
func (s *Store) list(ctx context.Context, limit int, after string, yield func(name string) error) error {
	for {
		names, err := s.smallest(ctx, limit, after)
		if err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		for _, name := range names {
			if ctx.Err() != nil {
				return fmt.Errorf("list objects: %w", ended(ctx))
			}
			if err := yield(name); err != nil {
				return err
			}
		}
		if len(names) < limit {
			return nil
		}
		after = names[limit-1]
	}
}

// smallest returns the smallest valid names in the folder that are greater than
// after, in byte order: limit of them, or all if there are fewer. Errors:
// blob.ErrUnavailable.
func (s *Store) smallest(ctx context.Context, limit int, after string) (names []string, err error) {
	d, err := s.root.Open(".")
	if err != nil {
		return nil, unavailable(err)
	}
	defer d.Close()
	trim := func() {
		slices.Sort(names)
		names = slices.Delete(names, min(len(names), limit), len(names))
	}
	for {
		if ctx.Err() != nil {
			return nil, ended(ctx)
		}
		files, err := d.Readdirnames(chunk)
		for _, file := range files {
			if name := strings.ReplaceAll(file, "+", "/"); name > after && blob.CheckName(name) == nil {
				names = append(names, name)
			}
			if len(names) == 2*limit {
				trim()
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			trim()
			return names, nil
		case err != nil:
			return nil, unavailable(err)
		}
	}
}

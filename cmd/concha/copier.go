package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/blob/fileblob"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/durable"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// stores are the parts of a data folder: each database, and the folder of the
// objects to which its view referenced_objects refers.
var stores = []struct{ database, objects string }{
	{"accounts.db", "images"},
	{"audios.db", "files"},
}

// object is a file that a row refers to.
type object struct {
	store int // position among the stores
	file  string
}

func (o object) String() string { return stores[o.store].objects + "/" + o.file }

// copier copies a data folder. The databases come last, so a folder that has
// both is complete.
type copier struct {
	from, to string
	copied   map[object]int // the last attempt in which a row referred to the object
	missing  []object       // that a row referred to in the last attempt
	damaged  []object
}

// attempts is how often the databases are looked at anew because an object was
// deleted before it was copied. Each copies only what is new since the one
// before.
const attempts = 10

func (c *copier) run(ctx context.Context) error {
	for _, s := range stores {
		if err := durable.MkdirAll(filepath.Join(c.to, s.objects)); err != nil {
			return err
		}
	}
	for attempt := 1; attempt <= attempts; attempt++ {
		before := c.missing
		if done, err := c.attempt(ctx, attempt, before); done || err != nil {
			return err
		}
	}
	return errors.New("images are replaced faster than they are copied; try again when there are fewer writes")
}

// attempt copies the objects to which the databases refer at one moment, and
// then the databases of that moment. It is not done if an object was deleted
// meanwhile; one that was missing before as well is not waited for.
func (c *copier) attempt(ctx context.Context, attempt int, before []object) (done bool, err error) {
	// A marker must not be newer than its database, which is written first.
	for _, s := range stores {
		if err := copyIfExists(filepath.Join(c.from, s.objects, blob.MarkerName), filepath.Join(c.to, s.objects, blob.MarkerName)); err != nil {
			return false, err
		}
	}
	var paths []string
	for _, s := range stores {
		paths = append(paths, filepath.Join(c.from, s.database))
	}
	snapshot, err := sqlitedb.TakeSnapshot(ctx, paths...)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	c.missing = nil
	for store := range stores {
		if err := c.copyObjects(ctx, snapshot, store, attempt); err != nil {
			return false, err
		}
	}
	if slices.ContainsFunc(c.missing, func(o object) bool { return !slices.Contains(before, o) }) {
		return false, nil
	}
	return true, c.finish(ctx, snapshot, attempt)
}

// copyObjects copies the objects of a store that were not copied before.
func (c *copier) copyObjects(ctx context.Context, snapshot *sqlitedb.Snapshot, store, attempt int) error {
	rows, err := snapshot.Query(ctx, store, "SELECT name, sha256 FROM referenced_objects")
	if err != nil {
		return fmt.Errorf("%w; start the all-in-one process of this version on the folder once", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, hash string
		if err := rows.Scan(&name, &hash); err != nil {
			return err
		}
		file, err := fileblob.FileName(name)
		if err != nil {
			return err
		}
		o := object{store, file}
		if _, ok := c.copied[o]; !ok {
			sum, err := copyFile(filepath.Join(c.from, o.String()), filepath.Join(c.to, o.String()))
			if errors.Is(err, fs.ErrNotExist) {
				c.missing = append(c.missing, o)
				continue
			} else if err != nil {
				return err
			}
			if sum != hash {
				c.damaged = append(c.damaged, o)
			}
		}
		c.copied[o] = attempt
	}
	return rows.Err()
}

// finish deletes the copies of objects that are not part of the moment, makes
// the rest durable, and copies the databases.
func (c *copier) finish(ctx context.Context, snapshot *sqlitedb.Snapshot, attempt int) error {
	for o, last := range c.copied {
		path := filepath.Join(c.to, o.String())
		if last == attempt {
			if err := durable.Sync(path); err != nil {
				return err
			}
			continue
		}
		delete(c.copied, o)
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	c.damaged = slices.DeleteFunc(c.damaged, func(o object) bool { _, ok := c.copied[o]; return !ok })
	if err := copyIfExists(filepath.Join(c.from, membus.DeadLetters), filepath.Join(c.to, membus.DeadLetters)); err != nil {
		return err
	}
	for _, s := range stores {
		if err := durable.Sync(filepath.Join(c.to, s.objects)); err != nil {
			return err
		}
	}
	for i, s := range stores {
		if err := snapshot.Copy(ctx, i, filepath.Join(c.to, s.database+".partial")); err != nil {
			return err
		}
	}
	for _, s := range stores {
		path := filepath.Join(c.to, s.database)
		if err := os.Rename(path+".partial", path); err != nil {
			return err
		}
	}
	return durable.Sync(c.to)
}

// copyFile copies the content of a file and returns its SHA-256 hash.
func copyFile(from, to string) (sum string, err error) {
	in, err := os.Open(filepath.Clean(from))
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.OpenFile(filepath.Clean(to), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, hash), in)
	return hex.EncodeToString(hash.Sum(nil)), errors.Join(err, out.Close())
}

func copyIfExists(from, to string) error {
	_, err := copyFile(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return durable.Sync(to)
}

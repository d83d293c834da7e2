package sqlitedb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/concha-labs/backend/pkg/durable"
)

// inUse is the file beside a database that exists while a process writes to it,
// and after a process that was killed. The write-ahead log then has to be there,
// as nothing but SQLite removes it: without it, the latest transactions are lost.
type inUse struct {
	path  string // of the database
	begun bool   // only for the writer

	mu   sync.Mutex // guards what follows and the file
	lost bool
}

const lostLog = "the write-ahead log was lost\n"

func (u *inUse) file() string { return u.path + ".in-use" }

// inspect finds out, before the database is opened, whether its log was lost.
func (u *inUse) inspect() error {
	content, err := os.ReadFile(u.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	u.lost = string(content) == lostLog
	if !u.lost && !u.hasLog() {
		u.lost = true
		return u.write(lostLog)
	}
	return nil
}

// begin records that the log holds transactions. The writer calls it after each
// commit, before it answers. After a failure the next call tries again.
func (u *inUse) begin() {
	if u.begun {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.begun = u.lost || u.write("") == nil
}

// end records that the database is closed. A loss is not forgotten.
func (u *inUse) end() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.lost {
		return nil
	}
	if err := os.Remove(u.file()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// abandon is end for a database that could not be opened after a process was
// killed. If the log had been read, SQLite has removed it; the next start must not
// take it for lost.
func (u *inUse) abandon() error {
	if u.hasLog() {
		return nil
	}
	return u.end()
}

func (u *inUse) hasLog() bool {
	_, err := os.Stat(u.path + "-wal")
	return !errors.Is(err, fs.ErrNotExist)
}

func (u *inUse) write(content string) error {
	f, err := os.OpenFile(u.file(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return durable.Sync(filepath.Dir(u.path))
}

// LostLog reports whether the write-ahead log was missing when the database was
// opened, now or before, though a process had been killed while it wrote: the
// transactions in it are lost. It is true until AcceptLoss.
func (db *DB) LostLog() bool {
	db.inUse.mu.Lock()
	defer db.inUse.mu.Unlock()
	return db.inUse.lost
}

// AcceptLoss has LostLog return false from now on.
func (db *DB) AcceptLoss() error {
	db.inUse.mu.Lock()
	defer db.inUse.mu.Unlock()
	if err := db.inUse.write(""); err != nil {
		return fmt.Errorf("accept the loss of the write-ahead log: %w", err)
	}
	db.inUse.lost = false
	return nil
}

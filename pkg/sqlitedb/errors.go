package sqlitedb

import (
	"errors"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/concha-labs/backend/pkg/fault"
)

// ErrUnavailable means that the database cannot serve the request now.
var ErrUnavailable = fault.New(fault.Unavailable, "unavailable", "the database cannot take the request now; try again later")

// errFull is an ErrUnavailable whose text names the cause.
var errFull = ErrUnavailable.Detailf("the disk of the server is full; try again later")

// errCorrupt is an ErrUnavailable whose text names the cause.
var errCorrupt = ErrUnavailable.Detailf("the database is damaged; restore it from a backup")

// isFull reports whether err is due to a full disk.
func isFull(err error) bool { return hasCode(err, sqlite3.SQLITE_FULL) }

// isForeign reports whether err says that a file is not an SQLite database.
func isForeign(err error) bool { return hasCode(err, sqlite3.SQLITE_NOTADB) }

func hasCode(err error, code int) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == code
}

// Translate maps the driver's errors to faults. A full or failing disk and a
// lock that is not released are fault.Unavailable. It does not change other
// errors, including translated ones.
func Translate(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok || errors.Is(err, ErrUnavailable) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return errFull.Wrap(err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return errCorrupt.Wrap(err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM:
		return ErrUnavailable.Wrap(err)
	default:
		return err
	}
}

// IsUnique reports whether err is a violation of the primary key or unique
// index on column, in the form table.column.
func IsUnique(err error, column string) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return strings.Contains(e.Error(), column)
	default:
		return false
	}
}

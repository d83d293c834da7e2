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

// Translate maps the driver's errors to faults. A full or failing disk and a
// lock that is not released are fault.Unavailable. It does not change other
// errors, including translated ones.
func Translate(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok || errors.Is(err, ErrUnavailable) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
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

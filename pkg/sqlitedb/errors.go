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

// isDamage reports whether err says that a file is damaged, is not an SQLite
// database, or holds a value that its schema does not allow.
func isDamage(err error) bool {
	return hasCode(err, sqlite3.SQLITE_CORRUPT) || hasCode(err, sqlite3.SQLITE_NOTADB) || isConversion(err)
}

// isConversion reports whether err is that of database/sql for a value that the
// destination does not take. Its type is not exported.
func isConversion(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.HasPrefix(err.Error(), "sql: Scan error on column") {
			return true
		}
	}
	return false
}

func hasCode(err error, code int) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == code
}

// harmless reports whether err leaves the transaction as it was: it is not of
// SQLite, or a violation of a constraint, for which SQLite undoes the statement.
// After other errors SQLite may have rolled back the transaction.
func harmless(err error) bool {
	_, ok := errors.AsType[*sqlite.Error](err)
	return !ok || hasCode(err, sqlite3.SQLITE_CONSTRAINT)
}

// Translate maps the driver's errors to faults. A full or failing disk, a lock
// that is not released, and a damaged database are fault.Unavailable. It does
// not change other errors, including translated ones.
func Translate(err error) error {
	if isConversion(err) && !errors.Is(err, ErrUnavailable) {
		return errCorrupt.Wrap(err)
	}
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

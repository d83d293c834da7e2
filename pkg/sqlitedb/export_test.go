package sqlitedb

import "time"

// Readers returns the number of connections of Read.
func Readers() int { return cap(newReadTxs()) }

// SetReadTime replaces the time limit of Read, and returns the previous one.
func SetReadTime(db *DB, limit time.Duration) (previous time.Duration) {
	previous, db.readTime = db.readTime, limit
	return previous
}

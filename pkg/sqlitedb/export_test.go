package sqlitedb

import "time"

// LongReads returns the number of calls of Read that may be under way.
func LongReads(db *DB) int { return cap(db.longReads) }

// ReadConns returns the number of connections of Read and ReadShort, which take
// turns.
func ReadConns(db *DB) int { return cap(db.readTxs) }

// SetReadTime replaces the time limit of Read, and returns the previous one.
func SetReadTime(db *DB, limit time.Duration) (previous time.Duration) {
	previous, db.readTime = db.readTime, limit
	return previous
}

// FailSync makes db unable to sync its file before a checkpoint ends.
func FailSync(db *DB) error { return db.file.Close() }

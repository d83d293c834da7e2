// Package idempotency makes it safe to repeat a request. The result of a
// request with an Idempotency-Key is recorded in the transaction of its
// effects, and returned to every repetition of the request. The adapters are
// sqlitekeys and spannerkeys; both pass idempotencytest.
package idempotency

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
)

// Retention is how long a result is returned to repetitions. Older records are
// ignored, whether they have been purged or not.
const Retention = 24 * time.Hour

// ErrReused means that a key was used before for another body.
var ErrReused = fault.New(fault.Invalid, "idempotency-key-reused", "this Idempotency-Key came with another body before; use a fresh one")

// Request identifies a request. The zero Request has no key: its result is
// neither recorded nor found.
type Request struct {
	Key  [sha256.Size]byte // hash of the scope and the Idempotency-Key
	Body [sha256.Size]byte // hash of the content
}

// HasKey reports whether the request has an Idempotency-Key.
func (r Request) HasKey() bool { return r.Key != [sha256.Size]byte{} }

// Part returns the identity of the part of a batch that begins with item n, so
// that each part has a record of its own. The first part has the key of the
// whole.
func (r Request) Part(n int) Request {
	if n > 0 && r.HasKey() {
		r.Key = sha256.Sum256(binary.BigEndian.AppendUint64(r.Key[:], uint64(n)))
	}
	return r
}

// Package idempotency is what makes it safe to send a request again: the result
// of one that has an Idempotency-Key is recorded in the transaction of what it
// made, and given again to the same request. The adapters are sqlitekeys and
// spannerkeys; both pass idempotencytest.
package idempotency

import (
	"crypto/sha256"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
)

// Retention is how long a result is given again. An older record counts as
// none, whether it has been purged or not.
const Retention = 24 * time.Hour

// ErrReused refuses a key that was used for another body.
var ErrReused = fault.New(fault.Invalid, "idempotency-key-reused", "this Idempotency-Key came with another body before; use a fresh one")

// Request is a request as it is known again. The zero Request has no key: its
// result is neither recorded nor found.
type Request struct {
	Key  [sha256.Size]byte // of the scope and the Idempotency-Key
	Body [sha256.Size]byte // of what is sent
}

// HasKey reports whether the request is one to be known again.
func (r Request) HasKey() bool { return r.Key != [sha256.Size]byte{} }

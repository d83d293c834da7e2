// Package idempotency makes it safe to repeat a request. The result of a
// request with an Idempotency-Key is recorded in the transaction of its
// effects, and returned to every repetition of the request. The adapters are
// sqlitekeys and spannerkeys; both pass idempotencytest.
package idempotency

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
)

// Retention is how long a result is returned to repetitions. Older records are
// ignored, whether they have been purged or not.
const Retention = 24 * time.Hour

// ErrReused means that a key was used before for another body.
var ErrReused = fault.New(fault.Invalid, "idempotency-key-reused", "this Idempotency-Key was used with another body; use a new one")

// ErrErased means that the resource that the request made or changed has been
// deleted since. Its result is erased, and the request is not carried out again.
var ErrErased = fault.New(fault.NotFound, "result-erased", "a request with this Idempotency-Key was carried out before, and the resource that it created or changed has been deleted since")

// Part is the result of a request for one resource.
type Part struct {
	// Subject is the subject of the resource's events. It is empty if the result
	// contains no data of a resource.
	Subject string
	Result  any // stored as JSON
}

// Recorded is a recorded result, in parts. An erased part is nil. A nil Recorded
// means that there is no record.
type Recorded [][]byte

// Undivided returns the parts of a result that was recorded as a whole, by a
// version without parts: the result for one resource, or a JSON array of results.
func Undivided(result []byte) (Recorded, error) {
	if !bytes.HasPrefix(result, []byte("[")) {
		return Recorded{result}, nil
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(result, &parts); err != nil {
		return nil, fmt.Errorf("recorded result: %w", err)
	}
	recorded := make(Recorded, len(parts))
	for i, part := range parts {
		recorded[i] = part
	}
	return recorded, nil
}

// One decodes the result for one resource into result, a pointer. found reports
// whether there is a record. Errors: ErrErased.
func (r Recorded) One(result any) (found bool, err error) {
	switch {
	case r == nil:
		return false, nil
	case len(r) != 1 || r[0] == nil:
		return true, ErrErased
	}
	if err := json.Unmarshal(r[0], result); err != nil {
		return true, fmt.Errorf("recorded result: %w", err)
	}
	return true, nil
}

// Many returns the results for many resources, with the result of erased in the
// place of each erased part. found reports whether there is a record.
func Many[T any](r Recorded, erased func() T) (results []T, found bool, err error) {
	if r == nil {
		return nil, false, nil
	}
	results = make([]T, len(r))
	for i, part := range r {
		if part == nil {
			results[i] = erased()
		} else if err := json.Unmarshal(part, &results[i]); err != nil {
			return nil, true, fmt.Errorf("recorded result %d: %w", i, err)
		}
	}
	return results, true, nil
}

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

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

// Outcome is the result of one item of a request for many resources.
type Outcome[T any] struct {
	Result  T            // set if the item was carried out
	Refused *fault.Error // otherwise the reason
}

// OfOutcomes returns the recorded form of outcomes. record returns that of one, and
// the subject of its resource, which is ignored if the outcome is refused.
func OfOutcomes[T any](outcomes []Outcome[T], record func(result T, refused *Refusal) Part) []Part {
	parts := make([]Part, len(outcomes))
	for i, o := range outcomes {
		parts[i] = record(o.Result, OfError(o.Refused))
		if o.Refused != nil {
			parts[i].Subject = ""
		}
	}
	return parts
}

// Outcomes returns recorded outcomes, whose recorded form is R. ErrErased takes the
// place of those whose resource has been deleted since. found reports whether
// there is a record.
func Outcomes[T, R any](recorded Recorded, toResult func(R) (T, *Refusal)) (outcomes []Outcome[T], found bool, err error) {
	if recorded == nil {
		return nil, false, nil
	}
	outcomes = make([]Outcome[T], len(recorded))
	for i, part := range recorded {
		if part == nil {
			outcomes[i].Refused = ErrErased
			continue
		}
		var r R
		if err := json.Unmarshal(part, &r); err != nil {
			return nil, true, fmt.Errorf("recorded result %d: %w", i, err)
		}
		result, refused := toResult(r)
		outcomes[i] = Outcome[T]{result, refused.Fault()}
	}
	return outcomes, true, nil
}

// Into returns a function that decodes a recorded result into result, which stays
// as it is if there is no record. The function takes the results of Find of Keys,
// and reports whether there is a record. Errors: that of Find, those of decode.
func Into[R any](result *R, decode func(Recorded) (R, bool, error)) func(Recorded, error) (found bool, err error) {
	return func(recorded Recorded, failed error) (found bool, err error) {
		if failed != nil || recorded == nil {
			return false, failed
		}
		*result, found, err = decode(recorded)
		return found, err
	}
}

// Request identifies a request. The zero Request has no key: its result is
// neither recorded nor found.
type Request struct {
	Key  [sha256.Size]byte // hash of the scope and the Idempotency-Key
	Body [sha256.Size]byte // hash of the content
}

// HasKey reports whether the request has an Idempotency-Key.
func (r Request) HasKey() bool { return r.Key != [sha256.Size]byte{} }

// groupSize bounds the items that one transaction creates. On SQLite, other
// writers wait for some 20 ms, and a batch of 1,000 needs 4 syncs of the disk.
const groupSize = 250

// CreateGroups calls create for groups of a batch's items, in order, until all
// have an outcome or create fails, and returns the outcomes. Each group has a
// record of its own, identified by once and the position of its first item, so a
// repetition continues after the recorded groups. create may return fewer
// outcomes than items, but at least one: a group that an earlier release
// recorded may be smaller.
func CreateGroups[I, O any](items []I, once Request, create func(group []I, once Request) ([]O, error)) ([]O, error) {
	outcomes := make([]O, 0, len(items))
	for len(outcomes) < len(items) {
		begin := len(outcomes)
		created, err := create(items[begin:min(begin+groupSize, len(items))], once.part(begin))
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, created...)
	}
	return outcomes, nil
}

// part returns the identity of the group of a batch that begins with item n. The
// first group has the key of the whole.
func (r Request) part(n int) Request {
	if n > 0 && r.HasKey() {
		r.Key = sha256.Sum256(binary.BigEndian.AppendUint64(r.Key[:], uint64(n)))
	}
	return r
}

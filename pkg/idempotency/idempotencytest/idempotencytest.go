// Package idempotencytest is the conformance suite of the adapters of package
// idempotency.
package idempotencytest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
)

// Tx gives access to the records within a transaction.
type Tx interface {
	Find(r idempotency.Request) (idempotency.Recorded, error)
	Record(r idempotency.Request, parts ...idempotency.Part) error
	Erase(subject string) error
}

// Write runs do, possibly more than once, in a transaction of a database whose
// records age by now.
type Write func(ctx context.Context, now func() time.Time, do func(Tx) error) error

type result struct {
	Text   string
	Number float64
	Time   time.Time
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)

func request(body string) idempotency.Request {
	return idempotency.Request{Key: sha256.Sum256([]byte(rand.Text())), Body: sha256.Sum256([]byte(body))}
}

// Run tests an adapter.
func Run(t *testing.T, write Write) {
	w := writer{t, write, epoch}
	t.Run("a result is found again", func(t *testing.T) { testFound(w.of(t)) })
	t.Run("no key", func(t *testing.T) { testNoKey(w.of(t)) })
	t.Run("another body", func(t *testing.T) { testReused(w.of(t)) })
	t.Run("a transaction that fails", func(t *testing.T) { testFailed(w.of(t)) })
	t.Run("a record grows old", func(t *testing.T) { testExpired(w.of(t)) })
	t.Run("erasure", func(t *testing.T) { testErased(w.of(t)) })
	t.Run("erasure of a part", func(t *testing.T) { testErasedPart(w.of(t)) })
	t.Run("one key at once", func(t *testing.T) { testAtOnce(w.of(t)) })
}

type writer struct {
	*testing.T
	write Write
	now   time.Time
}

func (w writer) of(t *testing.T) writer { return writer{t, w.write, w.now} }

// make runs a transaction that records want unless a result is recorded
// already. It returns the recorded result.
func (w writer) make(r idempotency.Request, want result, end error) (got result, found bool, err error) {
	err = w.write(w.Context(), func() time.Time { return w.now }, func(tx Tx) error {
		got = result{}
		recorded, err := tx.Find(r)
		if err != nil {
			return err
		}
		if found, err = recorded.One(&got); err != nil || found {
			return err
		}
		got = want
		return errors.Join(tx.Record(r, idempotency.Part{Subject: want.Text, Result: want}), end)
	})
	return got, found, err
}

func (w writer) wants(r idempotency.Request, first result, want result, wantFound bool) {
	w.Helper()
	got, found, err := w.make(r, first, nil)
	if err != nil {
		w.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || found != wantFound {
		w.Errorf("found: %v, want %v; result (-want +got):\n%s", found, wantFound, diff)
	}
}

func testFound(w writer) {
	r, other := request("a"), request("a")
	one, two := result{"Zoë \x01 🎧", -89.03999999999999, epoch}, result{"two", 2, epoch}
	w.wants(r, one, one, false)
	w.wants(r, two, one, true)
	w.wants(other, two, two, false)
	w.wants(r, two, one, true)
}

func testNoKey(w writer) {
	none := idempotency.Request{Body: sha256.Sum256([]byte("a"))}
	for _, text := range []string{"one", "two"} {
		w.wants(none, result{Text: text}, result{Text: text}, false)
	}
}

func testReused(w writer) {
	r := request("a")
	w.wants(r, result{Text: "one"}, result{Text: "one"}, false)
	another := r
	another.Body = sha256.Sum256([]byte("b"))
	if _, _, err := w.make(another, result{Text: "two"}, nil); !errors.Is(err, idempotency.ErrReused) {
		w.Errorf("another body: %v, want ErrReused", err)
	}
	w.wants(r, result{}, result{Text: "one"}, true)
}

var errFailed = errors.New("failed")

func testFailed(w writer) {
	r := request("a")
	if _, _, err := w.make(r, result{Text: "one"}, errFailed); !errors.Is(err, errFailed) {
		w.Fatalf("make = %v, want its own error", err)
	}
	w.wants(r, result{Text: "two"}, result{Text: "two"}, false)
}

func testExpired(w writer) {
	r := request("a")
	w.wants(r, result{Text: "one"}, result{Text: "one"}, false)
	w.now = epoch.Add(idempotency.Retention - time.Microsecond)
	w.wants(r, result{Text: "two"}, result{Text: "one"}, true)
	w.now = epoch.Add(idempotency.Retention)
	r.Body = sha256.Sum256([]byte("b"))
	w.wants(r, result{Text: "two"}, result{Text: "two"}, false)
	w.wants(r, result{Text: "three"}, result{Text: "two"}, true)
}

// erase erases the results of subjects, and fails with end.
func (w writer) erase(end error, subjects ...string) {
	w.Helper()
	if err := w.write(w.Context(), func() time.Time { return w.now }, func(tx Tx) error {
		for _, subject := range subjects {
			if err := tx.Erase(subject); err != nil {
				return err
			}
		}
		return end
	}); !errors.Is(err, end) {
		w.Fatalf("erase: %v, want %v", err, end)
	}
}

func testErased(w writer) {
	r, other := request("a"), request("a")
	w.wants(r, result{Text: "account/1"}, result{Text: "account/1"}, false)
	w.wants(other, result{Text: "account/12"}, result{Text: "account/12"}, false)
	w.erase(errFailed, "account/1")
	w.wants(r, result{}, result{Text: "account/1"}, true)
	w.erase(nil, "account/1")
	if got, _, err := w.make(r, result{Text: "again"}, nil); !errors.Is(err, idempotency.ErrErased) || got != (result{}) {
		w.Errorf("after the erasure: %v, %v, want ErrErased", got, err)
	}
	another := r
	another.Body = sha256.Sum256([]byte("b"))
	if _, _, err := w.make(another, result{}, nil); !errors.Is(err, idempotency.ErrReused) {
		w.Errorf("another body after the erasure: %v, want ErrReused", err)
	}
	w.wants(other, result{}, result{Text: "account/12"}, true)
	w.now = epoch.Add(idempotency.Retention)
	w.wants(r, result{Text: "two"}, result{Text: "two"}, false)
}

func testErasedPart(w writer) {
	r := request("a")
	type outcome = idempotency.Outcome[result]
	type recorded struct {
		Of      result
		Refused *idempotency.Refusal
	}
	refused := outcome{Refused: fault.New(fault.Conflict, "taken", "it is taken")}
	one, two := outcome{Result: result{Text: "account/1"}}, outcome{Result: result{Text: "account/2"}}
	outcomes := []outcome{one, refused, two, {}, {Result: result{Text: "account/1", Number: 2}}}
	many := func(wantFound bool, want ...outcome) {
		w.Helper()
		if err := w.write(w.Context(), func() time.Time { return w.now }, func(tx Tx) error {
			found, err := tx.Find(r)
			if err != nil {
				return err
			}
			got, ok, err := idempotency.Outcomes(found, func(r recorded) (result, *idempotency.Refusal) { return r.Of, r.Refused })
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(fault.Error{})); diff != "" || ok != wantFound {
				w.Errorf("found: %v, want %v; outcomes (-want +got):\n%s", ok, wantFound, diff)
			}
			if err != nil || ok {
				return err
			}
			return tx.Record(r, idempotency.OfOutcomes(outcomes, func(r result, refused *idempotency.Refusal) idempotency.Part {
				return idempotency.Part{Subject: r.Text, Result: recorded{r, refused}}
			})...)
		}); err != nil {
			w.Fatal(err)
		}
	}
	many(false)
	many(true, outcomes...)
	w.erase(nil, "account/1", "account/3")
	erased := outcome{Refused: idempotency.ErrErased}
	many(true, erased, refused, two, outcome{}, erased)
}

func testAtOnce(w writer) {
	const clients = 20
	r := request("a")
	var made atomic.Int64
	var wg sync.WaitGroup
	results := make([]result, clients)
	for i := range clients {
		wg.Go(func() {
			got, found, err := w.make(r, result{Number: float64(i)}, nil)
			if err != nil {
				w.Errorf("make: %v", err)
			}
			if !found {
				made.Add(1)
			}
			results[i] = got
		})
	}
	wg.Wait()
	if n := made.Load(); n != 1 {
		w.Errorf("made %d times, want once", n)
	}
	for _, got := range results {
		if got != results[0] {
			w.Errorf("results differ: %v", results)
			break
		}
	}
}

// Package custody ties an object store to the one database whose rows refer to
// its objects. A database deletes nothing in a store that is another's, or from
// a time that it does not remember.
//
// A database has an Identity, and the store has a marker with a copy of it. Both
// are renewed every minute, the database first. So a marker that is missing, has
// another id, or is ahead of the database shows that the two do not belong
// together: the database was removed, restored from an older copy, or pointed at
// the store of another.
package custody

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/fault"
)

// Identity distinguishes a database from every other, and from older copies of
// itself.
type Identity struct {
	ID         string // random; empty if the database has none yet
	Generation int64  // only grows
	Bound      bool   // whether a marker with this ID has been written
	// RolledBack reports that the database lost transactions that it had
	// committed, as far as it can see this by itself.
	RolledBack bool
	// KeepBefore is when the database was last adopted, zero if never. It may
	// not remember the objects that were written before.
	KeepBefore time.Time
	Sweep      Progress
}

// Progress is how far the replicas have come in sweeping the store. The zero
// Progress means that they have not begun.
type Progress struct {
	Began time.Time // when the last pass over the store began
	After string    // the name of the last object that the pass has judged, "" if the pass has ended
	// Used and Unused are how many objects the pass has judged.
	Used, Unused int64
	Holder       string    // the run that goes on with the pass, "" if none does
	Until        time.Time // when another run may go on, unless Holder has come further
}

// Database keeps the Identity of one database. Safe for concurrent use.
type Database interface {
	// Update replaces the identity, the zero Identity at first, by the result of
	// change, in one transaction, and returns it. change may be called more than
	// once. Errors: change's own, fault.Unavailable.
	Update(ctx context.Context, change func(current Identity) (Identity, error)) (Identity, error)
}

// Objects is the object store; see blob.Store and blob.Marker.
type Objects interface {
	blob.Marker
	List(ctx context.Context, after string, since, before time.Time, yield func(name string) error) error
	Delete(ctx context.Context, name string) error
}

// Referenced reports for each of the named objects whether a row refers to it,
// or to the object from which it is made. It leaves out names that the service
// does not give to objects.
type Referenced func(ctx context.Context, names []string) (map[string]bool, error)

// The reasons to delete nothing. They are also the reasons not to be ready.
var (
	ErrForeign    = fault.New(fault.Unavailable, "object-store-of-another-database", "the object store belongs to another database")
	ErrUnmarked   = fault.New(fault.Unavailable, "object-store-unmarked", "the object store has no marker")
	ErrRolledBack = fault.New(fault.Unavailable, "database-rolled-back", "the database is older than the object store")
	errUnknown    = fault.New(fault.Unavailable, "object-store-unconfirmed", "the check that the object store belongs to the database has not finished")
)

const advice = "nothing is deleted until this is resolved: restore the right database or object store, or run the command adopt to go on with these two"

// Keeper keeps custody of an object store for a database. It is safe for
// concurrent use.
type Keeper struct {
	service    string
	db         Database
	objects    Objects
	referenced Referenced
	from       Sources
	log        *zap.Logger
	outcome    atomic.Pointer[outcome] // of the last Confirm that came to one
	tried      chan struct{}           // closed by noteTried when the first Confirm has ended
	noteTried  func()
}

type outcome struct{ refusal error }

// Sources are the values that a Keeper takes from outside.
type Sources struct {
	Now   func() time.Time
	NewID func() string // random, never the same twice
}

// New returns the Keeper of a service, whose name is for people.
func New(service string, db Database, objects Objects, referenced Referenced, from Sources, log *zap.Logger) *Keeper {
	k := &Keeper{service: service, db: db, objects: objects, referenced: referenced, from: from, log: log, tried: make(chan struct{})}
	k.outcome.Store(&outcome{errUnknown})
	k.noteTried = sync.OnceFunc(func() { close(k.tried) })
	return k
}

// marker is the content of the store's marker.
type marker struct {
	Service    string `json:"service"`
	ID         string `json:"id"`
	Generation int64  `json:"generation"`
}

// Check returns nil if the last Confirm found that the store belongs to the
// database, else the reason why not. Until the first Confirm has ended, it waits,
// but not longer than ctx: a process that starts is ready some milliseconds later.
func (k *Keeper) Check(ctx context.Context) error {
	select {
	case <-k.tried:
	case <-ctx.Done():
	}
	return k.outcome.Load().refusal
}

const (
	confirmEvery = time.Minute
	retryEvery   = time.Second
)

// Run confirms custody every minute until ctx ends, and every second until the
// first result is known.
func (k *Keeper) Run(ctx context.Context) {
	for {
		pause := confirmEvery
		if err := k.Confirm(ctx); err != nil && ctx.Err() == nil && !refused(err) {
			k.log.Debug("custody of the object store is not confirmed", zap.String("service", k.service), zap.Error(err))
			if errors.Is(k.Check(ctx), errUnknown) {
				pause = retryEvery
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// Confirm makes sure that the store belongs to the database. A store without a
// marker is claimed by a database that has claimed none, if the store is empty or
// the database refers to most of its objects. Errors: ErrForeign, ErrUnmarked,
// ErrRolledBack; those of the database and of the store.
func (k *Keeper) Confirm(ctx context.Context) error {
	_, err := k.confirm(ctx)
	return err
}

func (k *Keeper) confirm(ctx context.Context) (Identity, error) {
	defer k.noteTried()
	identity, err := k.renew(ctx)
	if errors.Is(err, ErrUnmarked) {
		identity, err = k.renew(ctx) // another replica may have written the marker after it was read
	}
	for attempt := 0; attempt < 5 && (errors.Is(err, blob.ErrMarkerChanged) || (err == nil && !identity.Bound)); attempt++ {
		identity, err = k.renew(ctx) // after another replica, or to record that there is a marker now
	}
	if err != nil && !refused(err) {
		return Identity{}, fmt.Errorf("confirm custody of the object store: %w", err)
	}
	if refusal, ok := errors.AsType[*fault.Error](err); ok {
		err = refusal // without the operations around it
	}
	if before := k.outcome.Swap(&outcome{err}).refusal; err != nil && (before == nil || before.Error() != err.Error()) {
		k.log.Error("the object store does not belong to the database", zap.String("service", k.service), zap.Error(err))
	}
	return identity, err
}

func refused(err error) bool {
	return errors.Is(err, ErrForeign) || errors.Is(err, ErrUnmarked) || errors.Is(err, ErrRolledBack)
}

// renew raises the generation of the database, and then that of the marker. The
// marker is read before the database, so it is not ahead of a database that
// has lost nothing.
func (k *Keeper) renew(ctx context.Context) (Identity, error) {
	content, found, err := k.readMarker(ctx)
	if err != nil {
		return Identity{}, err
	}
	var unclaimable error
	if content == nil {
		if unclaimable, err = k.unclaimable(ctx); err != nil {
			return Identity{}, err
		}
	}
	identity, err := k.db.Update(ctx, func(current Identity) (Identity, error) {
		if err := k.judge(current, found, content == nil, unclaimable); err != nil {
			return Identity{}, err
		}
		if current.ID == "" {
			current.ID = k.from.NewID()
		}
		current.Generation++
		current.Bound = content != nil
		current.RolledBack = false
		return current, nil
	})
	if err != nil {
		return Identity{}, err
	}
	return identity, k.writeMarker(ctx, content, identity)
}

// judge returns why the database must not have the store, nil if it may.
func (k *Keeper) judge(current Identity, found marker, unmarked bool, unclaimable error) error {
	switch {
	case unmarked && current.Bound:
		return ErrUnmarked.Detailf("the object store has no marker, but this database has marked one before: the store was replaced or its marker %s removed; %s", blob.MarkerName, advice)
	case unmarked && unclaimable != nil:
		return unclaimable
	case unmarked && current.RolledBack && current.ID != "":
		return rolledBack()
	case unmarked:
		return nil
	case found.ID == "" || found.ID != current.ID:
		return ErrForeign.Detailf("the object store belongs to another database of %s: this one was recreated or restored, or two services use one store; %s", found.Service, advice)
	case current.RolledBack, found.Generation > current.Generation:
		return rolledBack()
	}
	return nil
}

func rolledBack() error {
	return ErrRolledBack.Detailf("the database is older than the object store: it was restored from a copy or lost its latest transactions; %s", advice)
}

// sample is how many objects of an unmarked store are looked at.
const sample = 1000

// unclaimable returns why a database that has never marked a store must not mark
// this one: it refers to less than half of the first objects in it.
func (k *Keeper) unclaimable(ctx context.Context) (reason, err error) {
	var objects, own int
	enough := errors.New("enough")
	err = k.classify(ctx, "", time.Time{}, k.from.Now().Add(sweepGrace), func(_ string, referenced bool) error {
		objects++
		if referenced {
			own++
		}
		if objects == sample {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return nil, err
	}
	if 2*own < objects {
		return ErrUnmarked.Detailf("the object store has no marker, and this database refers to %d of the first %d objects in it; %s", own, objects, advice), nil
	}
	return nil, nil //nolint:nilnil // no reason
}

func (k *Keeper) readMarker(ctx context.Context) (content []byte, found marker, err error) {
	content, err = k.objects.ReadMarker(ctx)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, marker{}, nil
	} else if err != nil {
		return nil, marker{}, err
	}
	if json.Unmarshal(content, &found) != nil {
		found = marker{Service: "an unknown service"}
	}
	return content, found, nil
}

func (k *Keeper) writeMarker(ctx context.Context, previous []byte, identity Identity) error {
	content, err := json.Marshal(marker{Service: k.service, ID: identity.ID, Generation: identity.Generation})
	if err != nil {
		return fmt.Errorf("encode marker: %w", err)
	}
	return k.objects.WriteMarker(ctx, previous, content)
}

package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
)

// The errors of reconciling.
var (
	// ErrCursorExpired means that the accounts service no longer has all events
	// after a cursor.
	ErrCursorExpired = fault.New(fault.NotFound, "cursor-expired", "the events after the cursor are no longer kept")
	// ErrMostlyMissing means that the accounts service lacks most of the accounts
	// that were looked up.
	ErrMostlyMissing = fault.New(fault.Unavailable, "accounts-mostly-missing", "the accounts service has lost accounts, or is another one")
)

const (
	// settling is how old an event is when it is applied. The subscription has
	// applied it long before, unless it is late or was lost.
	settling = 10 * time.Second
	// reconcileLease is how long a run that has died holds up others. A run that
	// needs longer for a page may lose the lease; the next one then finds most of
	// the page applied.
	reconcileLease = time.Minute
	// release bounds the return of the lease when the process stops.
	release = time.Second
	// eventsKept is for how long the accounts service keeps events.
	eventsKept = 90 * 24 * time.Hour
	// MaxAccounts is how many accounts are looked up at once.
	MaxAccounts = 100
	// fewMissing is how many accounts may be missing even if they are most of
	// those that were looked up, as in a system with few accounts.
	fewMissing = 2
)

// errReconciling means that another run reconciles.
var errReconciling = errors.New("another run reconciles")

// AccountEvents is a page of the accounts' events.
type AccountEvents struct {
	Events []AccountEvent
	Next   string // cursor after the page
	More   bool   // whether there may be further events already
}

// AccountEvent is an event of an account.
type AccountEvent struct {
	Cursor      string // after the event
	Time        time.Time
	AccountID   int64
	Deleted     bool
	Owner       string // of an account that was created; "" if it has none
	Traceparent string
}

// Reconciliation is how far the replicas have come in reconciling. The zero
// Reconciliation means that they have not begun.
type Reconciliation struct {
	Cursor string    // in the accounts' events; "" is before the oldest
	Read   time.Time // when Cursor was saved; zero if never
	// Comparing means that the accounts above Compared are still to be compared.
	Comparing bool
	Compared  int64
	Holder    string    // the run that goes on, "" if none does
	Until     time.Time // when another run may go on, unless Holder has come further
}

// Repairs are what Reconcile has changed.
type Repairs struct {
	Sessions int64 // sessions of deleted accounts that were removed
	Owners   int64 // accounts whose owner was recorded
	// Replaced reports that the accounts' events were not those of the last run:
	// their database was lost or restored. All events that it has were applied.
	Replaced bool
}

// Reconcile applies the events of accounts that the subscription has not: those
// whose messages were lost, dead-lettered or late. It reads them from the accounts
// service, after those that it has read before. Applying an event again changes
// nothing.
//
// If nobody has reconciled for so long that the accounts service has dropped some
// of the events, the accounts whose owners are recorded are compared with those
// that exist, too.
//
// One replica at a time reconciles; otherwise Reconcile does nothing. A run that
// was interrupted is continued after its last page. Errors: ErrMostlyMissing,
// those of the database and of accounts.
func (s *Service) Reconcile(ctx context.Context, accounts AccountsService) (Repairs, error) {
	at, err := s.beginReconciling(ctx)
	if errors.Is(err, errReconciling) {
		return Repairs{}, nil
	} else if err != nil {
		return Repairs{}, fmt.Errorf("reconcile accounts: %w", err)
	}
	r := reconciliation{Service: s, accounts: accounts, at: at}
	err = r.follow(ctx)
	if err == nil && r.at.Comparing {
		err = r.compare(ctx)
	}
	if !errors.Is(err, errReconciling) {
		if ctx.Err() != nil {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), release)
			defer cancel()
		}
		err = errors.Join(err, r.save(ctx, true))
	}
	if errors.Is(err, errReconciling) { // it took so long that another replica goes on
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("reconcile accounts: %w", err)
	}
	return r.repairs, err
}

// reconciliation is a run of Reconcile.
type reconciliation struct {
	*Service
	accounts AccountsService
	at       Reconciliation
	repairs  Repairs
}

// follow applies the events after the cursor.
func (r *reconciliation) follow(ctx context.Context) error {
	for {
		page, err := r.accounts.Events(ctx, r.at.Cursor)
		if errors.Is(err, ErrCursorExpired) && r.at.Cursor != "" {
			r.restart()
			continue
		} else if err != nil {
			return err
		}
		settled := page.Events
		young := r.now().Add(-settling)
		if i := slices.IndexFunc(settled, func(e AccountEvent) bool { return e.Time.After(young) }); i >= 0 {
			settled = settled[:i]
		}
		if err := r.apply(ctx, settled); err != nil {
			return err
		}
		r.at.Read = r.now()
		waiting := len(settled) < len(page.Events)
		switch {
		case !waiting:
			r.at.Cursor = page.Next
		case len(settled) > 0:
			r.at.Cursor = settled[len(settled)-1].Cursor
		}
		if waiting || !page.More {
			return nil
		}
		if err := r.save(ctx, false); err != nil {
			return err
		}
	}
}

// restart begins with the oldest event. A cursor that expired before its time
// belongs to events that were lost. The accounts are not compared then, because
// those that exist may be too few.
func (r *reconciliation) restart() {
	if r.now().Sub(r.at.Read) < eventsKept {
		r.repairs.Replaced = true
	} else {
		r.at.Comparing, r.at.Compared = true, 0
	}
	r.at.Cursor = ""
}

func (r *reconciliation) apply(ctx context.Context, settled []AccountEvent) error {
	owners := make(map[int64]string)
	for _, e := range settled {
		if e.Owner != "" {
			owners[e.AccountID] = e.Owner
		}
	}
	if len(owners) > 0 {
		added, err := r.db.AddAccounts(ctx, owners)
		if err != nil {
			return fmt.Errorf("add accounts: %w", err)
		}
		r.repairs.Owners += added
	}
	for _, e := range settled {
		if !e.Deleted {
			continue
		}
		if err := r.remove(events.WithOrigin(ctx, events.Origin{Traceparent: e.Traceparent}), e.AccountID); err != nil {
			return err
		}
	}
	return nil
}

func (r *reconciliation) remove(ctx context.Context, accountID int64) error {
	removed, err := r.removeAccount(ctx, accountID)
	r.repairs.Sessions += removed
	return err
}

// compare removes the sessions of recorded accounts that no longer exist. It
// removes none if most accounts of a page are missing.
func (r *reconciliation) compare(ctx context.Context) error {
	for {
		ids, err := r.db.OwnedAccounts(ctx, r.at.Compared, MaxAccounts)
		if err != nil {
			return fmt.Errorf("list recorded accounts: %w", err)
		}
		if len(ids) == 0 {
			r.at.Comparing, r.at.Compared = false, 0
			return nil
		}
		existing, err := r.accounts.Existing(ctx, ids)
		if err != nil {
			return err
		}
		missing := slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return slices.Contains(existing, id) })
		if len(missing) > fewMissing && 2*len(missing) > len(ids) {
			return ErrMostlyMissing.Detailf("%d of %d accounts do not exist; no session of them is removed, as the accounts service may have lost accounts, or CONCHA_ACCOUNTS_URL may name another one", len(missing), len(ids))
		}
		for _, id := range missing {
			if err := r.remove(ctx, id); err != nil {
				return err
			}
		}
		r.at.Compared = ids[len(ids)-1]
		if err := r.save(ctx, false); err != nil {
			return err
		}
	}
}

// beginReconciling takes the lease. Errors: errReconciling.
func (s *Service) beginReconciling(ctx context.Context) (Reconciliation, error) {
	run := s.newName()
	return s.db.UpdateReconciliation(ctx, func(current Reconciliation) (Reconciliation, error) {
		now := s.now()
		// A time in the far future was written by a clock that was ahead.
		if left := current.Until.Sub(now); current.Holder != "" && left > 0 && left <= reconcileLease {
			return Reconciliation{}, errReconciling
		}
		current.Holder, current.Until = run, now.Add(reconcileLease)
		return current, nil
	})
}

// save saves how far the run has come, and gives the lease back if the run has
// ended. Errors: errReconciling if another run has taken the lease.
func (r *reconciliation) save(ctx context.Context, ended bool) error {
	_, err := r.db.UpdateReconciliation(ctx, func(current Reconciliation) (Reconciliation, error) {
		if current.Holder != r.at.Holder {
			return Reconciliation{}, errReconciling
		}
		next := r.at
		next.Until = r.now().Add(reconcileLease)
		if ended {
			next.Holder, next.Until = "", time.Time{}
		}
		return next, nil
	})
	return err
}

package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// filesAtOnce bounds the number of objects that all batches together store or
// delete concurrently, so that many batches put no more load on the object
// store than one.
const filesAtOnce = 64

// Item is a session with its document.
type Item struct {
	Session  domain.Session
	Document []byte
}

// large reports whether the document of i is stored as an object.
func (i Item) large() bool { return len(i.Document) > domain.MaxKept }

// CreateAll creates each session as Create does, one after the other, and
// returns the outcome of each. It uses one transaction for each group of
// idempotency.CreateGroups. If a group fails, the sessions of earlier groups
// stay, and a repetition with the same key continues after them. Idempotent if
// once has a key. Errors: idempotency.ErrReused, caller.ErrForbidden.
func (s *Service) CreateAll(ctx context.Context, items []Item, once idempotency.Request) ([]Outcome, error) {
	reach, err := caller.From(ctx).Write(caller.Audios)
	if err != nil {
		return nil, err
	}
	accounts, cancel := context.WithTimeout(ctx, accountWait) // for all groups together
	defer cancel()
	outcomes, err := idempotency.CreateGroups(items, once, func(group []Item, once idempotency.Request) ([]Outcome, error) {
		return s.createGroup(ctx, accounts, group, reach, once)
	})
	if err != nil {
		return nil, fmt.Errorf("create audios: %w", err)
	}
	return outcomes, nil
}

// createGroup creates the sessions of a group in one transaction. Until the end
// of accounts it waits for the events of their accounts, because a session that
// is refused is refused to each repetition of the request.
func (s *Service) createGroup(ctx, accounts context.Context, items []Item, reach caller.Reach, once idempotency.Request) ([]Outcome, error) {
	if once.HasKey() && slices.ContainsFunc(items, Item.large) { // a repetition must not store the objects again
		if outcomes, found, err := s.db.Recorded(ctx, once); err != nil || found {
			return outcomes, err
		}
	}
	files, err := s.putFiles(ctx, items)
	if err != nil {
		return nil, err // the sweep deletes the stored objects
	}
	sessions := make([]domain.Session, len(items))
	for i, item := range items {
		sessions[i] = item.Session
	}
	outcomes, err := awaitAccounts(accounts, func(last bool) ([]Outcome, error) {
		return s.db.CreateAll(ctx, sessions, reach, once, func(i int, last int64) (domain.Audio, events.Event, error) {
			return s.creation(ctx, sessions[i], files[i], last)
		}, func(reason *fault.Error) error {
			if !last && errors.Is(reason, domain.ErrAccountUnknown) {
				return reason
			}
			return nil
		})
	})
	s.atOnce(len(files), func(i int) {
		if err != nil || i >= len(outcomes) || outcomes[i].Result.File.Object != files[i].Object {
			s.dropFile(ctx, files[i], err)
		}
	})
	return outcomes, err
}

// putFiles stores the documents of items. If storing one fails, it may skip the
// others.
func (s *Service) putFiles(ctx context.Context, items []Item) ([]domain.File, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	files := make([]domain.File, len(items))
	s.atOnce(len(items), func(i int) {
		if ctx.Err() != nil {
			return
		}
		var err error
		if files[i], err = s.putFile(ctx, items[i].Session.SessionID, items[i].Document); err != nil {
			cancel(err)
		}
	})
	return files, context.Cause(ctx)
}

// atOnce calls do with 0 to n-1, many of them concurrently, and returns when
// all calls have returned.
func (s *Service) atOnce(n int, do func(i int)) {
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range min(n, filesAtOnce) {
		wg.Go(func() {
			for i := int(taken.Add(1)) - 1; i < n; i = int(taken.Add(1)) - 1 {
				s.transfers <- struct{}{}
				do(i)
				<-s.transfers
			}
		})
	}
	wg.Wait()
}

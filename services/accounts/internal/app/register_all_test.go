package app_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// breaking is a store that loses its connection during one of its batches,
// before or after the commit.
type breaking struct {
	app.Database
	at     int
	commit bool
}

var errBroken = errors.New("the connection broke")

func (b *breaking) CreateAll(ctx context.Context, accounts []domain.Account, created []events.Event, once idempotency.Request) ([]app.Outcome, error) {
	b.at--
	if b.at == 0 {
		if b.commit {
			if _, err := b.Database.CreateAll(ctx, accounts, created, once); err != nil {
				return nil, err
			}
		}
		return nil, errBroken
	}
	return b.Database.CreateAll(ctx, accounts, created, once)
}

func TestABatchGoesOnWhereItBroke(t *testing.T) {
	const n = 600
	for _, commit := range []bool{false, true} {
		for at := 1; at <= 3; at++ {
			t.Run(fmt.Sprintf("at group %d, committed %t", at, commit), func(t *testing.T) {
				w := newWorld(t)
				profiles := make([]domain.Profile, n)
				for i := range n - 1 {
					profiles[i] = profile(t, fmt.Sprintf("a%d@b", i))
				}
				profiles[n-1] = profiles[0] // in another group
				once := idempotency.Request{Key: [32]byte{1}, Body: [32]byte{2}}
				w.Service = w.service(&breaking{w.store, at, commit}, w.images)
				if _, err := w.RegisterAll(t.Context(), profiles, once); !errors.Is(err, errBroken) {
					t.Fatalf("RegisterAll = %v, want the store's error", err)
				}
				var first []app.Registered
				for range 2 {
					registered, err := w.RegisterAll(t.Context(), profiles, once)
					if err != nil {
						t.Fatal(err)
					}
					if first == nil {
						first = registered
					}
					for i, r := range registered[:n-1] {
						if r.Refused != nil || r.Result != first[i].Result || r.Result.Profile != profiles[i] {
							t.Errorf("item %d: %+v, at first %+v", i, r, first[i])
						}
						if a, err := w.Get(t.Context(), r.Result.ID); err != nil || a != r.Result {
							t.Errorf("item %d is %+v, %v, want %+v", i, a, err, r.Result)
						}
					}
					if got := registered[n-1].Refused; !errors.Is(got, domain.ErrEmailTaken) {
						t.Errorf("the last item: %v, want ErrEmailTaken", got)
					}
				}
				if page, err := w.log.Page(t.Context(), eventlog.Position{}, 1000); err != nil || len(page.Records) != n-1 {
					t.Errorf("%d events, %v, want %d", len(page.Records), err, n-1)
				}
			})
		}
	}
}

func TestABatchThatMeetsATakenIDDrawsOthers(t *testing.T) {
	w := newWorld(t)
	w.ids = []int64{1, 2, 1, 3, 4}
	if _, err := w.Register(t.Context(), profile(t, "old@b"), idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
	registered, err := w.RegisterAll(t.Context(), []domain.Profile{profile(t, "a@b"), profile(t, "c@b")}, idempotency.Request{})
	if err != nil || registered[0].Result.ID != 3 || registered[1].Result.ID != 4 {
		t.Errorf("RegisterAll = %+v, %v, want the ids 3 and 4", registered, err)
	}
	w.ids = []int64{1, 1, 1, 1, 1}
	if _, err := w.RegisterAll(t.Context(), []domain.Profile{profile(t, "d@b")}, idempotency.Request{}); !errors.Is(err, domain.ErrIDTaken) {
		t.Errorf("RegisterAll = %v, want ErrIDTaken in the end", err)
	}
}

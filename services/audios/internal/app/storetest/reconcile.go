package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/services/audios/internal/app"
)

func addAccounts(t *testing.T, b Backend, owners map[int64]string) (added int64) {
	t.Helper()
	added, err := b.AddAccounts(t.Context(), owners)
	if err != nil {
		t.Fatalf("AddAccounts: %v", err)
	}
	return added
}

// testAddAccounts adds many accounts at once. Those that are recorded already are
// not counted and keep their owner.
func testAddAccounts(t *testing.T, b Backend) {
	owners := make(map[int64]string)
	var ids []int64
	for range 500 {
		id := newID()
		owners[id] = fmt.Sprintf("key:%d", id)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	removeAccount(t, b, ids[0], 1, 0)
	if added := addAccounts(t, b, map[int64]string{ids[1]: owners[ids[1]]}); added != 1 {
		t.Errorf("added %d, want 1", added)
	}
	if added := addAccounts(t, b, owners); added != 498 {
		t.Errorf("added %d, want 498: one is deleted, one is recorded already", added)
	}
	if added := addAccounts(t, b, owners); added != 0 {
		t.Errorf("added %d again, want none", added)
	}
	var got []int64
	for after := ids[1] - 1; ; { // there may be others of other tests
		page, err := b.OwnedAccounts(t.Context(), after, 100)
		if err != nil || len(page) > 100 || !slices.IsSorted(page) {
			t.Fatalf("OwnedAccounts = %d ids, %v", len(page), err)
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1]
		got = append(got, page...)
	}
	got = slices.DeleteFunc(got, func(id int64) bool { return owners[id] == "" })
	if diff := cmp.Diff(ids[1:], got); diff != "" {
		t.Errorf("accounts with an owner (-want +got):\n%s", diff)
	}
}

// testReconciliation keeps a state, which concurrent changes do not lose.
func testReconciliation(t *testing.T, b Backend) {
	change := b.UpdateReconciliation
	if _, err := change(t.Context(), func(app.Reconciliation) (app.Reconciliation, error) { return app.Reconciliation{}, errRefused }); !errors.Is(err, errRefused) {
		t.Errorf("UpdateReconciliation = %v, want the error of change", err)
	}
	want := app.Reconciliation{Cursor: "c", Read: epoch, Comparing: true, Holder: "h", Until: epoch}
	if got, err := change(t.Context(), func(current app.Reconciliation) (app.Reconciliation, error) {
		if current != (app.Reconciliation{}) {
			t.Errorf("the first state is %+v, want none", current)
		}
		return want, nil
	}); err != nil || got != want {
		t.Fatalf("UpdateReconciliation = %+v, %v", got, err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				if _, err := change(t.Context(), func(current app.Reconciliation) (app.Reconciliation, error) {
					current.Compared++
					return current, nil
				}); err != nil {
					t.Errorf("UpdateReconciliation: %v", err)
				}
			}
		})
	}
	wg.Wait()
	want.Compared = 20
	if _, err := change(t.Context(), func(current app.Reconciliation) (app.Reconciliation, error) {
		if diff := cmp.Diff(want, current); diff != "" {
			t.Errorf("state (-want +got):\n%s", diff)
		}
		return current, nil
	}); err != nil {
		t.Error(err)
	}
}

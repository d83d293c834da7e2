package idempotency_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/concha-labs/backend/pkg/idempotency"
)

// groups records the results of groups by their keys, as a store does.
type groups struct {
	recorded map[[32]byte][]int
	created  []int // the items that were not found recorded
}

func (g *groups) create(items []int, once idempotency.Request) ([]int, error) {
	if found, ok := g.recorded[once.Key]; ok {
		return found, nil
	}
	g.created = append(g.created, items...)
	g.recorded[once.Key] = items
	return items, nil
}

func TestCreateGroups(t *testing.T) {
	items := make([]int, 1000)
	for i := range items {
		items[i] = i
	}
	once := idempotency.Request{Key: [32]byte{1}}
	for _, earlier := range []int{1, 100, 250, 700, 1000} { // an earlier release recorded a group of so many items
		g := &groups{recorded: map[[32]byte][]int{once.Key: items[:earlier]}}
		for range 2 {
			outcomes, err := idempotency.CreateGroups(items, once, g.create)
			if err != nil || !slices.Equal(outcomes, items) {
				t.Errorf("after a group of %d, the outcomes are %v, %v", earlier, outcomes, err)
			}
			if !slices.Equal(g.created, items[earlier:]) {
				t.Errorf("after a group of %d, these are created: %v", earlier, g.created)
			}
		}
	}
}

func TestCreateGroupsStopsAtAFailure(t *testing.T) {
	broken, calls := errors.New("broken"), 0
	outcomes, err := idempotency.CreateGroups(make([]int, 1000), idempotency.Request{}, func(group []int, _ idempotency.Request) ([]int, error) {
		calls++
		if calls == 2 {
			return nil, broken
		}
		return group, nil
	})
	if outcomes != nil || !errors.Is(err, broken) || calls != 2 {
		t.Errorf("after %d calls: %v, %v", calls, outcomes, err)
	}
}

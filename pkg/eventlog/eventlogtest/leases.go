package eventlogtest

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/eventlog"
)

func claim(t *testing.T, b Backend, replica string, release ...int) (leases []eventlog.Lease, share int) {
	t.Helper()
	leases, share, err := b.Log.Claim(t.Context(), replica, release)
	if err != nil {
		t.Errorf("Claim: %v", err)
	}
	if !slices.IsSortedFunc(leases, func(a, b eventlog.Lease) int { return cmp.Compare(a.Shard, b.Shard) }) {
		t.Errorf("Claim = %v, not in the order of the shards", leases)
	}
	return leases, share
}

func leave(t *testing.T, b Backend, replicas ...string) {
	t.Helper()
	for _, replica := range replicas {
		for range 2 { // idempotent
			if err := b.Log.Leave(t.Context(), replica); err != nil {
				t.Fatalf("Leave: %v", err)
			}
		}
	}
}

func pass(t *testing.T, b Backend, d time.Duration) {
	t.Helper()
	if err := b.Pass(t.Context(), d); err != nil {
		t.Error(err)
	}
}

func save(t *testing.T, b Backend, lease eventlog.Lease, upTo eventlog.Offset) {
	t.Helper()
	lost, err := b.Log.SavePublished(t.Context(), []eventlog.Progress{{Shard: lease.Shard, Epoch: lease.Epoch, UpTo: upTo}})
	if len(lost) > 0 || err != nil {
		t.Fatalf("SavePublished = %v, %v", lost, err)
	}
}

func published(t *testing.T, b Backend) [eventlog.Shards]eventlog.Offset {
	t.Helper()
	cursors, err := b.Log.Published(t.Context())
	if err != nil {
		t.Errorf("Published: %v", err)
	}
	return cursors
}

func shards(leases []eventlog.Lease) (numbers []int) {
	for _, l := range leases {
		numbers = append(numbers, l.Shard)
	}
	return numbers
}

func testPublished(t *testing.T, b Backend) {
	const me = "me"
	leases, share := claim(t, b, me)
	if len(leases) != eventlog.Shards || share != eventlog.Shards {
		t.Fatalf("the only replica has %d leases and a share of %d, want all %d", len(leases), share, eventlog.Shards)
	}
	defer leave(t, b, me)
	var want [eventlog.Shards]eventlog.Offset
	check := func(when string) {
		t.Helper()
		if diff := gocmp.Diff(want, published(t, b)); diff != "" {
			t.Errorf("%s, published up to (-want +got):\n%s", when, diff)
		}
	}
	check("new")
	s, other := subject(t), subjectIn(t, (eventlog.Shard(subject(t))+1)%eventlog.Shards)
	appendAll(t, b.Write, event(s, 1), event(s, 2), event(other, 1))
	entries, others := read(t, b, eventlog.Shard(s), "", 10), read(t, b, eventlog.Shard(other), "", 10)
	for _, e := range entries {
		for range 2 { // idempotent
			save(t, b, leases[eventlog.Shard(s)], e.Offset)
		}
		want[eventlog.Shard(s)] = e.Offset
		check("saved")
	}
	mine, theirs := leases[eventlog.Shard(s)], leases[eventlog.Shard(other)]
	lost, err := b.Log.SavePublished(t.Context(), []eventlog.Progress{ // in any order, one of them before the saved offset
		{Shard: theirs.Shard, Epoch: theirs.Epoch, UpTo: others[0].Offset},
		{Shard: mine.Shard, Epoch: mine.Epoch, UpTo: entries[0].Offset},
	})
	if len(lost) > 0 || err != nil {
		t.Errorf("SavePublished = %v, %v", lost, err)
	}
	want[theirs.Shard] = others[0].Offset
	check("two saved at once")
}

// Three replicas start one after the other, and stop.
func testLeasesShared(t *testing.T, b Backend) {
	const one, three, two = "1-one", "2-three", "3-two" // in the order of their names
	defer leave(t, b, one, two, three)
	owned := map[string][]int{}
	check := func(replica string, wantLeases, wantShare int, release ...int) {
		t.Helper()
		leases, share := claim(t, b, replica, release...)
		if owned[replica] = shards(leases); len(leases) != wantLeases || share != wantShare {
			t.Errorf("%s has %v and a share of %d, want %d leases and %d", replica, owned[replica], share, wantLeases, wantShare)
		}
		seen := map[int]string{}
		for owner, all := range owned {
			for _, shard := range all {
				if other := seen[shard]; other != "" {
					t.Errorf("shard %d is both %s's and %s's", shard, owner, other)
				}
				seen[shard] = owner
			}
		}
	}
	check(one, 16, 16)
	check(two, 0, 8)
	check(one, 16, 8) // it keeps all its shards until it claims again
	check(one, 8, 8, 0, 2, 4, 6, 8, 10, 12, 14)
	check(two, 8, 8)
	check(three, 0, 5)
	check(one, 6, 6, owned[one][:2]...)
	check(two, 5, 5, owned[two][:3]...)
	check(three, 5, 5)
	leave(t, b, one)
	owned[one] = nil
	check(two, 8, 8)
	check(three, 8, 8)
	leave(t, b, two, three)
	owned = map[string][]int{}
	check(two, 16, 16)
}

func testLeasesExpire(t *testing.T, b Backend) {
	const one, two = "1-one", "2-two"
	defer leave(t, b, one, two)
	first, _ := claim(t, b, one)
	for range 3 {
		pass(t, b, eventlog.LeaseTTL/2)
		again, _ := claim(t, b, one)
		if diff := gocmp.Diff(first, again); diff != "" {
			t.Fatalf("leases that are renewed (-first +again):\n%s", diff)
		}
	}
	claim(t, b, one) // so that time passes only in pass
	pass(t, b, eventlog.LeaseTTL/2)
	if leases, share := claim(t, b, two); len(leases) > 0 || share != 8 {
		t.Errorf("half a lease's time after the other renewed, there are %d leases and a share of %d, want 0 and 8", len(leases), share)
	}
	pass(t, b, eventlog.LeaseTTL/2)
	leases, share := claim(t, b, two)
	if len(leases) != 16 || share != 16 {
		t.Fatalf("when the other has expired, there are %d leases and a share of %d, want all", len(leases), share)
	}
	for i, l := range leases {
		if l.Epoch <= first[i].Epoch {
			t.Errorf("shard %d changed hands with epoch %d after %d", l.Shard, l.Epoch, first[i].Epoch)
		}
	}
	if leases, share := claim(t, b, one); len(leases) > 0 || share != 8 {
		t.Errorf("who comes back has %d leases and a share of %d, want 0 and 8", len(leases), share)
	}
}

func testLeasesGivenUp(t *testing.T, b Backend) {
	const one, two = "1-one", "2-two"
	defer leave(t, b, one, two)
	claim(t, b, one)
	if leases, _ := claim(t, b, one, 3, 7); slices.Contains(shards(leases), 3) || slices.Contains(shards(leases), 7) || len(leases) != 14 {
		t.Errorf("after 3 and 7 were given up: %v", shards(leases))
	}
	if leases, _ := claim(t, b, two, 3); !slices.Equal(shards(leases), []int{7}) {
		t.Errorf("the other has %v, want what was given up and it does not give up itself: 7", shards(leases))
	}
	leave(t, b, one)
	if leases, share := claim(t, b, two); len(leases) != 16 || share != 16 {
		t.Errorf("as soon as one has left, the other has %v and a share of %d, want all", shards(leases), share)
	}
}

// A replica beyond one for each shard has a share of 0 until a place is free.
func testLeasesSpare(t *testing.T, b Backend) {
	var replicas []string
	for i := range eventlog.Shards {
		replicas = append(replicas, fmt.Sprintf("%02d-replica", i))
	}
	const spare = "00-a-spare" // it would get a share if only its name counted
	defer leave(t, b, append(replicas, spare)...)
	for _, replica := range replicas {
		claim(t, b, replica)
	}
	if leases, share := claim(t, b, spare); len(leases) > 0 || share != 0 {
		t.Errorf("a spare replica has %v and a share of %d, want neither", shards(leases), share)
	}
	if _, share := claim(t, b, replicas[15]); share != 1 {
		t.Errorf("beside a spare replica, a registered one has a share of %d, want 1", share)
	}
	leave(t, b, replicas[3])
	if _, share := claim(t, b, spare); share != 1 {
		t.Errorf("in the place of one that left, a spare replica has a share of %d, want 1", share)
	}
}

// Many replicas claim at the same time, and release shards at random.
func testLeasesExclusive(t *testing.T, b Backend) {
	const replicas, rounds = 4, 6
	var mu sync.Mutex
	owner := map[int64]string{} // keyed by shard and epoch
	var wg sync.WaitGroup
	for i := range replicas {
		me := fmt.Sprintf("%d-replica", i)
		defer leave(t, b, me)
		wg.Go(func() {
			var release []int
			for round := range rounds {
				leases, _, err := b.Log.Claim(t.Context(), me, release)
				if err != nil {
					t.Errorf("Claim: %v", err)
					return
				}
				release = nil
				mu.Lock()
				for _, l := range leases {
					key := l.Epoch*eventlog.Shards + int64(l.Shard)
					if other := owner[key]; other != "" && other != me {
						t.Errorf("epoch %d of shard %d is both %s's and %s's", l.Epoch, l.Shard, me, other)
					}
					owner[key] = me
					if (l.Shard+round)%3 == i%3 {
						release = append(release, l.Shard)
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func testFencing(t *testing.T, b Backend) {
	const one, two = "1-one", "2-two"
	defer leave(t, b, one, two)
	s := subject(t)
	shard := eventlog.Shard(s)
	appendAll(t, b.Write, event(s, 1), event(s, 2))
	entries := read(t, b, shard, "", 100)
	first, last := entries[len(entries)-2].Offset, entries[len(entries)-1].Offset
	leases, _ := claim(t, b, one)
	old := leases[shard]
	save(t, b, old, first)

	wantLost := func(when string) {
		t.Helper()
		lost, err := b.Log.SavePublished(t.Context(), []eventlog.Progress{{Shard: shard, Epoch: old.Epoch, UpTo: last}})
		if !slices.Equal(lost, []int{shard}) || err != nil {
			t.Errorf("%s, SavePublished = %v, %v, want that the lease is lost", when, lost, err)
		}
	}
	claim(t, b, one, shard)
	wantLost("given up")
	leases, _ = claim(t, b, one)
	wantLost("given up and had again")
	pass(t, b, eventlog.LeaseTTL)
	taken, _ := claim(t, b, two)
	old = leases[shard]
	if got := published(t, b)[shard]; got != first {
		t.Errorf("the new owner begins after %q, want the cursor saved last: %q", got, first)
	}
	wantLost("expired and taken over")
	if got := published(t, b)[shard]; got != first {
		t.Errorf("the cursor is at %q after a save without a lease, want %q", got, first)
	}

	// A lost shard does not prevent the others from being saved.
	free, other := subjectIn(t, (shard+1)%eventlog.Shards), taken[(shard+1)%eventlog.Shards]
	appendAll(t, b.Write, event(free, 1))
	upTo := end(t, b, other.Shard)
	lost, err := b.Log.SavePublished(t.Context(), []eventlog.Progress{
		{Shard: shard, Epoch: old.Epoch, UpTo: last}, {Shard: other.Shard, Epoch: other.Epoch, UpTo: upTo},
	})
	if !slices.Equal(lost, []int{shard}) || err != nil {
		t.Errorf("SavePublished = %v, %v, want %d alone", lost, err, shard)
	}
	if got := published(t, b)[other.Shard]; got != upTo {
		t.Errorf("shard %d is published up to %q, want %q", other.Shard, got, upTo)
	}
}

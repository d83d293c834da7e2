package spannerlog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
)

// TestMerge merges random logs, in which many events have the same commit
// timestamp, and one shard may have most of them.
func TestMerge(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 0))
		shards := int64(eventlog.Shards) << random.IntN(4)
		var log []stored
		for i := range random.IntN(300) {
			subject := fmt.Sprint("account/", random.IntN(1+random.IntN(50)))
			in := shardsOf(subject, shards)
			log = append(log, stored{in[random.IntN(len(in))], events.Event{
				Subject: subject, Version: int64(i), Time: time.Unix(int64(i/(1+random.IntN(20))), 0),
			}})
		}
		slices.SortFunc(log, byPlace)
		for i, positions := 1, records(log); i < len(positions); i++ {
			if new(Log).Compare(positions[i-1].Position, positions[i].Position) >= 0 {
				t.Fatalf("seed %d: %s is not after %s", seed, positions[i].Position.Place, positions[i-1].Position.Place)
			}
		}
		limit := 1 + random.IntN(len(log)+10)
		each := min(limit, 1+random.IntN(20))
		after := func(s stored, n int) (next []stored) { // in the shard of s
			for _, e := range log {
				if e.shard == s.shard && byPlace(e, s) > 0 && len(next) < n {
					next = append(next, e)
				}
			}
			return next
		}
		var read []stored
		for shard := range shards {
			read = append(read, after(stored{shard: shard}, each)...)
		}
		random.Shuffle(len(read), func(i, j int) { read[i], read[j] = read[j], read[i] })
		calls := 0
		merged, err := merge(split(read, each), each, limit, func(last stored, n int) ([]stored, error) {
			calls++
			return after(last, n), nil
		})
		if diff := cmp.Diff(log[:min(limit, len(log))], merged, cmp.AllowUnexported(stored{})); diff != "" || err != nil {
			t.Fatalf("seed %d, %v (-want +got):\n%s", seed, err, diff)
		}
		if most := limit / each; calls > most {
			t.Errorf("seed %d: %d calls for %d events, %d of each shard", seed, calls, limit, each)
		}
	}
}

// A subject that was in a shard stays in its group, and is found in each of its
// shards, whatever the numbers in between were.
func TestShardsOf(t *testing.T) {
	for i := range 1000 {
		subject := fmt.Sprint("account/", i)
		for shards := int64(eventlog.Shards); shards <= maxShards; shards *= 2 {
			all := shardsOf(subject, shards)
			for n := int64(eventlog.Shards); n <= shards; n *= 2 {
				if !slices.Contains(all, shardOf(subject, n)) {
					t.Errorf("with %d shards, %s is looked for in %v, without %d", shards, subject, all, shardOf(subject, n))
				}
			}
			for _, shard := range all {
				if group(shard) != int64(eventlog.Shard(subject)) || !slices.Contains(shardsIn(eventlog.Shard(subject), shards), shard) {
					t.Errorf("shard %d of %s is not in group %d", shard, subject, eventlog.Shard(subject))
				}
			}
		}
	}
}

// The subjects of ids that follow each other, and of random ones, spread evenly.
func TestSpread(t *testing.T) {
	const each = 1000
	random := rand.New(rand.NewPCG(1, 2))
	for name, id := range map[string]func(i int) int64{
		"consecutive": func(i int) int64 { return int64(i) + 1 },
		"random":      func(int) int64 { return random.Int64N(1 << 53) },
	} {
		for shards := int64(eventlog.Shards); shards <= maxShards; shards *= 2 {
			count := make([]int, shards)
			for i := range each * int(shards) {
				count[shardOf(fmt.Sprint("audio/", id(i)), shards)]++
			}
			if fewest, most := slices.Min(count), slices.Max(count); fewest < each*3/4 || most > each*5/4 {
				t.Errorf("%s ids: of %d shards, one has %d and one %d subjects, want about %d", name, shards, fewest, most, each)
			}
		}
	}
}

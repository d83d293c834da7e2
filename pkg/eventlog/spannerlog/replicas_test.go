//go:build cloud

package spannerlog_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

// punctual is a broker that records how long after its commit each event comes.
type punctual struct {
	mu     sync.Mutex
	delays map[string]time.Duration // by event id
}

func (p *punctual) Publish(_ context.Context, messages []bus.Message) error {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range messages {
		commit, err := time.Parse(time.RFC3339Nano, m.Attributes["ce-time"])
		if err != nil {
			return err
		}
		if id := m.Attributes["ce-id"]; p.delays[id] == 0 {
			p.delays[id] = now.Sub(commit)
		}
	}
	return nil
}

func (p *punctual) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.delays)
}

// BenchmarkReplicas measures the time from a commit to the broker, by replicas
// and writes a second, in a service that is in use. Each replica writes a part
// of the events.
func BenchmarkReplicas(b *testing.B) {
	for _, replicas := range []int{1, 3, 20} {
		for _, rate := range []int{1, 20, 200} {
			b.Run(fmt.Sprintf("replicas=%d/writes=%d", replicas, rate), func(b *testing.B) {
				for b.Loop() {
					measureReplicas(b, replicas, rate, max(20, min(200, 5*rate)))
				}
			})
		}
	}
}

func measureReplicas(b *testing.B, replicas, rate, count int) {
	migrations := []spannerdb.Migrations{spannerlog.Migrations()}
	name := spannerdbtest.New(b, migrations...)
	broker := &punctual{delays: make(map[string]time.Duration)}
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var write []func(context.Context, func(eventlogtest.Tx) error) error
	for range replicas {
		db := spannerdbtest.Open(b, name, migrations)
		log := spannerlog.New(db)
		write = append(write, writeTo(db, log))
		running.Go(func() {
			eventlog.NewRelay(eventlog.RelayConfig{Name: "accounts", Log: log, Publisher: broker, Logger: zap.NewNop()}).Run(ctx)
		})
	}
	time.Sleep(3 * eventlog.LeaseTTL / 2) // the shards are divided
	add := func(n int) {
		e := events.Event{Type: events.AccountCreatedV1, Subject: "account/" + strconv.Itoa(n), Version: 1, Data: []byte("{}")}
		if err := write[n%replicas](ctx, func(tx eventlogtest.Tx) error { return tx.Append(e) }); err != nil {
			b.Error(err)
		}
	}
	wait := func(count int) {
		for broker.count() < count && !b.Failed() {
			time.Sleep(time.Millisecond)
		}
	}
	for n := range replicas {
		add(count + n)
	}
	wait(replicas)
	broker.mu.Lock()
	clear(broker.delays)
	broker.mu.Unlock()
	var writing sync.WaitGroup
	due := time.NewTicker(time.Second / time.Duration(rate))
	defer due.Stop()
	for n := range count {
		<-due.C
		writing.Go(func() { add(n) })
	}
	writing.Wait()
	wait(count)
	var delays []time.Duration
	for _, d := range broker.delays {
		delays = append(delays, d)
	}
	slices.Sort(delays)
	b.ReportMetric(float64(delays[len(delays)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(delays[len(delays)*99/100].Milliseconds()), "p99-ms")
}

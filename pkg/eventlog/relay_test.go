package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/telemetry/telemetrytest"
)

// recorder is a broker that records messages. While down is set, it records the
// first message of a batch and fails.
type recorder struct {
	mu   sync.Mutex
	got  map[string][]string // ordering key to event ids
	down bool
}

func newRecorder() *recorder { return &recorder{got: map[string][]string{}} }

func (r *recorder) Publish(_ context.Context, msgs []bus.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range msgs {
		r.got[m.OrderingKey] = append(r.got[m.OrderingKey], m.Attributes["ce-id"])
		if r.down {
			return errors.New("the broker is down")
		}
	}
	return nil
}

func (r *recorder) setDown(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

func (r *recorder) want(t *testing.T, key string, versions ...int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for _, v := range versions {
		ids = append(ids, fmt.Sprintf("%s/%d", key, v))
	}
	if diff := cmp.Diff(ids, r.got[key]); diff != "" {
		t.Errorf("published of %s (-want +got):\n%s", key, diff)
	}
}

func run(t *testing.T, l eventlog.Log, pub bus.Publisher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		eventlog.NewRelay(eventlog.RelayConfig{Name: "test", Origin: "https://api.example.com", Log: l, Publisher: pub, Logger: zap.NewNop()}).Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func TestRelayPublishesWhatIsThereAndWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		l.append("account/1", 1)
		l.append("account/2", 1)
		stop := run(t, l, broker)
		defer stop()
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		broker.want(t, "account/1", 1)
		broker.want(t, "account/2", 1)

		l.append("account/1", 2)
		l.wake.Notify("account/1")
		synctest.Wait() // no time has passed, so it was woken
		broker.want(t, "account/1", 1, 2)

		l.append("account/1", 3) // by another process
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		broker.want(t, "account/1", 1, 2, 3)
	})
}

func TestRelayRepeatsFromTheSavedCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		broker.setDown(true)
		l.append("account/1", 1)
		l.append("account/1", 2)
		stop := run(t, l, broker)
		defer stop()
		synctest.Wait()
		broker.want(t, "account/1", 1)
		broker.setDown(false)
		l.set(func() { l.failSave = 2 }) // published events are not published again because of it
		time.Sleep(time.Second)
		synctest.Wait()
		broker.want(t, "account/1", 1, 1, 2)
		l.append("account/1", 3)
		l.wake.Notify("account/1")
		synctest.Wait()
		broker.want(t, "account/1", 1, 1, 2, 3)
	})
}

func TestRelayBacksOffButRecoversWithinTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		broker.setDown(true)
		l.append("account/1", 1)
		stop := run(t, l, broker)
		defer stop()
		time.Sleep(10 * time.Minute)
		broker.mu.Lock()
		tries := len(broker.got["account/1"])
		broker.got = map[string][]string{}
		broker.mu.Unlock()
		if tries < 50 || tries > 80 {
			t.Errorf("%d tries in ten minutes, want about one every ten seconds", tries)
		}
		broker.setDown(false)
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		broker.want(t, "account/1", 1)
	})
}

func TestRelayFlushesWhenItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		stop := run(t, l, broker)
		synctest.Wait()
		l.append("account/1", 1)
		stop()
		broker.want(t, "account/1", 1)
	})
}

// stuck is a broker that never answers.
type stuck struct{}

func (stuck) Publish(ctx context.Context, _ []bus.Message) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestRelayStopsThoughTheBrokerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newMemoryLog()
		l.append("account/1", 1)
		stop := run(t, l, stuck{})
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Run ended %v after its context, want below 2 s", took)
		}
	})
}

func TestRelayPublishesLongBacklogsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		var versions []int
		for v := range 1700 {
			l.append("account/1", int64(v)+1)
			versions = append(versions, v+1)
		}
		stop := run(t, l, broker)
		defer stop()
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		broker.want(t, "account/1", versions...)
	})
}

func TestRelayIdles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		stop := run(t, l, broker)
		defer stop()
		time.Sleep(time.Minute)
		l.set(func() { l.reads, l.claims = 0, 0 })
		time.Sleep(time.Minute)
		l.set(func() {
			if calls := l.reads + l.claims; calls > 2*60 {
				t.Errorf("%d calls to the database in an idle minute, want at most 2 a second", calls)
			}
		})
	})
}

// blocking is a broker that never answers for one key.
type blocking struct {
	*recorder
	key string
}

func (b blocking) Publish(ctx context.Context, msgs []bus.Message) error {
	for _, m := range msgs {
		if m.OrderingKey == b.key {
			<-ctx.Done()
			return ctx.Err()
		}
	}
	return b.recorder.Publish(ctx, msgs)
}

func TestRelayOneKeyHoldsUpItsShardAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		stop := run(t, l, blocking{broker, "account/1"})
		defer stop()
		l.append("account/1", 1)
		l.wake.Notify("account/1")
		synctest.Wait()
		for i := 2; i < 40; i++ {
			subject := fmt.Sprintf("account/%d", i)
			l.append(subject, 1)
			l.wake.Notify(subject)
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if eventlog.Shard(subject) != eventlog.Shard("account/1") {
				broker.want(t, subject, 1)
			}
		}
	})
}

func TestRelayOutlastsTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		l.down = true
		stop := run(t, l, broker)
		defer stop()
		l.append("account/1", 1)
		time.Sleep(time.Minute)
		l.set(func() { l.down = false })
		time.Sleep(11 * time.Second)
		synctest.Wait()
		broker.want(t, "account/1", 1)
		l.set(func() { l.down = true })
		time.Sleep(time.Minute) // the leases expire
		l.append("account/1", 2)
		l.set(func() { l.down = false })
		time.Sleep(11 * time.Second)
		synctest.Wait()
		broker.want(t, "account/1", 1, 2)
	})
}

func TestRelayDoesNotPublishBeyondItsLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		stop := run(t, l, broker)
		defer stop()
		synctest.Wait()
		l.set(func() { l.down = true })
		time.Sleep(eventlog.LeaseTTL)
		l.set(func() {
			l.leases.Claim("another", nil, time.Now())
			l.down = false
		})
		l.append("account/1", 1)
		l.wake.Notify("account/1")
		time.Sleep(eventlog.LeaseTTL - time.Second)
		synctest.Wait()
		broker.want(t, "account/1")
		time.Sleep(3 * time.Second) // the other replica has expired
		synctest.Wait()
		broker.want(t, "account/1", 1)
	})
}

// While the log cannot be read, it is unknown whether events wait in it. The
// metric then shows the time since the last successful read, even after the
// leases have expired, until a read succeeds.
func TestRelayTellsThatItIsBlind(t *testing.T) {
	metrics := telemetrytest.Metrics(t, `log="test"`)
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		stop := run(t, l, broker)
		defer stop()
		want := func(when string, low, high float64) {
			t.Helper()
			synctest.Wait()
			if age := metrics()["concha_relay_oldest_unpublished_age_seconds"]; age < low || age > high {
				t.Errorf("%s, the oldest event is %v s old, want %v to %v", when, age, low, high)
			}
		}
		time.Sleep(time.Minute)
		want("idle", 0, 0)
		for _, broken := range []*bool{&l.down, &l.unreadable} {
			l.set(func() { *broken = true })
			time.Sleep(3 * time.Second)
			want("in an outage", 1, 4)
			time.Sleep(time.Minute)
			want("after a minute of it", 61, 64)
			l.set(func() { *broken = false })
			time.Sleep(11 * time.Second)
			want("after it", 0, 0)
		}
		l.set(func() { l.down = true })
		time.Sleep(time.Minute)
		l.set(func() {
			for i := range eventlog.Shards { // other replicas have taken over
				l.leases.Claim(fmt.Sprint("another ", i), nil, time.Now())
			}
			l.down = false
		})
		time.Sleep(eventlog.LeaseTTL - 3*time.Second)
		want("with no shard of its own", 0, 0)
	})
	synctest.Test(t, func(t *testing.T) { // a process that starts during an outage
		l := newMemoryLog()
		l.down = true
		defer run(t, l, newRecorder())()
		time.Sleep(time.Minute)
		synctest.Wait()
		if age := metrics()["concha_relay_oldest_unpublished_age_seconds"]; age < 58 || age > 60 {
			t.Errorf("after a minute without a database the oldest event is %v s old", age)
		}
	})
}

func TestRelayTellsHowItFares(t *testing.T) {
	metrics := telemetrytest.Metrics(t, `log="test"`)
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		broker.setDown(true)
		l.append("account/1", 1)
		stop := run(t, l, broker)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		got := metrics()
		if age := got["concha_relay_oldest_unpublished_age_seconds"]; age != 5 {
			t.Errorf("the oldest event is %v s old, want 5", age)
		}
		if retries := got["concha_relay_retries_total"]; retries < 5 || retries > 7 {
			t.Errorf("%v retries in 5 s, want about 6", retries)
		}
		broker.setDown(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		got = metrics()
		delete(got, "concha_relay_retries_total")
		if diff := cmp.Diff(map[string]float64{
			"concha_relay_oldest_unpublished_age_seconds": 0, "concha_relay_published_total": 1, "concha_event_publish_delay_seconds": 1,
			"concha_relay_lease_changes_total": eventlog.Shards, "concha_relay_shards": eventlog.Shards,
		}, got); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
		stop()
		if owned := metrics()["concha_relay_shards"]; owned != 0 {
			t.Errorf("a relay that has stopped owns %v shards", owned)
		}
	})
}

// A warning leads to the event that waits and to the request that wrote it. An
// outage of the database is reported once, and not by each shard.
func TestRelayWarnings(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for name, tt := range map[string]struct {
		fail func(*memoryLog, *recorder)
		min  int
		max  int
	}{
		"events are not published, trying again":          {func(_ *memoryLog, r *recorder) { r.setDown(true) }, 20, 200},
		"the published offset is not saved, trying again": {func(l *memoryLog, _ *recorder) { l.failSave = 1 << 30 }, 1, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			l, broker := newMemoryLog(), newRecorder()
			for i := range 20 {
				l.append(fmt.Sprint("account/", i), 1)
			}
			for _, shard := range l.entries {
				for i := range shard {
					shard[i].Traceparent = parent
				}
			}
			tt.fail(l, broker)
			core, logs := observer.New(zap.WarnLevel)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				eventlog.NewRelay(eventlog.RelayConfig{Name: "test", Origin: "https://api.example.com", Log: l, Publisher: broker, Logger: zap.New(core)}).Run(ctx)
			}()
			time.Sleep(20 * time.Second)
			synctest.Wait()
			cancel()
			<-done
			lines := logs.FilterMessage(name).All()
			if len(lines) < tt.min || len(lines) > tt.max || len(lines) != logs.Len() {
				t.Fatalf("%d lines %q of %d, want %d to %d", len(lines), name, logs.Len(), tt.min, tt.max)
			}
			fields := lines[0].ContextMap()
			id, _ := fields["event_id"].(string)
			if fields["log"] != "test" || fields["shard"] != int64(eventlog.Shard(strings.TrimSuffix(id, "/1"))) ||
				fields["logging.googleapis.com/trace"] != parent[3:35] || fields["error"] == "" {
				t.Errorf("fields %v", fields)
			}
		})
	}
}

package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
)

// memoryLog is a log of two shards whose failures the test chooses.
type memoryLog struct {
	mu        sync.Mutex
	entries   [2][]eventlog.Entry
	published [2]eventlog.Cursor
	wake      eventlog.Wake
	failSave  int // how many of the next saves fail
}

func newMemoryLog() *memoryLog { return &memoryLog{wake: eventlog.NewWake(2)} }

func (l *memoryLog) append(subject string, version int64) {
	shard := eventlog.Shard(subject, 2)
	l.mu.Lock()
	defer l.mu.Unlock()
	cursor := eventlog.Cursor(strconv.Itoa(len(l.entries[shard]) + 1))
	l.entries[shard] = append(l.entries[shard], eventlog.Entry{Cursor: cursor, Event: events.Event{
		Type: events.AccountUpdatedV1, Subject: subject, Version: version, Data: []byte("{}"),
	}})
}

func (l *memoryLog) Read(_ context.Context, shard int, after eventlog.Cursor, limit int) ([]eventlog.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from, _ := strconv.Atoi(string(after))
	rest := l.entries[shard][from:]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

func (l *memoryLog) Published(_ context.Context, shard int) (eventlog.Cursor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.published[shard], nil
}

func (l *memoryLog) SavePublished(_ context.Context, shard int, upTo eventlog.Cursor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failSave > 0 {
		l.failSave--
		return errors.New("the database is down")
	}
	l.published[shard] = upTo
	return nil
}

func (l *memoryLog) Wake() eventlog.Wake { return l.wake }

// recorder is a broker that keeps what it is given; while down is set, it
// keeps the first message of a batch and fails.
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
		eventlog.NewRelay(l, pub, zap.NewNop()).Run(ctx)
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
		synctest.Wait()
		broker.want(t, "account/1", 1)
		broker.want(t, "account/2", 1)

		l.append("account/1", 2)
		l.wake.Notify("account/1")
		synctest.Wait() // no time passes: it was woken
		broker.want(t, "account/1", 1, 2)

		l.append("account/1", 3) // by another process
		time.Sleep(6 * time.Second)
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
		l.mu.Lock()
		l.failSave = 1 // published, and then the cursor is lost
		l.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		broker.want(t, "account/1", 1, 1, 2, 1, 2)
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
		synctest.Wait()
		broker.want(t, "account/1", versions...)
	})
}

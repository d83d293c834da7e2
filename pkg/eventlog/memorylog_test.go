package eventlog_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
)

// memoryLog is a log whose failures the test controls.
type memoryLog struct {
	mu         sync.Mutex
	entries    [eventlog.Shards][]eventlog.Entry
	published  [eventlog.Shards]eventlog.Offset
	leases     eventlog.Leases
	wake       *eventlog.Wake
	down       bool
	unreadable bool // reading fails, although claiming succeeds
	failSave   int  // number of saves that will fail
	reads      int
	claims     int
}

var errDown = errors.New("the database is down")

func newMemoryLog() *memoryLog { return &memoryLog{wake: eventlog.NewWake()} }

func (l *memoryLog) append(subject string, version int64) {
	shard := eventlog.Shard(subject)
	l.mu.Lock()
	defer l.mu.Unlock()
	cursor := eventlog.Offset(strconv.Itoa(len(l.entries[shard]) + 1))
	l.entries[shard] = append(l.entries[shard], eventlog.Entry{Offset: cursor, Event: events.Event{
		Type: events.AccountUpdatedV1, Subject: subject, Version: version, Data: []byte("{}"), Time: time.Now(),
	}})
}

func (l *memoryLog) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *memoryLog) Read(_ context.Context, from []eventlog.ShardOffset, limit int) (all []eventlog.Entry, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	if l.down || l.unreadable {
		return nil, errDown
	}
	for _, at := range from {
		after, _ := strconv.Atoi(string(at.After))
		rest := l.entries[at.Shard][after:]
		all = append(all, rest[:min(limit-len(all), len(rest))]...)
	}
	return all, nil
}

func (l *memoryLog) Claim(_ context.Context, replica string, release []int) (leases []eventlog.Lease, share int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claims++
	if l.down {
		return nil, 0, errDown
	}
	share = l.leases.Claim(replica, release, time.Now())
	return l.leases.Owned(replica), share, nil
}

func (l *memoryLog) Published(context.Context) ([eventlog.Shards]eventlog.Offset, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return l.published, errDown
	}
	return l.published, nil
}

func (l *memoryLog) Leave(_ context.Context, replica string) error {
	l.set(func() { l.leases.Leave(replica) })
	return nil
}

func (l *memoryLog) SavePublished(_ context.Context, done []eventlog.Progress) (lost []int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down || l.failSave > 0 {
		l.failSave--
		return nil, errDown
	}
	for _, p := range done {
		if l.leases.Shards[p.Shard].Epoch != p.Epoch {
			lost = append(lost, p.Shard)
			continue
		}
		l.published[p.Shard] = p.UpTo
	}
	return lost, nil
}

func (l *memoryLog) Wake() *eventlog.Wake { return l.wake }

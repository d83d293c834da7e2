package sqlitelog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// Wake implements eventlog.Log.
func (l *Log) Wake() *eventlog.Wake { return l.wake }

const selectShard = `SELECT * FROM (SELECT seq, time, subject, version, type, data, traceparent
	FROM event_log WHERE shard = ? AND seq > ? ORDER BY seq LIMIT ?)`

// Read implements eventlog.Log. SQLite evaluates the parts of a UNION ALL one
// after the other, and stops when the limit is reached.
func (l *Log) Read(ctx context.Context, from []eventlog.ShardOffset, limit int) ([]eventlog.Entry, error) {
	if len(from) == 0 {
		return nil, nil
	}
	args := make([]any, 0, 3*len(from)+1)
	for _, at := range from {
		seq, err := fromOffset(at.After)
		if err != nil {
			return nil, err
		}
		args = append(args, at.Shard, seq, limit)
	}
	query := selectShard + strings.Repeat(" UNION ALL "+selectShard, len(from)-1) + " LIMIT ?"
	rows, err := l.db.Query(ctx, query, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var entries []eventlog.Entry
	for rows.Next() {
		var e eventlog.Entry
		var seq, micros int64
		if err := rows.Scan(&seq, &micros, &e.Subject, &e.Version, &e.Type, (*[]byte)(&e.Data), &e.Traceparent); err != nil {
			return nil, fmt.Errorf("read events: %w", sqlitedb.Translate(err))
		}
		e.Time = time.UnixMicro(micros).UTC()
		e.Offset = toOffset(seq)
		entries = append(entries, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read events: %w", sqlitedb.Translate(err))
	}
	return entries, nil
}

// Claim implements eventlog.Log.
func (l *Log) Claim(ctx context.Context, replica string, release []int) (leases []eventlog.Lease, share int, err error) {
	if ctx.Err() != nil {
		return nil, 0, context.Cause(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	share = l.leases.Claim(replica, release, l.now())
	return l.leases.Owned(replica), share, nil
}

// Published implements eventlog.Log.
func (l *Log) Published(ctx context.Context) (offsets [eventlog.Shards]eventlog.Offset, err error) {
	rows, err := l.db.Query(ctx, `SELECT shard, seq FROM event_log_published`)
	if err != nil {
		return offsets, fmt.Errorf("read the published offsets: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var shard int
		var seq int64
		if err := rows.Scan(&shard, &seq); err != nil {
			return offsets, fmt.Errorf("read the published offsets: %w", sqlitedb.Translate(err))
		}
		if shard < 0 || shard >= eventlog.Shards {
			return offsets, fmt.Errorf("read the published offsets: there is no shard %d: the table event_log_published is damaged", shard)
		}
		offsets[shard] = toOffset(seq)
	}
	if err := rows.Err(); err != nil {
		return offsets, fmt.Errorf("read the published offsets: %w", sqlitedb.Translate(err))
	}
	return offsets, nil
}

// Leave implements eventlog.Log.
func (l *Log) Leave(_ context.Context, replica string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leases.Leave(replica)
	return nil
}

// SavePublished implements eventlog.Log.
func (l *Log) SavePublished(ctx context.Context, done []eventlog.Progress) (lost []int, err error) {
	err = l.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		lost = nil
		for _, p := range done {
			seq, err := fromOffset(p.UpTo)
			if err != nil {
				return err
			}
			if !l.isCurrent(p) {
				lost = append(lost, p.Shard)
				continue
			}
			if _, err := tx.Exec(`INSERT INTO event_log_published (shard, seq) VALUES (?, ?)
				ON CONFLICT (shard) DO UPDATE SET seq = max(seq, excluded.seq)`, p.Shard, seq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("save the published offsets: %w", err)
	}
	return lost, nil
}

func (l *Log) isCurrent(p eventlog.Progress) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leases.Shards[p.Shard].Epoch == p.Epoch
}

func toOffset(seq int64) eventlog.Offset {
	return eventlog.Offset(strconv.FormatInt(seq, 10))
}

func fromOffset(c eventlog.Offset) (int64, error) {
	if c == "" {
		return 0, nil
	}
	seq, err := strconv.ParseInt(string(c), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cursor %q: %w", c, err)
	}
	return seq, nil
}

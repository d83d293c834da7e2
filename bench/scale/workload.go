package main

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"strings"
	"time"
)

// row is a row of a table: the values of its columns, of the types int64, string
// and time.Time. A column without a value is NULL.
type row map[string]any

// change is the change of one row by an operation. before is nil for a new row, and
// after for one that is deleted.
type change struct {
	table         string
	before, after row
}

// operation is a kind of write.
type operation struct {
	name    string
	service string
	// changes draws the changes of the nth operation.
	changes func(w *world, n int64) []change
}

// The ways in which clients choose session ids.
const (
	random     = "random"
	sequential = "n, n+1, …"
	strided    = "n, n+16, …"
)

var idModes = []string{random, sequential, strided}

// world draws the values of rows.
type world struct {
	*rand.Rand

	ids string // the way in which clients choose session ids
}

func newWorld(ids string) *world {
	return &world{rand.New(rand.NewPCG(1, 2)), ids}
}

func (w *world) sessionID(n int64) int64 {
	const first = 1_000_000_000
	switch w.ids {
	case sequential:
		return first + n
	case strided:
		return first + 16*n
	}
	return w.anyID()
}

func (w *world) anyID() int64 { return w.Int64N(1 << 53) }

func (w *world) time(n int64) time.Time {
	return time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Millisecond)
}

// owner is the caller that created all resources: the worst case for indexes by
// owner.
const owner = "key:importer"

// session returns a session; one that is owned has an account, too.
func (w *world) session(n int64, owned bool) row {
	r := row{
		"SessionId": w.sessionID(n), "SelectedTick": w.Int64N(15), "StepCount": w.Int64N(10), "Version": int64(1),
		"CreatedAt": w.time(n), "UpdatedAt": w.time(n),
	}
	if owned {
		r["AccountId"], r["Owner"] = w.anyID(), owner
	}
	return generated(r, r["SessionId"].(int64))
}

func (w *world) account(n int64) row {
	id := w.anyID()
	return generated(row{
		"Id": id, "Name": fmt.Sprint("name ", w.anyID()), "Email": fmt.Sprint(w.anyID(), "@example.com"), "Address": fmt.Sprint("address ", w.anyID()),
		"Owner": owner, "Version": int64(1), "CreatedAt": w.time(n), "UpdatedAt": w.time(n),
	}, id)
}

// generated adds the generated columns. Of a hash, only its distribution matters.
func generated(r row, id int64) row {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, id)
	r["Shard"], r["Spread"] = id%16, int64(h.Sum64()>>7&15)
	return r
}

// event is the row of the log for a version of a resource. The log computes the
// shard from the subject.
func (w *world) event(subject string, n, version int64) change {
	h := fnv.New32a()
	_, _ = h.Write([]byte(subject))
	return change{table: "EventLog", after: row{
		"Shard": int64(h.Sum32() % 16), "CommitTimestamp": w.time(n), "Subject": subject, "Version": version,
	}}
}

// changed returns r after a change of a field.
func (w *world) changed(r row, n int64, field string, value any) row {
	next := maps.Clone(r)
	next[field], next["UpdatedAt"], next["Version"] = value, w.time(n+1), int64(2)
	return next
}

func subject(kind string, id any) string { return fmt.Sprintf("%s/%d", kind, id) }

// operations are the kinds of writes of the model.
var operations = []operation{
	{"session created", "audios", func(w *world, n int64) []change { return w.createSession(n, false) }},
	{"session created, with account and owner", "audios", func(w *world, n int64) []change { return w.createSession(n, true) }},
	{"session changed, its step", "audios", func(w *world, n int64) []change {
		s := w.session(n, true)
		next := w.changed(s, n, "StepCount", (s["StepCount"].(int64)+1)%10)
		return []change{{"Audios", s, next}, w.event(subject("audio", s["SessionId"]), n, 2)}
	}},
	{"session deleted", "audios", func(w *world, n int64) []change {
		s := w.session(n, true)
		created := w.event(subject("audio", s["SessionId"]), n, 1)
		return []change{
			{"Audios", s, nil},
			{"Documents", row{"SessionId": s["SessionId"]}, nil},
			{"DeletedAudios", nil, row{"SessionId": s["SessionId"], "Version": int64(2)}},
			redacted(created), w.event(subject("audio", s["SessionId"]), n+1, 2),
		}
	}},
	{"account created, with owner", "accounts", func(w *world, n int64) []change {
		a := w.account(n)
		return []change{{"Accounts", nil, a}, w.event(subject("account", a["Id"]), n, 1)}
	}},
	{"account changed, its name", "accounts", func(w *world, n int64) []change {
		a := w.account(n)
		return []change{{"Accounts", a, w.changed(a, n, "Name", "another name")}, w.event(subject("account", a["Id"]), n, 2)}
	}},
}

func (w *world) createSession(n int64, owned bool) []change {
	s := w.session(n, owned)
	return []change{
		{"Audios", nil, s},
		{"Documents", nil, row{"SessionId": s["SessionId"]}},
		w.event(subject("audio", s["SessionId"]), n, 1),
	}
}

// redacted is the redaction of an event's payload, which is in no index.
func redacted(event change) change {
	next := maps.Clone(event.after)
	next["Payload"] = "null"
	return change{event.table, event.after, next}
}

// lengths are the typical sizes of columns of text and bytes. Those of payloads
// are of the sample events, and of documents of those with 15 ticks.
var lengths = map[string]int{
	"Owner": 40, "FileObject": 26, "FileSha256": 64, "Subject": 24, "Type": 24, "Payload": 500, "Traceparent": 55,
	"Content": 360, "Name": 20, "Email": 25, "Address": 40,
}

// cell is the size of a value without its content, in bytes.
const cell = 8

// size returns the bytes of an entry with the values of r.
func (t *table) size(i *index, r row) (bytes int) {
	columns := append([]string{}, i.stored...)
	if i != t.rows {
		for _, p := range i.key {
			columns = append(columns, p.column)
		}
	}
	for _, c := range columns {
		_, has := r[c]
		switch kind := t.columns[c].kind; {
		case strings.HasPrefix(kind, "ARRAY"):
			bytes += cell + 15*8
		case strings.HasPrefix(kind, "STRING"), strings.HasPrefix(kind, "BYTES"):
			if c == "Owner" && !has || c == "Image" { // NULL
				continue
			}
			bytes += cell + lengths[c]
		case kind == "TIMESTAMP":
			bytes += cell + 12
		case c == "AccountId" && !has: // NULL
		default:
			bytes += cell + 8
		}
	}
	return bytes
}

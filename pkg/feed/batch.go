package feed

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/longwork"
)

const (
	batchType  = "application/cloudevents-batch+json"
	streamType = "text/event-stream"

	// longPage is the number of events that take about a millisecond to encode.
	// Pages with as many are encoded in turns.
	longPage = 100
)

// batch is a page as it is sent. Several clients share it.
type batch struct {
	text   []byte // the events, as an event stream
	events []event
	next   eventlog.Position
	full   bool // there may be more events already
}

// event is an event of a batch.
type event struct {
	at    int    // where it begins in the text
	json  []byte // the CloudEvent in the structured mode, on one line
	after eventlog.Position
}

// from returns the at most limit events of the batch after the first skip ones.
func (b *batch) from(skip, limit int) *batch {
	part := &batch{text: b.text, events: b.events[skip:], next: b.next}
	if len(part.events) > limit {
		part.events = part.events[:limit]
		part.next = part.events[limit-1].after
	}
	return part
}

// read returns a page for a client that uses the API under origin.
func (f *Feed) read(ctx context.Context, origin string, after eventlog.Position, limit int) (b *batch, err error) {
	page, err := f.log.Page(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	encode := func() (err error) {
		b, err = f.encode(page, origin)
		return err
	}
	if len(page.Records) < longPage {
		err = encode()
	} else {
		err = longwork.Do(ctx, encode)
	}
	if err != nil {
		return nil, err
	}
	b.full = len(page.Records) == limit
	return b, nil
}

// readShared is read for a follower: those that are at the same position and use
// the API under the same origin share one read. It may have begun before the
// call.
func (f *Feed) readShared(ctx context.Context, origin string, after eventlog.Position, limit int) (*batch, error) {
	key := fmt.Sprintf("%s %d %d %s", origin, limit, after.Time.UnixMicro(), after.Place)
	shared, err, _ := f.reads.Do(key, func() (any, error) {
		return f.read(context.WithoutCancel(ctx), origin, after, limit) // other clients need the result even if this one leaves
	})
	if err != nil {
		return nil, err
	}
	return shared.(*batch), nil
}

func (f *Feed) encode(page eventlog.Page, origin string) (*batch, error) {
	b := &batch{events: make([]event, len(page.Records)), next: page.Next}
	var text bytes.Buffer
	ends := make([][2]int, len(page.Records)) // where the JSON text of each event begins and ends
	for i, r := range page.Records {
		b.events[i].at, b.events[i].after = text.Len(), r.Position
		cursor := f.Cursor(r.Position)
		for _, part := range [...]string{"id: ", cursor, "\nevent: ", r.Type, "\ndata: "} {
			text.WriteString(part)
		}
		ends[i][0] = text.Len()
		if err := structured(&text, r, origin, cursor); err != nil {
			return nil, fmt.Errorf("encode event %s: %w", r.ID(), err)
		}
		ends[i][1] = text.Len()
		text.WriteString("\n\n")
	}
	b.text = text.Bytes()
	for i, at := range ends {
		b.events[i].json = b.text[at[0]:at[1]]
	}
	return b, nil
}

// structured writes an event in the JSON format of CloudEvents 1.0, with its
// attributes on the bus, its cursor and its payload.
func structured(text *bytes.Buffer, r eventlog.Record, origin, cursor string) error {
	type member struct{ name, value string }
	members := append(make([]member, 0, 16), member{"cursor", cursor})
	for name, value := range r.Attributes(origin) {
		if attribute, ok := strings.CutPrefix(name, "ce-"); ok {
			members = append(members, member{attribute, value})
		} else if name == "content-type" {
			members = append(members, member{"datacontenttype", value})
		}
	}
	// The text of an event is the same each time.
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	for i, m := range members {
		text.WriteByte("{,"[min(i, 1)])
		quote(text, m.name)
		text.WriteByte(':')
		quote(text, m.value)
	}
	text.WriteString(`,"data":`)
	if !bytes.ContainsAny(r.Data, "\n\r") {
		text.Write(r.Data)
	} else if err := json.Compact(text, r.Data); err != nil { // an event of a stream must be on one line
		return err
	}
	return text.WriteByte('}')
}

// quote writes s as a JSON string.
func quote(text *bytes.Buffer, s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // never fails
			text.Write(quoted)
			return
		}
	}
	text.WriteByte('"')
	text.WriteString(s)
	text.WriteByte('"')
}

// A cursor is the base64url encoding of four fields separated by spaces: a
// version, the name of the feed, the position's time in microseconds since
// 1970, and its place. It is opaque but not secret.
const cursorVersion = "1"

var cursorEncoding = base64.RawURLEncoding.Strict()

// Cursor returns the cursor of a position, from which clients can continue.
func (f *Feed) Cursor(p eventlog.Position) string {
	return cursorEncoding.EncodeToString([]byte(strings.Join([]string{
		cursorVersion, f.name, strconv.FormatInt(p.Time.UnixMicro(), 10), p.Place,
	}, " ")))
}

// position decodes a cursor. Its place is not validated.
func (f *Feed) position(cursor string) (p eventlog.Position, ok bool) {
	raw, err := cursorEncoding.DecodeString(cursor)
	if err != nil {
		return eventlog.Position{}, false
	}
	parts := strings.SplitN(string(raw), " ", 4)
	if len(parts) != 4 {
		return eventlog.Position{}, false
	}
	micros, err := strconv.ParseInt(parts[2], 10, 64)
	p = eventlog.Position{Time: time.UnixMicro(micros).UTC(), Place: parts[3]}
	return p, err == nil && f.Cursor(p) == cursor
}

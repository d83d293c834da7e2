package feed

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog"
)

const (
	batchType  = "application/cloudevents-batch+json"
	streamType = "text/event-stream"
)

// batch is a page in the form in which it is sent. Several clients share it.
type batch struct {
	events []event
	next   eventlog.Position
	full   bool // there may be more events already
}

// event is a CloudEvent in the structured mode, on one line.
type event struct {
	cursor, kind string
	json         []byte
}

// read returns a page for a client that uses the API under origin.
func (f *Feed) read(ctx context.Context, origin string, after eventlog.Position, limit int) (*batch, error) {
	page, err := f.log.Page(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	b, err := f.encode(page, origin)
	if err != nil {
		return nil, err
	}
	b.full = len(page.Records) == limit
	return b, nil
}

// readShared is read for a client that follows the feed. Clients with the same
// position and origin that wait for the same change share one read. The read
// begins after changed was created.
func (f *Feed) readShared(ctx context.Context, changed <-chan struct{}, origin string, after eventlog.Position, limit int) (*batch, error) {
	key := fmt.Sprintf("%p %s %d %s", changed, origin, limit, after.Place)
	shared, err, _ := f.tail.reads.Do(key, func() (any, error) {
		return f.read(context.WithoutCancel(ctx), origin, after, limit) // other clients need the result even if this one leaves
	})
	if err != nil {
		return nil, err
	}
	return shared.(*batch), nil
}

func (f *Feed) encode(page eventlog.Page, origin string) (*batch, error) {
	b := &batch{events: make([]event, len(page.Records)), next: page.Next}
	for i, r := range page.Records {
		cursor := f.Cursor(r.Position)
		text, err := structured(r, origin, cursor)
		if err != nil {
			return nil, fmt.Errorf("encode event %s: %w", r.ID(), err)
		}
		b.events[i] = event{cursor: cursor, kind: r.Type, json: text}
	}
	return b, nil
}

// structured returns an event in the JSON format of CloudEvents 1.0, with its
// attributes on the bus, its cursor and its payload.
func structured(r eventlog.Record, origin, cursor string) ([]byte, error) {
	members := map[string]string{"cursor": cursor}
	for name, value := range r.Attributes(origin) {
		if attribute, ok := strings.CutPrefix(name, "ce-"); ok {
			members[attribute] = value
		} else if name == "content-type" {
			members["datacontenttype"] = value
		}
	}
	attributes, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	text := bytes.NewBuffer(bytes.TrimSuffix(attributes, []byte("}")))
	text.WriteString(`,"data":`)
	if err := json.Compact(text, r.Data); err != nil { // an event of a stream must be on one line
		return nil, err
	}
	text.WriteByte('}')
	return text.Bytes(), nil
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

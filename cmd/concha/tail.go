package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	api "github.com/concha-labs/backend/pkg/client"
)

const (
	// longestWait is the longest pause between attempts to come back.
	longestWait = 30 * time.Second
	// silence is how long a connection may have nothing to say: the server
	// sends a heartbeat every 15 seconds.
	silence = 45 * time.Second
)

// tail follows a feed.
type tail struct {
	source      source
	subject     string    // "": all
	since       time.Time // where to begin; zero: now, by the server
	after       string    // cursor of the last event; "": begin at since
	printer     printer
	firstWait   time.Duration // before coming back; doubled while it fails
	diagnostics io.Writer
}

// errOutput is a failure to print, which no new connection mends.
var errOutput = errors.New("print an event")

// run prints events until ctx is done. A connection that breaks is made again,
// and goes on behind the last event; one that was never made is a failure.
func (t *tail) run(ctx context.Context) error {
	if t.after == "" && t.since.IsZero() {
		now, err := t.source.page(ctx, 1, "")
		if err != nil {
			return err
		}
		t.after = now.cursor
	}
	wait, connected := t.firstWait, false
	for {
		heard, err := t.follow(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // that is how following ends
		}
		if heard {
			wait, connected = t.firstWait, true
		}
		if !connected || permanent(err) {
			return err
		}
		fmt.Fprintf(t.diagnostics, "events tail: %v; again in %v\n", err, wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, longestWait)
	}
}

// permanent reports whether it does not help to come again.
func permanent(err error) bool {
	if failure, ok := errors.AsType[*api.Error](err); ok {
		return failure.StatusCode < http.StatusInternalServerError && failure.StatusCode != http.StatusTooManyRequests
	}
	return errors.Is(err, errOutput)
}

// follow prints events until the connection breaks, which is an error. heard
// reports whether there was a connection.
func (t *tail) follow(ctx context.Context) (heard bool, err error) {
	ctx, hangUp := context.WithCancelCause(ctx)
	defer hangUp(nil)
	watchdog := time.AfterFunc(silence, func() { hangUp(fmt.Errorf("nothing came for %v", silence)) })
	defer watchdog.Stop()
	from := api.FollowAccountsParams{Since: new(t.since.UTC())}
	if t.after != "" {
		from = api.FollowAccountsParams{LastEventID: &t.after}
	}
	resp, err := t.source.follow(ctx, &from, func(_ context.Context, req *http.Request) error {
		req.Header.Set("Accept", "text/event-stream")
		return nil
	})
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	in := bufio.NewReader(resp.Body)
	for {
		id, data, err := readEvent(in)
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return true, fmt.Errorf("the stream ended: %w", err)
		}
		watchdog.Reset(silence)
		if len(data) > 0 {
			if err := t.show(data); err != nil {
				return true, err
			}
		}
		t.after = id
	}
}

func (t *tail) show(data []byte) error {
	e, err := parseEvent(data)
	if err != nil {
		return err
	}
	if t.subject != "" && e.Subject != t.subject {
		return nil
	}
	if err := t.printer.write(e); err != nil {
		return fmt.Errorf("%w: %w", errOutput, err)
	}
	return nil
}

// readEvent returns the next server-sent event that has an id. It has no data
// if the stream only moved on.
func readEvent(in *bufio.Reader) (id string, data []byte, err error) {
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return "", nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 && id != "" {
			return id, data, nil
		}
		switch name, value, _ := bytes.Cut(line, []byte(": ")); string(name) {
		case "id":
			id = string(value)
		case "data":
			data = value
		}
	}
}

// printer writes events, one a line.
type printer struct {
	out         io.Writer
	json, color bool
}

var colors = map[string]string{"created": "\x1b[32m", "updated": "\x1b[33m", "deleted": "\x1b[31m"}

func (p printer) write(e event) error {
	if p.json {
		_, err := fmt.Fprintf(p.out, "%s\n", e.raw)
		return err
	}
	change, _ := e.Data.AsAccountChange() // a type that was made later may have other data
	fields := strings.Join(change.ChangedFields, " ")
	if redacted, err := e.Data.AsRedacted(); err == nil && bool(redacted.Redacted) {
		fields = "(redacted)"
	}
	at := e.Time.Local().Format("2006-01-02 15:04:05.000")
	color, reset := "", ""
	if parts := strings.Split(string(e.Type), "."); p.color && len(parts) == 4 && colors[parts[2]] != "" {
		color, reset = colors[parts[2]], "\x1b[0m"
	}
	line := fmt.Sprintf("%s  %s%-25s%s  %s  v%s  %s", at, color, e.Type, reset, e.Subject, e.Resourceversion, fields)
	_, err := fmt.Fprintln(p.out, strings.TrimRight(line, " "))
	return err
}

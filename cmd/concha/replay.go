package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/concha-labs/backend/pkg/bus"
	api "github.com/concha-labs/backend/pkg/client"
	"github.com/concha-labs/backend/pkg/events"
)

// replay publishes events again.
type replay struct {
	source    source
	publisher bus.Publisher
	subject   string    // "": all
	from, to  time.Time // the first moment, and the one behind the last
	after     string    // cursor to go on behind; "": begin at from
	progress  *progress

	published int
}

// run publishes page after page, each after the previous one has been
// acknowledged, so that the events of one ordering key stay in order. The error
// contains the cursor from which to continue.
func (r *replay) run(ctx context.Context) error {
	if err := r.publish(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		hint := "run it again"
		if r.after != "" {
			hint = "go on with --after " + r.after + " --to " + r.to.UTC().Format(time.RFC3339Nano) + " and without --from"
		}
		return fmt.Errorf("%w\n%d events are published, and maybe some behind them; %s", err, r.published, hint)
	}
	fmt.Fprintf(r.progress.out, "%d events are published\n", r.published)
	return nil
}

func (r *replay) publish(ctx context.Context) error {
	feed := api.FollowAccountsParams{Limit: new(pageSize), Since: new(r.from.UTC())}
	if r.after != "" {
		feed.After, feed.Since = &r.after, nil
	}
	ask := func(ctx context.Context) (*http.Response, error) { return r.source.follow(ctx, &feed) }
	history := api.ListAccountEventsParams{Limit: new(pageSize)}
	if r.subject != "" && r.after == "" { // a cursor belongs to the feed
		id, err := r.source.id(r.subject)
		if err != nil {
			return err
		}
		ask = func(ctx context.Context) (*http.Response, error) { return r.source.history(ctx, id, &history) }
	}
	for {
		var batch []json.RawMessage
		if _, err := read(ctx, &batch, ask); err != nil {
			return err
		}
		if len(batch) == 0 {
			return nil
		}
		msgs, last, over, err := r.choose(batch)
		if err != nil {
			return err
		}
		if err := r.publisher.Publish(ctx, msgs); err != nil {
			return err
		}
		r.published += len(msgs)
		if over {
			return nil
		}
		version, err := strconv.ParseInt(last.Resourceversion, 10, 64)
		if err != nil {
			return fmt.Errorf("the version of an event: %w", err)
		}
		r.after = last.Cursor
		r.progress.tell("%d events are published, up to %s", r.published, last.Time.Format(time.RFC3339Nano))
		feed.After, feed.Since = &r.after, nil
		history.AfterVersion = &version
	}
}

// choose returns the messages of the events of a batch that are asked for, the
// last event, and whether the rest is behind the end.
func (r *replay) choose(batch []json.RawMessage) (msgs []bus.Message, last event, over bool, err error) {
	for _, raw := range batch {
		e, err := parseEvent(raw)
		if err != nil {
			return nil, event{}, false, err
		}
		if !e.Time.Before(r.to) {
			return msgs, last, true, nil
		}
		if last = e; e.Time.Before(r.from) || r.subject != "" && e.Subject != r.subject {
			continue
		}
		m, err := message(raw)
		if err != nil {
			return nil, event{}, false, err
		}
		msgs = append(msgs, m)
	}
	return msgs, last, false, nil
}

// message returns an event as it was published, with a mark that it is so again.
func message(raw []byte) (bus.Message, error) {
	attributes, data, err := events.Binary(raw)
	if err != nil {
		return bus.Message{}, err
	}
	delete(attributes, "ce-cursor") // an attribute of the feed
	attributes["ce-replayed"] = "true"
	return bus.Message{OrderingKey: attributes["ce-partitionkey"], Attributes: attributes, Data: data}, nil
}

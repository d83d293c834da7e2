package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

// followed is the way of an event from its commit to a client that follows the
// feed through the gateway, and to the effect of a subscriber inside, while
// others write at a fixed rate.
const followed = "events"

const (
	eventsRate = 1000 // writes a second
	// The targets for the time from a commit to its event at a subscriber.
	mostEventP50 = 15 * time.Millisecond
	mostEventP99 = 50 * time.Millisecond
	// lastEvent bounds the wait for the last event after the last write.
	lastEvent = 10 * time.Second
)

func measureEvents(ctx context.Context, opts options, product program, dir string) error {
	var feeds, subscribers []result
	for round := range opts.rounds {
		fmt.Printf("%-12s round %d of %d:", followed, round+1, opts.rounds)
		feed, subscriber, err := measureWays(ctx, opts.load, product, filepath.Join(dir, "feed"+strconv.Itoa(round)))
		if err != nil {
			fmt.Println()
			return err
		}
		fmt.Printf("  feed p50 %s ms  p99 %s ms  subscriber p50 %s ms  p99 %s ms\n",
			millis(feed.p50), millis(feed.p99), millis(subscriber.p50), millis(subscriber.p99))
		feeds, subscribers = append(feeds, feed), append(subscribers, subscriber)
	}
	printEvents(os.Stdout, medianOf(feeds), medianOf(subscribers))
	return nil
}

func printEvents(out io.Writer, feed, subscriber result) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\ncommit to subscriber\tevents/s\tp50 ms\tp99 ms\t")
	fmt.Fprintf(w, "feed\t%.0f\t%s\t%s\t\n", feed.perSecond, millis(feed.p50), millis(feed.p99))
	fmt.Fprintf(w, "relay, bus, handler and its commit\t%.0f\t%s\t%s\t\n", subscriber.perSecond, millis(subscriber.p50), millis(subscriber.p99))
	fmt.Fprintf(w, "at most\t\t%s\t%s\t\n", millis(mostEventP50), millis(mostEventP99))
	_ = w.Flush()
}

// measureWays runs the product on an empty folder, has accounts created at the
// rate, and some deleted that have a session, and takes in their events.
func measureWays(ctx context.Context, l load, product program, dir string) (feed, subscriber result, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	server, err := start(ctx, product, dir)
	if err != nil {
		return result{}, result{}, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	begin := time.Now().Add(l.warmUp)
	end := begin.Add(l.length)
	arrivals := make(chan arrival, 2*eventsRate*int(1+time.Until(end)/time.Second))
	go func() { cancel(fmt.Errorf("follow the feed: %w", follow(ctx, server.addr, arrivals))) }()

	var answered atomic.Int64
	var wg sync.WaitGroup
	for i := range l.conns {
		wg.Go(func() {
			n, err := l.pace(ctx, server.addr, i, end)
			if err != nil {
				cancel(err)
			}
			answered.Add(n)
		})
	}
	var deleted []deletion
	wg.Go(func() {
		var err error
		if deleted, err = deleteAccounts(ctx, "http://"+server.addr, begin, end); err != nil {
			cancel(err)
		}
	})
	wg.Wait()
	answered.Add(2 * int64(len(deleted))) // each created and deleted
	latencies, err := collect(ctx, arrivals, answered.Load(), begin, end)
	if err != nil {
		return result{}, result{}, err
	}
	effects, err := effectsOf(ctx, "http://"+server.addr, deleted)
	if err != nil {
		return result{}, result{}, err
	}
	return summarize(latencies, l.length), summarize(effects, l.length), nil
}

// collect receives count events and returns the delays of those between begin
// and end.
func collect(ctx context.Context, arrivals <-chan arrival, count int64, begin, end time.Time) (latencies []time.Duration, err error) {
	late := time.NewTimer(lastEvent)
	defer late.Stop()
	for n := range count {
		select {
		case a := <-arrivals:
			if a.commit.After(begin) && a.commit.Before(end) {
				latencies = append(latencies, a.after)
			}
		case <-late.C:
			return nil, fmt.Errorf("%d of %d events have not come", count-n, count)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if len(latencies) == 0 {
		return nil, errors.New("no event within the time of a measurement")
	}
	return latencies, nil
}

func summarize(latencies []time.Duration, length time.Duration) result {
	slices.Sort(latencies)
	return result{
		perSecond: float64(len(latencies)) / length.Seconds(),
		p50:       latencies[len(latencies)/2],
		p99:       latencies[len(latencies)*99/100],
	}
}

// pace is one connection's part of the rate, until end: it creates an account
// whenever it is time to, at once if that has passed. It returns the number of
// accounts.
func (l load) pace(ctx context.Context, addr string, i int, end time.Time) (answered int64, err error) {
	c, err := dial(ctx, addr)
	if err != nil {
		return 0, err
	}
	defer c.conn.Close()
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	every := time.Duration(l.conns) * time.Second / eventsRate
	buf := make([]byte, 0, 4<<10)
	for due := time.Now().Add(every * time.Duration(i) / time.Duration(l.conns)); due.Before(end); due = due.Add(every) {
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return answered, nil
		}
		buf = postAccount(buf[:0], nil, random)
		if err := c.roundTrip(buf); err != nil {
			return answered, err
		}
		answered++
	}
	return answered, nil
}

// arrival is an event that has come: when it was committed, as it says itself,
// and how long after that.
type arrival struct {
	commit time.Time
	after  time.Duration
}

// follow follows the feed of accounts from its start and sends each event until
// ctx is done. It returns the reason why it ended.
func follow(ctx context.Context, addr string, arrivals chan<- arrival) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/v1/events/accounts", http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return receive(res.Body, arrivals)
}

func receive(stream io.Reader, arrivals chan<- arrival) error {
	for in := bufio.NewReader(stream); ; {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return err
		}
		now := time.Now()
		const field = "data: "
		if len(line) < len(field) || string(line[:len(field)]) != field {
			continue
		}
		var event struct{ Time time.Time }
		if err := json.Unmarshal(line[len(field):], &event); err != nil {
			return err
		}
		arrivals <- arrival{commit: event.Time, after: now.Sub(event.Time)}
	}
}

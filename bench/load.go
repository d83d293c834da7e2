package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load is a closed loop: each connection sends its next request as soon as the
// answer to the last one is in.
type load struct {
	conns          int
	warmUp, length time.Duration
}

// result is the result of one run of the loop.
type result struct {
	perSecond float64
	p50, p99  time.Duration
	cpu       time.Duration // of the server per request; 0 if it cannot be read
}

// request appends the next request to dst, which has room for most.
type request func(dst []byte, s *side, r *rand.Rand) []byte

// run drives s with requests made by next. The CPU time is taken until the
// server is idle again, so that work it puts off is part of a request's cost.
func (l load) run(ctx context.Context, s *side, next request) (result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begin := time.Now().Add(l.warmUp)
	end := begin.Add(l.length)

	latencies := make([][]time.Duration, l.conns)
	var answered atomic.Int64
	var wg sync.WaitGroup
	for i := range l.conns {
		wg.Go(func() {
			n, err := l.drive(ctx, s, next, begin, end, &latencies[i])
			if err != nil {
				cancel(err)
			}
			answered.Add(n)
		})
	}
	select {
	case <-time.After(time.Until(begin)):
	case <-ctx.Done():
	}
	before := s.server.cpu()
	wg.Wait()
	if ctx.Err() != nil {
		return result{}, context.Cause(ctx)
	}
	s.server.settle(ctx)
	spent := s.server.cpu() - before

	all := slices.Concat(latencies...)
	if len(all) == 0 {
		return result{}, errors.New("no answer within the time of a measurement")
	}
	slices.Sort(all)
	return result{
		perSecond: float64(len(all)) / l.length.Seconds(),
		p50:       all[len(all)/2],
		p99:       all[len(all)*99/100],
		cpu:       spent / time.Duration(answered.Load()),
	}, nil
}

// drive is one connection. It leaves the latency of each answer between begin
// and end in latencies, and returns the number of answers from begin on.
func (l load) drive(ctx context.Context, s *side, next request, begin, end time.Time, latencies *[]time.Duration) (answered int64, err error) {
	c, err := dial(ctx, s.server.addr)
	if err != nil {
		return 0, err
	}
	defer c.conn.Close()
	defer context.AfterFunc(ctx, func() { c.conn.Close() })()
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	kept := make([]time.Duration, 0, 1<<14)
	buf := make([]byte, 0, 4<<10)
	for start := time.Now(); start.Before(end); {
		buf = next(buf[:0], s, random)
		if err := c.roundTrip(buf); err != nil {
			line, _, _ := bytes.Cut(buf, []byte("\r\n"))
			return 0, fmt.Errorf("%s: %w", line, err)
		}
		now := time.Now()
		if now.After(begin) {
			answered++
			if now.Before(end) {
				kept = append(kept, now.Sub(start))
			}
		}
		start = now
	}
	*latencies = kept
	return answered, nil
}

// client speaks just enough HTTP/1.1 to cost as little as possible of the CPUs
// that it shares with the server.
type client struct {
	conn net.Conn
	r    *bufio.Reader
}

func dial(ctx context.Context, addr string) (*client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// statusError is an answer with a status other than 2xx.
type statusError struct {
	status string
	body   []byte
}

func (e statusError) Error() string { return fmt.Sprintf("status %s: %s", e.status, e.body) }

// roundTrip sends req and reads its answer.
// Errors: statusError, after which the connection can still be used.
func (c *client) roundTrip(req []byte) error {
	if _, err := c.conn.Write(req); err != nil {
		return err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < len("HTTP/1.1 200") {
		return fmt.Errorf("no HTTP: %q", line)
	}
	ok, status := line[9] == '2', string(line[9:12])
	length, err := c.header()
	if err != nil {
		return err
	}
	if !ok {
		body, _ := io.ReadAll(io.LimitReader(c.r, max(length, 0)))
		return statusError{status, body}
	}
	switch {
	case status == "204":
		return nil
	case length >= 0:
		_, err = c.r.Discard(int(length))
		return err
	}
	return c.discardChunks()
}

// header reads the header and returns the length of the body, -1 if it comes
// in chunks.
func (c *client) header() (length int64, err error) {
	const name = "Content-Length: "
	length = -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= len("\r\n") {
			return length, nil
		}
		if len(line) > len(name) && string(line[:len(name)]) == name {
			if length, err = strconv.ParseInt(string(line[len(name):len(line)-2]), 10, 64); err != nil {
				return 0, err
			}
		}
	}
}

func (c *client) discardChunks() error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return err
		}
		if _, err := c.r.Discard(int(size) + len("\r\n")); err != nil || size == 0 {
			return err
		}
	}
}

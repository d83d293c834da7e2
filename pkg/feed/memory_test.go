package feed_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/feed"
	"github.com/concha-labs/backend/pkg/httpserver"
)

// memory is a log that counts its reads. Each read takes a millisecond of fake
// time.
type memory struct {
	committed eventlog.Signal

	mu           sync.Mutex
	records      []eventlog.Record
	pages, heads int
	returned     int // the events on all pages
	failing      error
}

// add appends events as another process would.
func (m *memory) add(n int) {
	for range n {
		m.append(events.AccountUpdatedV1, "{ \"a\":\n\"<\" }")
	}
}

func (m *memory) append(kind, data string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	version := int64(len(m.records) + 1)
	m.records = append(m.records, eventlog.Record{
		Position: m.at(int(version)),
		Event:    events.Event{Type: kind, Subject: "account/1", Version: version, Time: time.Now(), Data: []byte(data)},
	})
}

// redact erases the payloads of all events.
func (m *memory) redact() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.records {
		m.records[i].Data = []byte(events.Redacted)
	}
}

func (m *memory) at(n int) eventlog.Position {
	return eventlog.Position{Time: time.Now(), Place: strconv.Itoa(n)}
}

func (m *memory) place(p eventlog.Position) (int, error) {
	if p.Place == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(p.Place)
	if err != nil {
		return 0, eventlog.ErrPosition
	}
	return n, nil
}

func (m *memory) Page(_ context.Context, after eventlog.Position, limit int) (eventlog.Page, error) {
	time.Sleep(time.Millisecond)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pages++
	n, err := m.place(after)
	if err == nil {
		err = m.failing
	}
	if err != nil {
		return eventlog.Page{}, err
	}
	if n > len(m.records) || !after.Time.IsZero() && time.Since(after.Time) > eventlog.Retention {
		return eventlog.Page{}, eventlog.ErrCursorExpired
	}
	records := m.records[n:min(n+limit, len(m.records))]
	m.returned += len(records)
	return eventlog.Page{Records: slices.Clone(records), Next: m.at(n + len(records))}, nil
}

func (m *memory) Head(_ context.Context, earlier eventlog.Position) (eventlog.Position, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heads++
	n, err := m.place(earlier)
	return m.at(len(m.records)), len(m.records) > n, err
}

func (m *memory) History(context.Context, string, int64, int) ([]eventlog.Record, error) {
	return nil, nil
}

func (m *memory) Since(context.Context, time.Time) (eventlog.Position, error) {
	return eventlog.Position{}, nil
}

func (m *memory) Compare(a, b eventlog.Position) int {
	x, _ := m.place(a)
	y, _ := m.place(b)
	return x - y
}

func (m *memory) Committed() <-chan struct{} { return m.committed.Next() }

func (m *memory) reads() (pages, heads int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pages, m.heads
}

// pipes is an in-memory network.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.TCPAddr{} }

// server serves a feed as a process does.
type server struct {
	*httpserver.Server
	t       *testing.T
	pipe    *pipes
	streams []*bufio.Reader
	seen    chan block
}

func serve(t *testing.T, log eventlog.Reader) *server {
	t.Helper()
	e := httpserver.NewEngine()
	httpserver.Get(e, "/v1/events/accounts", httpserver.Handle(feed.New("accounts", log).Get))
	s := &server{
		Server: httpserver.NewServer(0, e, zap.NewNop()), t: t, seen: make(chan block),
		pipe: &pipes{conns: make(chan net.Conn), closed: make(chan struct{})},
	}
	s.Serve(s.pipe, func(err error) { t.Error(err) })
	return s
}

// stop stops the server and fails the test if it has to cut off a client.
func (s *server) stop() {
	s.t.Helper()
	for _, in := range s.streams { // a pipe has no buffer
		go func() { _, _ = io.Copy(io.Discard, in) }()
	}
	begun := time.Now()
	if err := s.Stop(context.WithoutCancel(s.t.Context())); err != nil || time.Since(begun) > 2*time.Second {
		s.t.Errorf("Stop: %v, after %v", err, time.Since(begun))
	}
}

// answer is an answer whose body the test may read.
type answer struct {
	status int
	header http.Header
	body   *bufio.Reader
	conn   net.Conn // the client's end
}

// open sends a GET request and returns when the answer begins.
func (s *server) open(query string, header ...string) answer {
	s.t.Helper()
	client, conn := net.Pipe()
	s.pipe.conns <- conn
	s.t.Cleanup(func() { _ = client.Close() })
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://concha/v1/events/accounts"+query, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	go func() { _ = req.Write(client) }()
	res, err := http.ReadResponse(bufio.NewReader(client), req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = res.Body.Close() })
	return answer{res.StatusCode, res.Header, bufio.NewReader(res.Body), client}
}

// block is one block of an event stream.
type block struct{ id, event, data, comment, retry string }

// next reads a block. It fails at the end of the stream.
func next(in *bufio.Reader) (b block, err error) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return b, err
		}
		if line == "\n" {
			return b, nil
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			b.id = value
		case "event":
			b.event = value
		case "data":
			b.data += value
		case "retry":
			b.retry = value
		case "":
			b.comment += ":"
		default:
			return b, fmt.Errorf("unknown line %q", line)
		}
	}
}

// wantEvents reads the events with these versions and skips heartbeats. It
// returns the last id.
func wantEvents(t *testing.T, in *bufio.Reader, from, to int) (id string) {
	t.Helper()
	for version := from; version <= to; {
		b, err := next(in)
		if err != nil {
			t.Fatalf("before version %d: %v", version, err)
		}
		if b.data == "" {
			continue
		}
		var e struct {
			ID, Type, Cursor string
		}
		if err := json.Unmarshal([]byte(b.data), &e); err != nil {
			t.Fatalf("%v: %s", err, b.data)
		}
		if want := fmt.Sprintf("account/1/%d", version); e.ID != want || e.Type != b.event || e.Cursor != b.id {
			t.Fatalf("the event is %+v, want version %d", b, version)
		}
		id = b.id
		version++
	}
	return id
}

func (a answer) text(t *testing.T) string {
	t.Helper()
	body, err := io.ReadAll(a.body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

package feed_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
)

// stream opens an event stream.
func (s *server) stream(query string, header ...string) *bufio.Reader {
	s.t.Helper()
	a := s.open(query, append(header, "Accept", "text/event-stream")...)
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "text/event-stream" ||
		a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Accel-Buffering") != "no" {
		s.t.Fatalf("answered %d, %v", a.status, a.header)
	}
	s.streams = append(s.streams, a.body)
	if b, err := next(a.body); err != nil || b.retry != "1000" || b.id != "" || b.data != "" {
		s.t.Fatalf("the stream begins with %+v, %v", b, err)
	}
	return a.body
}

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		s := serve(t, log)
		log.add(250)
		one := s.stream("")
		seventh := wantEvents(t, one, 1, 7)
		wantEvents(t, one, 8, 250)

		log.add(3)
		log.committed.Notify()
		begun := time.Now()
		last := wantEvents(t, one, 251, 253)
		if took := time.Since(begun); took > 50*time.Millisecond {
			t.Errorf("a commit of this process took %v", took)
		}
		log.add(2)
		begun = time.Now()
		wantEvents(t, one, 254, 255)
		if took := time.Since(begun); took > 1100*time.Millisecond {
			t.Errorf("a commit of another process took %v", took)
		}

		wantEvents(t, s.stream("?after="+last), 254, 255)
		wantEvents(t, s.stream("?after="+last, "Last-Event-ID", seventh), 8, 255)
		wantEvents(t, s.stream("?since=2000-01-01T00:00:00Z", "Last-Event-ID", seventh), 8, 255)
		wantEvents(t, s.stream("?since=2000-01-01T00:00:00Z"), 1, 255)
		s.stop()
	})
}

// A client returns after a long time in which hardly anything happened.
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		s := serve(t, log)
		log.add(1)
		in := s.stream("")
		id := wantEvents(t, in, 1, 1)
		begun := time.Now()
		const beats = 240 // an hour, well above the deadlines of the server
		for n := range beats {
			b, err := next(in)
			if err != nil || b.comment == "" || b.id == "" || b.data != "" || b.event != "" {
				t.Fatalf("heartbeat %d is %+v, %v", n, b, err)
			}
			if b.id == id && n > 0 {
				t.Fatalf("heartbeat %d has the cursor of the one before", n)
			}
			id = b.id
		}
		if every := time.Since(begun) / beats; every.Round(time.Second/10) != 15*time.Second {
			t.Errorf("a heartbeat every %v", every)
		}
		log.add(1)
		wantEvents(t, in, 2, 2)
		wantEvents(t, s.stream("", "Last-Event-ID", id), 2, 2)
		s.stop()
	})
}

// A client that reads late receives a heartbeat that is due and a change at
// once. The cursor of the heartbeat must not skip the change. Which of the two
// the stream handles first is random, so there are several streams.
func TestHeartbeatAndChangeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		s := serve(t, log)
		log.add(1)
		var ins []*bufio.Reader
		for range 20 {
			in := s.stream("")
			wantEvents(t, in, 1, 1)
			ins = append(ins, in)
		}
		time.Sleep(16 * time.Second) // the first heartbeat is on its way
		log.add(1)
		log.committed.Notify()
		time.Sleep(15 * time.Second) // the log has been polled again, and the second heartbeat is due
		var wg sync.WaitGroup
		for _, in := range ins {
			wg.Go(func() { wantEvents(t, in, 2, 3) })
		}
		time.Sleep(5 * time.Second)
		log.add(1)
		log.committed.Notify()
		wg.Wait()
		s.stop()
	})
}

// Streams of an idle log cause one poll a second together, and none after they
// have ended. A change is read once for all of them.
func TestManyStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients = 100
		log := &memory{}
		s := serve(t, log)
		log.add(1)
		var ins []*bufio.Reader
		for range clients {
			ins = append(ins, s.stream(""))
		}
		all := func(version int) {
			t.Helper()
			var wg sync.WaitGroup
			for _, in := range ins {
				wg.Go(func() { wantEvents(t, in, version, version) })
			}
			wg.Wait()
		}
		all(1)
		for _, in := range ins {
			go func() {
				for {
					if b, err := next(in); err != nil || b.data != "" {
						s.seen <- b
						return
					}
				}
			}()
		}
		time.Sleep(2 * time.Second) // the first poll is over
		pages, heads := log.reads()
		time.Sleep(time.Minute)
		if p, h := log.reads(); p != pages || h-heads > 61 {
			t.Errorf("%d pages read and %d looks taken in a minute in which nothing happened", p-pages, h-heads)
		}
		log.add(1)
		log.committed.Notify()
		for range clients {
			if b := <-s.seen; !strings.Contains(b.data, "account/1/2") {
				t.Fatalf("a client got %+v", b)
			}
		}
		if p, _ := log.reads(); p != pages+1 {
			t.Errorf("%d reads for one event", p-pages)
		}
		s.stop()
	})
}

// Streams share a read only if their clients use the API under the same name.
func TestStreamsUnderSeveralNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		s := serve(t, log)
		log.add(1)
		ins := map[string]*bufio.Reader{}
		for _, name := range []string{"one.example.com", "two.example.com"} {
			ins[name] = s.stream("", "X-Forwarded-Host", name, "X-Forwarded-Proto", "https")
			wantEvents(t, ins[name], 1, 1)
		}
		log.add(1)
		log.committed.Notify()
		for name, in := range ins {
			if b, err := next(in); !strings.Contains(b.data, `"dataschema":"https://`+name+`/schemas/`) {
				t.Errorf("under %s comes %+v, %v", name, b, err)
			}
		}
		s.stop()
	})
}

var errDown = fault.New(fault.Unavailable, "unavailable", "down")

func TestStreamThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{failing: errDown}
		s := serve(t, log)
		a := s.open("", "Accept", "text/event-stream")
		if a.status != http.StatusServiceUnavailable || !strings.Contains(a.text(t), "/problems/unavailable") {
			t.Errorf("answered %d before it began", a.status)
		}
		log.failing = nil
		log.add(1)
		in := s.stream("")
		id := wantEvents(t, in, 1, 1)
		log.mu.Lock()
		log.failing = errDown
		log.mu.Unlock()
		log.committed.Notify()
		if b, err := next(in); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%+v, %v; want it cut off, so that the client comes back", b, err)
		}
		log.failing = nil
		log.add(1)
		wantEvents(t, s.stream("", "Last-Event-ID", id), 2, 2)
		s.stop()
	})
}

// A client that does not read is dropped, and does not hold up others.
func TestStreamThatIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		s := serve(t, log)
		stuck := s.open("", "Accept", "text/event-stream").conn
		in := s.stream("")
		log.add(300)
		log.committed.Notify()
		begun := time.Now()
		wantEvents(t, in, 1, 300)
		if took := time.Since(begun); took > 100*time.Millisecond {
			t.Errorf("another client waited %v", took)
		}
		time.Sleep(31 * time.Second)
		synctest.Wait()
		_ = stuck.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := io.Copy(io.Discard, stuck); err != nil {
			t.Errorf("at the end of what it was sent: %v, want that it was dropped", err)
		}
		s.stop()
	})
}

// A client that reads slowly is not dropped.
func TestStreamThatIsReadSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const events = 200
		log := &memory{}
		s := serve(t, log)
		in := s.stream("")
		log.add(events)
		log.committed.Notify()
		for i := 1; i <= events; i++ {
			wantEvents(t, in, i, i)
			time.Sleep(time.Second)
		}
		s.stop()
	})
}

func TestStreamOfAClientThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		s := serve(t, log)
		log.add(1)
		a := s.open("", "Accept", "text/event-stream")
		wantEvents(t, a.body, 1, 1)
		_ = a.conn.Close()
		synctest.Wait()
		_, before := log.reads()
		time.Sleep(time.Hour)
		if _, heads := log.reads(); heads != before {
			t.Errorf("%d looks at the log for nobody", heads-before)
		}
		s.stop()
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		s := serve(t, log)
		log.add(1)
		in := s.stream("")
		id := wantEvents(t, in, 1, 1)
		poll := make(chan string)
		go func() {
			poll <- s.open("?wait=30&after=" + id).text(t)
		}()
		time.Sleep(time.Second)
		begun, stopped := time.Now(), make(chan error)
		go func() { stopped <- s.Stop(context.WithoutCancel(t.Context())) }()
		if _, err := next(in); !errors.Is(err, io.EOF) {
			t.Errorf("the stream: %v, want that it ends well", err)
		}
		if body := <-poll; body != "[]" {
			t.Errorf("the long poll is answered %s", body)
		}
		if err := <-stopped; err != nil || time.Since(begun) > 2*time.Second {
			t.Errorf("Stop: %v, after %v", err, time.Since(begun))
		}
	})
}

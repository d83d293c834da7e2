package feed_test

import (
	"bufio"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concha-labs/backend/pkg/events"
)

// The log is read as often for many followers of a busy log as for a few, and
// every event is read about once.
func TestReadsOfManyFollowers(t *testing.T) {
	const rounds, each = 20, 10
	read := func(clients int) (pages, returned int) {
		synctest.Test(t, func(t *testing.T) {
			log := &memory{}
			s := serve(t, log)
			var streams []*bufio.Reader
			for range clients {
				streams = append(streams, s.stream(""))
			}
			synctest.Wait()
			before, _ := log.reads()
			var wg sync.WaitGroup
			for i, in := range streams {
				wg.Go(func() { // at different speeds
					for n := range rounds {
						wantEvents(t, in, n*each+1, (n+1)*each)
						time.Sleep(time.Duration(i) * 100 * time.Microsecond)
					}
				})
			}
			for range rounds {
				log.add(each)
				log.committed.Notify()
				time.Sleep(20 * time.Millisecond)
			}
			wg.Wait()
			after, _ := log.reads()
			pages, returned = after-before, log.returned
			s.stop()
		})
		return pages, returned
	}
	few, _ := read(3)
	many, returned := read(30)
	if many > few+5 || few > rounds+5 || returned > rounds*each+each {
		t.Errorf("%d reads of %d events for many followers, %d reads for a few", many, returned, few)
	}
}

// A follower that falls further behind than the ring receives every event: the
// missing ones are read from the log.
func TestFollowerBehindTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const large, count = 200 << 10, 25 // in all more than the ring holds
		log := &memory{}
		s := serve(t, log)
		slow, fast := s.stream(""), s.stream("")
		synctest.Wait()
		for n := range count {
			log.append(events.AccountUpdatedV1, `{"a":"`+strings.Repeat("x", large)+`"}`)
			log.committed.Notify()
			wantEvents(t, fast, n+1, n+1)
		}
		wantEvents(t, slow, 1, count)
		log.add(1)
		log.committed.Notify()
		wantEvents(t, slow, count+1, count+1)
		wantEvents(t, fast, count+1, count+1)
		s.stop()
	})
}

// After the deletion of a resource, the ring does not contain what was erased
// from the log.
func TestErasureReachesTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		s := serve(t, log)
		slow, fast := s.stream(""), s.stream("")
		synctest.Wait()
		const count = 50
		for n := range count { // more than the buffers of a connection hold
			log.append(events.AccountUpdatedV1, `{"secret":"`+strings.Repeat("x", 4<<10)+`"}`)
			log.committed.Notify()
			wantEvents(t, fast, n+1, n+1)
		}
		log.redact()
		log.append(events.AccountDeletedV1, `{"id":1}`)
		log.committed.Notify()
		wantEvents(t, fast, count+1, count+1)
		secrets := 0
		for range count {
			b, err := next(slow)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(b.data, "secret") {
				secrets++
			}
		}
		if secrets > 5 {
			t.Errorf("%d events are sent after they were erased", secrets)
		}
		wantEvents(t, slow, count+1, count+1)
		s.stop()
	})
}

// A client that polls at the end of a log that others follow causes no read.
func TestPollsOfAFollowedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		s := serve(t, log)
		log.add(1)
		in := s.stream("")
		wantEvents(t, in, 1, 1)
		cursor := s.open("?wait=1").header.Get("Concha-Feed-Cursor")
		synctest.Wait()
		before, _ := log.reads()
		const events = 20
		for n := range events {
			answered := make(chan answer)
			go func() { answered <- s.open("?wait=30&after=" + cursor) }()
			synctest.Wait()
			log.add(1)
			log.committed.Notify()
			wantEvents(t, in, n+2, n+2)
			a := <-answered
			if body := a.text(t); strings.Count(body, "specversion") != 1 {
				t.Fatalf("answered %s", body)
			}
			cursor = a.header.Get("Concha-Feed-Cursor")
		}
		if after, _ := log.reads(); after-before > events {
			t.Errorf("%d reads for %d events", after-before, events)
		}
		s.stop()
	})
}

//go:build cloud

package e2e

import (
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// killsOfFleet is how many kills one fleet sees: the emulator of Pub/Sub keeps
// a thread for each ordering key, that of Spanner reads whole tables.
const killsOfFleet = 25

// TestThreeProcessesKilled kills replicas of the services at random moments
// while clients write, and interrupts Pub/Sub meanwhile. No answered write is
// lost, and a subscriber of the topics has the same content as the database,
// without a gap. The effects of the services' own subscriptions are left to
// TestKillNine, because the emulator goes on delivering to the connections of
// dead processes.
func TestThreeProcessesKilled(t *testing.T) {
	kills := killCount(t)
	for done := 0; done < kills; done += killsOfFleet {
		last := min(done+killsOfFleet, kills)
		if !t.Run(fmt.Sprintf("kills %d to %d", done+1, last), func(t *testing.T) { killFleet(t, last-done) }) {
			return
		}
	}
}

func killFleet(t *testing.T, kills int) {
	f := newFleet(t)
	f.run(t, "accounts", "provision")
	f.run(t, "audios", "provision")
	replicas := []*process{
		f.start(t, "accounts"), f.startAt(t, "accounts", freePort(t)),
		f.start(t, "audios"), f.startAt(t, "audios", freePort(t)),
	}
	gateway := f.start(t, "gateway",
		"CONCHA_ACCOUNTS_URL="+replicas[0].url+","+replicas[1].url, "CONCHA_AUDIOS_URL="+replicas[2].url+","+replicas[3].url)
	for _, r := range replicas {
		r.becomes(t, "/readyz", http.StatusOK)
	}
	gateway.becomes(t, "/readyz", http.StatusOK)
	accountEvents, audioEvents := f.listen(t, "account-events-v1"), f.listen(t, "audio-events-v1")

	load := newLoad(16)
	writers := len(load.writers)
	stop := load.keep(gateway.url, 50*time.Millisecond)
	defer stop()
	killed := 0
	for round := 0; killed < kills && !t.Failed(); round++ {
		switch round % 5 {
		case 1:
			f.broker.refuse()
		case 3:
			f.broker.hang()
		}
		moment()
		victims := []int{mathrand.IntN(len(replicas))}
		if mathrand.IntN(4) == 0 { // nobody is left of the service
			victims = append(victims, victims[0]^1)
		}
		for _, i := range victims {
			replicas[i].kill(t)
			killed++
		}
		moment()
		for _, i := range victims {
			replicas[i] = f.restart(t, replicas[i])
		}
		f.broker.restore()
		accountEvents.read(t)
		audioEvents.read(t)
	}
	moment()
	stop()
	begun := time.Now()
	load.reconcile(t, gateway.url)
	versions := load.versions()
	accountEvents.until(t, accountKind.subject, versions)
	audioEvents.until(t, audioKind.subject, versions)
	caughtUp := time.Since(begun)
	accountEvents.compare(t, gateway.url, accountKind, versions)
	audioEvents.compare(t, gateway.url, audioKind, versions)
	t.Logf("%d kills, %d resources, %d writes in doubt; %d and %d events, %d and %d of them came again; all were there %v after the last write",
		killed, len(versions), len(load.writers)-writers, accountEvents.taken, audioEvents.taken, accountEvents.duplicates, audioEvents.duplicates, caughtUp)
}

// moment waits for as long as a kill may come later.
func moment() { <-time.After(time.Duration(mathrand.Int64N(int64(300 * time.Millisecond)))) }

// restart starts a replica again, where it was.
func (f *fleet) restart(t *testing.T, p *process) *process {
	t.Helper()
	again := f.startAt(t, p.name, p.url[strings.LastIndexByte(p.url, ':')+1:])
	again.becomes(t, "/readyz", http.StatusOK)
	return again
}

// keep has the writers write on, each with a pause after a write, until stop is
// called. A write that gets no answer, or one that a server behind the one that
// answers is gone, is in doubt until reconcile: its writer leaves it at that, and
// another one takes its place.
func (l *load) keep(server string, pause time.Duration) (stop func()) {
	done := make(chan struct{})
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, w := range slices.Clone(l.writers) {
		wg.Go(func() {
			for w.err == nil {
				w.doubts = true
				if !w.step(server) && w.err == nil {
					mu.Lock()
					w = l.add(w.kind)
					mu.Unlock()
				}
				select {
				case <-time.After(pause):
				case <-done:
					return
				}
			}
		})
	}
	return sync.OnceFunc(func() { close(done); wg.Wait() })
}

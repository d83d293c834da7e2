package observability

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
	"github.com/concha-labs/backend/deploy/check/internal/system"
)

// TestLateEvent stops the broker and finds the cause as docs/operations.md says:
// the age of the oldest event, then the warning of the relay, which names the
// event.
func TestLateEvent(t *testing.T) {
	broker := newLink(t, system.Emulator(t, "PUBSUB_EMULATOR_HOST"))
	resources := system.Resources{
		Project: "late", Instance: "late", Buckets: map[string]string{"accounts": "late-images", "audios": "late-files"}, Broker: broker.address,
	}
	for _, service := range []string{"accounts", "audios"} {
		resources.Provision(t, service)
	}
	s := resources.Start(t)
	age := func() float64 { return value(t, s, `concha_relay_oldest_unpublished_age_seconds{log="accounts"}`) }
	create := func(email string) (id string) {
		status, account := s.Do(t, http.MethodPost, "/v1/accounts", fmt.Sprintf(`{"name":"Ann","email":%q,"address":""}`, email))
		found := accountID.FindStringSubmatch(account)
		if status != http.StatusCreated || found == nil {
			t.Fatalf("POST /v1/accounts: %d %s", status, account)
		}
		return found[1]
	}
	published := func(want float64) {
		system.Eventually(t, "the events are published", func() error {
			if n := value(t, s, `concha_relay_published_total{log="accounts"}`); n != want || age() != 0 {
				return fmt.Errorf("%v are, the oldest waits for %v s", n, age())
			}
			return nil
		})
	}
	create("early@example.com")
	published(1)

	broker.cut()
	id := create("late@example.com") // the broker is not needed for it
	system.Eventually(t, "the event is late", func() error {
		if age() < 1 {
			return fmt.Errorf("the oldest event waits for %v s", age())
		}
		return nil
	})
	const line = "events are not published, trying again"
	if !strings.Contains(repo.Read(t, document), "| `"+line+"` | the broker.") {
		t.Error("the runbook does not have the line")
	}
	warning := regexp.MustCompile(`"severity":"WARNING".*"message":"` + line + `".*"log":"accounts","shard":\d+,.*"event_id":"account/` + id + `/1"`)
	system.Eventually(t, "the relay warns", func() error {
		if !warning.MatchString(s.Said("accounts")) {
			return fmt.Errorf("it said %s", s.Said("accounts"))
		}
		return nil
	})

	broker.restore(t)
	published(2)
}

// value returns the value of a series of the service accounts, 0 if there is none.
func value(t *testing.T, s *system.System, series string) float64 {
	t.Helper()
	_, metrics := system.Do(t, http.MethodGet, "http://"+s.Admin["accounts"]+"/metrics", "")
	_, rest, _ := strings.Cut(metrics, "\n"+series+" ")
	text, _, _ := strings.Cut(rest, "\n")
	n, _ := strconv.ParseFloat(text, 64)
	return n
}

// link carries connections to a backend until it is cut.
type link struct {
	address, target string

	mu   sync.Mutex
	open []io.Closer // the listener and the connections
}

func newLink(t *testing.T, target string) *link {
	t.Helper()
	l := &link{address: "127.0.0.1:" + system.FreePort(t), target: target}
	l.restore(t)
	t.Cleanup(l.cut)
	return l
}

// restore carries connections.
func (l *link) restore(t *testing.T) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	l.add(listener)
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.target)
			if err != nil {
				_ = from.Close()
				continue
			}
			l.add(from, to)
			go func() { _, _ = io.Copy(to, from) }()
			go func() { _, _ = io.Copy(from, to) }()
		}
	}()
}

func (l *link) add(opened ...io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, opened...)
}

// cut ends all connections and refuses new ones.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		_ = c.Close()
	}
	l.open = nil
}

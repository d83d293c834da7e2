//go:build cloud

package e2e

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/events"
)

// TestEventsReplay publishes parts of a log again and compares them with the
// events of the live topic.
func TestEventsReplay(t *testing.T) {
	f := newFleet(t)
	f.provision(t, "accounts")
	live := f.listen(t, "account-events-v1")
	accounts := f.start(t, "accounts", append(withoutGateway(), "CONCHA_PUBLIC_URL="+f.url("accounts"))...) // as the replay reads it
	accounts.becomes(t, "/readyz", http.StatusOK)
	c := newClient(t, accounts.url)
	var ids []string
	for range 4 {
		id, _ := newAccount(c)
		ids = append(ids, id)
	}
	for i := range 20 {
		c.patch("/v1/accounts/"+ids[i%len(ids)], encode(map[string]any{"name": "Name " + strconv.Itoa(i)})).expect(200)
	}
	c.delete("/v1/accounts/" + ids[3]).expect(204)
	told := live.collect(t, 4+20+1)
	deleted := told["account/"+ids[3]]
	for i := range deleted[:len(deleted)-1] {
		deleted[i].Data = []byte(events.Redacted) // by now
	}

	one := "account/" + ids[1]
	from, to := told[one][2].Attributes["ce-time"], told[one][4].Attributes["ce-time"]
	between := func(m message) bool {
		at := instant(c, m.Attributes["ce-time"])
		return !at.Before(instant(c, from)) && at.Before(instant(c, to))
	}
	for name, part := range map[string]struct {
		args []string
		has  func(message) bool
	}{
		"all":                  {[]string{"--from", "1h"}, func(message) bool { return true }},
		"of-a-subject":         {[]string{"--from", "1h", "--subject", one}, func(m message) bool { return m.OrderingKey == one }},
		"between":              {[]string{"--from", from, "--to", to}, between},
		"between-of-a-subject": {[]string{"--from", from, "--to", to, "--subject", one}, func(m message) bool { return m.OrderingKey == one && between(m) }},
		"nothing":              {[]string{"--from", "2h", "--to", "1h"}, func(message) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			want, count := replayed(told, part.has)
			f.createTopic(t, name)
			topic := f.listen(t, name)
			if out, code := f.replay(t, name, part.args...); code != 0 || out != strconv.Itoa(count)+" events are published\n" {
				t.Fatalf("exit code %d: %s", code, out)
			}
			if diff := cmp.Diff(want, topic.collect(t, count)); diff != "" {
				t.Errorf("-live +replayed:\n%s", diff)
			}
		})
	}
	t.Run("no topic", func(t *testing.T) {
		if out, code := f.replay(t, "nowhere", "--from", "1h"); code != 1 || !strings.Contains(out, "projects/"+f.project+"/topics/nowhere") || !strings.Contains(out, "run it again") {
			t.Errorf("exit code %d: %s", code, out)
		}
	})
	for _, m := range live.pull(t) {
		if m.Attributes["ce-replayed"] != "" { // and not one that is delivered again
			t.Errorf("on the live topic: %v", m)
		}
	}
}

// replayed returns those messages of each key, marked as replayed, and how many
// there are.
func replayed(told map[string][]message, has func(message) bool) (marked map[string][]message, count int) {
	marked = map[string][]message{}
	for key, messages := range told {
		for _, m := range messages {
			if has(m) {
				m.Attributes = maps.Clone(m.Attributes)
				m.Attributes["ce-replayed"] = "true"
				marked[key] = append(marked[key], m)
				count++
			}
		}
	}
	return marked, count
}

// replay runs events replay against the accounts service and returns its
// output.
func (f *fleet) replay(t *testing.T, topic string, args ...string) (out string, code int) {
	t.Helper()
	args = append([]string{"events", "replay", "accounts", "--url", f.url("accounts"), "--project", f.project, "--topic", topic}, args...)
	said, err := concha(t, []string{"PUBSUB_EMULATOR_HOST=" + f.broker.address()}, args...).CombinedOutput()
	return string(said), exitCode(t, err)
}

// collect reads until so many events have come, and returns those of each
// ordering key in the order in which they came first.
func (l *listener) collect(t *testing.T, count int) map[string][]message {
	t.Helper()
	collected, seen := map[string][]message{}, map[string]bool{}
	for begun := time.Now(); len(seen) < count; {
		for _, m := range l.pull(t) {
			if id := m.Attributes["ce-id"]; !seen[id] {
				seen[id] = true
				collected[m.OrderingKey] = append(collected[m.OrderingKey], m)
			}
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("%d events came, want %d", len(seen), count)
		}
	}
	return collected
}

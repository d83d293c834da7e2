package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/httpserver"
)

// reconciled is how long the effect of a lost message may take.
const reconciled = 100 * time.Second

// TestLostDeletion deletes an account in a process that publishes the event to
// another bus than that of audios, as if the message had been lost. The account's
// sessions are removed nevertheless.
func TestLostDeletion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startProgram(t, dir)
	gone, kept := p.accountWithSession(t, 1), p.accountWithSession(t, 2)
	if code, _ := p.stop(t); code != 0 {
		t.Fatalf("exit code %d: %s", code, p.stderr)
	}
	deleteElsewhere(t, dir, gone)

	p = startProgram(t, dir)
	p.awaitGone(t, reconciled, 1)
	p.request(t, "GET", "/v1/audios/2", "", nil, http.StatusOK)
	p.request(t, "GET", fmt.Sprintf("/v1/accounts/%d", kept), "", nil, http.StatusOK)
	p.request(t, "POST", "/v1/audios", "application/json", []byte(sessionOf(3, gone)), http.StatusBadRequest)
	eventually(t, "the log says what was repaired", func() bool { // after the removal
		log := p.stderr.String()
		return strings.Contains(log, "lost or are late") && strings.Contains(log, `"sessions_removed":1`)
	})
}

// deleteElsewhere runs the accounts service alone, without a subscription of
// audios, and deletes an account. It returns after the event was published.
func deleteElsewhere(t *testing.T, dir string, account int64) {
	t.Helper()
	handler, b, stop := accountsAlone(t, dir)
	receiving, enough := context.WithCancel(t.Context())
	published, received := make(chan struct{}), make(chan error, 1)
	go func() {
		received <- b.Subscriber(events.AccountsTopic, "test").Receive(receiving, func(_ context.Context, m bus.Message) error {
			if m.Attributes["ce-type"] == events.AccountDeletedV1 {
				close(published)
			}
			return nil
		})
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, fmt.Sprintf("http://accounts/v1/accounts/%d", account), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := httpserver.InProcess{Handler: handler}.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatalf("delete the account: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	select {
	case <-published:
	case <-time.After(time.Minute):
		t.Fatal("the deletion is not published within a minute")
	}
	stop()
	enough()
	if err := <-received; err != nil {
		t.Fatal(err)
	}
}

func sessionOf(session, account int64) string {
	return fmt.Sprintf(`{"session_id":%d,"account_id":%d,"ticks":%s,"selected_tick":3,"step_count":4}`,
		session, account, encode(slices.Repeat([]float64{-50}, 15)))
}

// accountWithSession creates an account and a session of it.
func (p *program) accountWithSession(t *testing.T, session int64) (account int64) {
	t.Helper()
	var created struct{ ID int64 }
	if err := json.Unmarshal([]byte(p.request(t, "POST", "/v1/accounts", "application/json", []byte(profile("Jo", uniqueEmail(), "1 Way")), http.StatusCreated)), &created); err != nil {
		t.Fatal(err)
	}
	p.request(t, "POST", "/v1/audios", "application/json", []byte(sessionOf(session, created.ID)), http.StatusCreated)
	return created.ID
}

// awaitGone waits until the sessions are gone.
func (p *program) awaitGone(t *testing.T, limit time.Duration, sessions ...int64) {
	t.Helper()
	for begun := time.Now(); len(sessions) > 0; {
		sessions = slices.DeleteFunc(sessions, func(id int64) bool {
			resp, err := http.Get(fmt.Sprintf("%s/v1/audios/%d", p.url, id))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			return resp.StatusCode == http.StatusNotFound
		})
		if len(sessions) > 0 && time.Since(begun) > limit {
			t.Fatalf("sessions %v of deleted accounts are still there after %v: %s", sessions, limit, p.stderr)
		}
		<-time.After(100 * time.Millisecond)
	}
}

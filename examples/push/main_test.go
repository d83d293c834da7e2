package main

import (
	"bytes"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/events/eventstest"
)

func TestPushedEventsAreHandledOnce(t *testing.T) {
	var out bytes.Buffer
	log.SetOutput(&out)
	h := newHandler()
	list := eventstest.Events()
	for range 2 {
		for _, e := range list {
			r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(e.Data))
			for name, value := range e.Attributes(eventstest.Origin) {
				r.Header.Set(name, value)
			}
			r.Header.Set("X-Goog-Pubsub-Ordering-Key", e.Subject)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusNoContent {
				t.Errorf("%s: %d %s", e.ID(), w.Code, w.Body)
			}
		}
	}
	for _, want := range []string{"session 0 is at step 1, tick 5", "session 0 is at step 2, tick 5", "session 0 is gone"} {
		if n := strings.Count(out.String(), want); n != 1 {
			t.Errorf("%q is told %d times:\n%s", want, n, out.String())
		}
	}
}

func TestOtherRequestsAreSkipped(t *testing.T) {
	w := httptest.NewRecorder()
	newHandler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("hello")))
	if w.Code != http.StatusNoContent {
		t.Errorf("%d", w.Code)
	}
}

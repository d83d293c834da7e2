package feed_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"

	"github.com/concha-labs/backend/pkg/longwork"
)

// Encoding a long page takes a turn of package longwork, so that many of them do not
// hold up short requests. A short page takes none.
func TestLongPagesTakeTurns(t *testing.T) {
	s := start(t)
	s.tell("account/1", 100)
	occupied, over := make(chan struct{}), make(chan struct{})
	turns := max(1, runtime.GOMAXPROCS(0)-1)
	var others sync.WaitGroup
	for range turns {
		others.Go(func() {
			_ = longwork.Do(t.Context(), func() error {
				occupied <- struct{}{}
				<-over
				return nil
			})
		})
		<-occupied
	}
	get := func(ctx context.Context, limit string) int {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/events/accounts?limit="+limit, http.NoBody))
		return w.Code
	}
	leaving, leave := context.WithCancel(t.Context())
	long := make(chan int)
	go func() { long <- get(leaving, "100") }()
	if status := get(t.Context(), "99"); status != http.StatusOK {
		t.Errorf("a short page: %d", status)
	}
	leave()
	if status := <-long; status == http.StatusOK {
		t.Error("a long page did not wait for its turn")
	}
	close(over)
	others.Wait()
	if status := get(t.Context(), "100"); status != http.StatusOK {
		t.Errorf("a long page in its turn: %d", status)
	}
}

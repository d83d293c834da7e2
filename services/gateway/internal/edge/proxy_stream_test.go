package edge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/httpserver"
)

func TestProxyHoldsNothingBackOfAnEventStream(t *testing.T) {
	next := make(chan string)
	target := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		control := http.NewResponseController(w)
		for {
			if err := control.Flush(); err != nil {
				return
			}
			select {
			case event := <-next:
				_, _ = fmt.Fprintf(w, "data: %s\n\n", event)
			case <-r.Context().Done():
				return
			}
		}
	})
	p := NewProxy("service", addresses(t, target))
	server := httpserver.NewServer(0, New(Config{Accounts: p, Audios: p}), zap.NewNop())
	if err := server.Start(t.Context(), func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	r := request(t, http.MethodGet, "http://"+server.Addr()+"/v1/events/accounts", nil)
	res, err := http.DefaultTransport.RoundTrip(r) // returns before the first event
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	in := bufio.NewReader(res.Body)
	for _, want := range []string{"one", "two"} {
		next <- want
		line, err := in.ReadString('\n')
		if err != nil || line != "data: "+want+"\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Stop(t.Context()); err != nil { // must not wait for the stream
		t.Fatal(err)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestProxyStreamOutlivesTheServersDeadlines(t *testing.T) {
	const deadline = time.Second
	target := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		for start := time.Now(); time.Since(start) < 2*deadline; {
			if _, err := io.WriteString(w, "data: x\n\n"); err != nil || control.Flush() != nil {
				return
			}
			<-time.After(deadline / 20)
		}
		_, _ = io.WriteString(w, "data: end\n\n")
	})
	s := httptest.NewUnstartedServer(NewProxy("service", addresses(t, target)))
	s.Config.ReadTimeout, s.Config.WriteTimeout = deadline, deadline
	s.Start()
	t.Cleanup(s.Close)
	res := do(t, request(t, http.MethodGet, s.URL, nil))
	if res.err != nil || !strings.HasSuffix(res.body, "data: end\n\n") {
		t.Errorf("%v, %d bytes", res.err, len(res.body))
	}
}

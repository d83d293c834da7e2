package httpserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func start(t *testing.T, h http.HandlerFunc) *Server {
	t.Helper()
	s := NewServer(0, h, zap.NewNop())
	if err := s.Start(t.Context(), func(err error) { t.Errorf("died: %v", err) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.http.Close() })
	return s
}

func TestServerSpeaksBothProtocols(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
	for proto, set := range map[string]func(*http.Protocols){
		"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
		"HTTP/2.0": func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) },
	} {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		set(transport.Protocols)
		defer transport.CloseIdleConnections()
		res, err := (&http.Client{Transport: transport}).Get("http://" + s.Addr() + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if string(body) != proto || err != nil || res.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %q, %v, header %v", proto, body, err, res.Header)
		}
	}
}

func TestServerLogsNoAddressOfAClient(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	s := NewServer(0, http.NotFoundHandler(), zap.New(core))
	for _, client := range []string{"192.0.2.7:4242", "[2001:db8::7]:4242", "[fe80::1%eth0]:4242"} {
		s.http.ErrorLog.Printf("http2: server connection error from %s: PROTOCOL_ERROR", client)
		if line := logs.TakeAll(); len(line) != 1 || line[0].Message != "http2: server connection error from a client: PROTOCOL_ERROR" {
			t.Errorf("log %v", line)
		}
	}
}

func TestServerRefusesATakenPort(t *testing.T) {
	s := start(t, func(http.ResponseWriter, *http.Request) {})
	var port int
	if _, err := fmt.Sscanf(s.Addr(), "localhost:%d", &port); err != nil {
		t.Fatal(err)
	}
	err := NewServer(port, http.NotFoundHandler(), zap.NewNop()).Start(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "is taken: stop the program that listens there, or set PORT to another") {
		t.Errorf("err = %v", err)
	}
}

func TestServerCutsASlowBody(t *testing.T) {
	result := make(chan error, 1)
	s := NewServer(0, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		result <- err
		WriteError(w, r, ErrMalformed)
	}), zap.NewNop())
	s.http.ReadTimeout = 50 * time.Millisecond
	if err := s.Start(t.Context(), func(error) {}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.http.Close() }()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err == nil {
		t.Error("the body was read to its end")
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestServerStopFinishesWhatIsUnderWay(t *testing.T) {
	entered := make(chan struct{})
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-Stopping(r.Context())
		_, _ = io.WriteString(w, "whole")
	})
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + s.Addr() + "/")
		if err != nil {
			answer <- err.Error()
			return
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		answer <- string(body)
	}()
	<-entered
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if got := <-answer; got != "whole" {
		t.Errorf("answer %q", got)
	}
	if _, err := net.Dial("tcp", s.Addr()); err == nil {
		t.Error("the port still takes connections")
	}
	for _, path := range []string{"/readyz", ReadyPath} {
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "the process is stopping") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestServerStopIsAnnounced sends requests on new connections while another one
// is in flight.
func TestServerStopIsAnnounced(t *testing.T) {
	entered, finish := make(chan struct{}), make(chan struct{})
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			close(entered)
			<-finish
		}
		_, _ = io.WriteString(w, "whole")
	})
	s.drainFor, s.noticeFor = time.Minute, time.Minute // the test ends it earlier
	get := func(path string) (status int, body string, closes bool) {
		transport := &http.Transport{} // a connection of its own
		defer transport.CloseIdleConnections()
		res, err := (&http.Client{Transport: transport}).Get("http://" + s.Addr() + path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		return res.StatusCode, string(text), res.Close
	}
	answered := make(chan string, 1)
	go func() {
		_, body, _ := get("/long")
		answered <- body
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.WithoutCancel(t.Context())) }()
	<-s.stopping
	status, body, closes := get("/readyz")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "the process is stopping") || !closes {
		t.Errorf("readyz: %d %s, closes: %v", status, body, closes)
	}
	if status, body, closes := get("/"); status != http.StatusOK || body != "whole" || !closes {
		t.Errorf("another request: %d %s, closes: %v", status, body, closes)
	}
	select {
	case err := <-stopped:
		t.Errorf("stopped before the request ended: %v", err)
	default:
	}
	close(finish)
	if body := <-answered; body != "whole" {
		t.Errorf("answer %q", body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestServerStopTakesConnectionsNoLongerThanTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(0, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(3 * time.Second)
			w.WriteHeader(http.StatusNoContent)
		}), zap.NewNop())
		listener := make(oneConn)
		s.Serve(listener, func(err error) { t.Errorf("died: %v", err) })
		conn, far := net.Pipe()
		listener <- far
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		begun := time.Now()
		go func() {
			if err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		<-listener // until it is closed
		if time.Since(begun) != noticeTimeout {
			t.Errorf("connections were taken for %v", time.Since(begun))
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusNoContent || !res.Close {
			t.Errorf("status %d, closes: %v", res.StatusCode, res.Close)
		}
		time.Sleep(time.Second)
	})
}

// TestServerStopAnswersOnIdleConnections sends a request on a connection that was
// idle when the server began to stop.
func TestServerStopAnswersOnIdleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(0, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), zap.NewNop())
		listener := make(oneConn)
		s.Serve(listener, func(err error) { t.Errorf("died: %v", err) })
		conn, far := net.Pipe()
		listener <- far
		answers := bufio.NewReader(conn)
		ask := func() (status int, closes bool) {
			if _, err := io.WriteString(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			return res.StatusCode, res.Close
		}
		if _, closes := ask(); closes {
			t.Error("the connection is closed before the server stops")
		}
		begun := time.Now()
		go func() {
			if err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(quiet - time.Millisecond)
		if status, closes := ask(); status != http.StatusNoContent || !closes {
			t.Errorf("status %d, closes: %v", status, closes)
		}
		<-listener // until it is closed
		if took := time.Since(begun); took != 2*quiet-time.Millisecond {
			t.Errorf("stopped after %v", took)
		}
	})
}

func TestServerAnswersOptionsOfAllAsAnythingElse(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) { WriteError(w, r, ErrNoRoute) })
	for _, head := range []string{"OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", "OPTIONS * HTTP/1.0\r\n\r\n"} {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, head); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusNotFound || res.Header.Get("X-Request-Id") == "" {
			t.Errorf("status %d, header %v", res.StatusCode, res.Header)
		}
		// The request has no host.
		if want := `"type":"http://` + conn.RemoteAddr().String() + `/problems/no-such-route"`; !strings.Contains(string(body), want) {
			t.Errorf("%s without %s", body, want)
		}
	}
}

func TestServerStopCutsWhatTakesTooLong(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	entered := make(chan struct{})
	s := NewServer(0, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}), zap.New(core))
	s.drainFor = 10 * time.Millisecond
	if err := s.Start(t.Context(), func(err error) { t.Errorf("died: %v", err) }); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := http.Get("http://" + s.Addr() + "/") //nolint:bodyclose // there is no answer
		failed <- err
	}()
	<-entered
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
	if got := logs.FilterMessage("requests were cut off").Len(); got != 1 {
		t.Errorf("log %v", logs.All())
	}
}

func TestServerTellsOfItsDeath(t *testing.T) {
	died := make(chan error, 1)
	s := NewServer(0, http.NotFoundHandler(), zap.NewNop())
	if err := s.Start(t.Context(), func(err error) { died <- err }); err != nil {
		t.Fatal(err)
	}
	_ = s.listener.Close()
	if err := <-died; !errors.Is(err, net.ErrClosed) {
		t.Errorf("died of %v", err)
	}
}

func TestStoppingOfAnotherContextNeverComes(t *testing.T) {
	if Stopping(t.Context()) != nil {
		t.Error("not nil")
	}
}

package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os/exec"
	"testing"
)

// TestMoreConnectionsThanDescriptors opens more connections than the process has file
// descriptors, each with a request. A third of the descriptors is for clients, others
// are refused, and health checks and open connections are still answered.
func TestMoreConnectionsThanDescriptors(t *testing.T) {
	t.Parallel()
	const descriptors = 256
	program := command(t, []string{"CONCHA_LOG_LEVEL=error"})
	limited := exec.CommandContext(t.Context(), "/bin/sh", "-c", "ulimit -n 256; exec "+program.Path)
	limited.Env, limited.Dir = program.Env, program.Dir
	c := newClient(t, launch(t, limited, t.TempDir()).url)
	ask := func(conn net.Conn, path string) (status int) {
		if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return 0
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	taken := map[int][]net.Conn{}
	for range descriptors + 50 {
		conn := c.dial()
		status := ask(conn, "/v1/accounts")
		taken[status] = append(taken[status], conn)
	}
	if n := len(taken[http.StatusOK]); n != descriptors/3 {
		t.Errorf("%d connections of %d descriptors are taken, want a third", n, descriptors)
	}
	if len(taken[http.StatusServiceUnavailable])+len(taken[http.StatusOK]) != descriptors+50 {
		t.Errorf("connections are answered otherwise: %d statuses", len(taken))
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if status := ask(c.dial(), path); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, conn := range taken[http.StatusOK] {
		if status := ask(conn, "/v1/accounts"); status != http.StatusOK {
			t.Fatalf("an open connection: %d", status)
		}
		_ = conn.Close()
	}
	eventually(t, "connections are taken again", func() bool { return ask(c.dial(), "/v1/accounts") == http.StatusOK })
}

// TestMoreStreamsThanDescriptors opens more streams than the process has file
// descriptors. A quarter of the connections is left to other requests.
func TestMoreStreamsThanDescriptors(t *testing.T) {
	t.Parallel()
	program := command(t, []string{"CONCHA_LOG_LEVEL=error"})
	limited := exec.CommandContext(t.Context(), "/bin/sh", "-c", "ulimit -n 256; exec "+program.Path)
	limited.Env, limited.Dir = program.Env, program.Dir
	c := newClient(t, launch(t, limited, t.TempDir()).url)
	open := map[int]int{}
	for range 300 {
		conn := c.dial() // stays open until the test ends
		if _, err := io.WriteString(conn, "GET /v1/events/accounts HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // it ends with its connection
		if err != nil {
			t.Fatal(err)
		}
		open[resp.StatusCode]++
	}
	if n := open[http.StatusOK]; n != 256/3*3/4 {
		t.Errorf("%d streams are open, want three quarters of the connections: %v", n, open)
	}
	if a := c.do(call{method: http.MethodGet, path: "/v1/accounts"}); a.status != http.StatusOK {
		t.Errorf("a list beside the streams: %d %s", a.status, a.body)
	}
}

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestBodiesShareABudget runs against the service that reads the bodies, alone and
// behind a gateway of another process.
func TestBodiesShareABudget(t *testing.T) {
	t.Parallel()
	const budget = "CONCHA_BODY_MEMORY=32MiB"
	t.Run("all in one", func(t *testing.T) {
		t.Parallel()
		url, _ := startSystem(t, budget)
		testBudget(t, newClient(t, url))
	})
	t.Run("three processes", func(t *testing.T) {
		t.Parallel()
		testBudget(t, newClient(t, startThree(t, budget)))
	})
}

// testBudget sends images of 5 MiB to a process with memory for two, as they came and
// as they are kept. A third is refused before it is read, others go on, and two are
// taken again when the first two have ended.
func testBudget(t *testing.T, c *client) {
	t.Helper()
	id, _ := newAccount(c)
	const size = 5 << 20
	start := pngOf(10, 10)
	almost := start + strings.Repeat("\x00", size-1-len(start)) // without the last byte
	s := uploads{
		client:  c,
		head:    fmt.Sprintf("PUT /v1/accounts/%s/image HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n", id, size),
		answers: make(chan *upload, 10),
	}
	open := []*upload{s.send(almost), s.send(almost), s.send(almost)}
	refused := s.next(http.StatusServiceUnavailable)
	open = slices.DeleteFunc(open, func(u *upload) bool { return u == refused })
	s.send("") // not even the beginning is needed
	s.next(http.StatusServiceUnavailable)
	another, _ := newAccount(c)
	if status, _, problem := as(t, c.url, "", "PUT", "/v1/accounts/"+another+"/image", "image/png", start); status != http.StatusOK {
		t.Errorf("a small image beside the large ones: %d %s", status, problem)
	}
	for range 2 { // they go on, and their room is free again
		for _, u := range open {
			<-u.sent
			if _, err := io.WriteString(u.conn, "\x00"); err != nil {
				t.Error(err)
			}
			s.next(http.StatusOK)
		}
		open = []*upload{s.send(almost), s.send(almost)}
	}
}

// uploads are requests that do not end by themselves.
type uploads struct {
	*client
	head    string
	answers chan *upload
}

type upload struct {
	conn net.Conn
	sent chan struct{}
	*http.Response
}

// send sends the head and a body.
func (s uploads) send(body string) *upload {
	u := &upload{conn: s.dial(), sent: make(chan struct{})}
	go func() {
		defer close(u.sent)
		_, _ = io.WriteString(u.conn, s.head+body) // the server may stop reading
	}()
	go func() {
		var err error
		if u.Response, err = http.ReadResponse(bufio.NewReader(u.conn), nil); err == nil { //nolint:bodyclose // next closes it, or the end of the connection
			s.answers <- u
		}
	}()
	return u
}

// next returns the next one that is answered, and checks how.
func (s uploads) next(status int) *upload {
	s.t.Helper()
	select {
	case u := <-s.answers:
		defer u.Body.Close()
		body, err := io.ReadAll(u.Body)
		if u.StatusCode != status || (status == http.StatusServiceUnavailable && (u.Header.Get("Retry-After") == "" || !strings.Contains(string(body), "memory"))) {
			s.t.Errorf("answered %s %v %s, %v, want %d", u.Status, u.Header, body, err, status)
		}
		return u
	case <-time.After(15 * time.Second):
		s.t.Fatalf("no answer, want %d", status)
		return nil
	}
}

// startThree runs the system as three processes, each of them with SQLite and a folder
// of its own, until the test ends. It returns the URL of the gateway. The settings are
// those of all of them.
func startThree(t *testing.T, env ...string) (url string) {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	start := func(name string, own ...string) string {
		return startAt(t, filepath.Join(dir, name), append(own, env...))
	}
	service := func(name string) string {
		return start(name, "CONCHA_BACKEND=embedded", "CONCHA_TRUST_NETWORK=true", "CONCHA_DATA_DIR="+t.TempDir())
	}
	return start("gateway", "CONCHA_AUTH=none", "CONCHA_ALLOW_PUBLIC_UNAUTHENTICATED=true",
		"CONCHA_ACCOUNTS_URL="+service("accounts"), "CONCHA_AUDIOS_URL="+service("audios"))
}

// startAt runs a server of the public on a free port until the test ends, and returns
// its URL when it is ready.
func startAt(t *testing.T, path string, settings []string) (url string) {
	t.Helper()
	port := freePort(t)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"HOME=" + cmd.Dir, "PORT=" + port, "CONCHA_LOG_LEVEL=error", "CONCHA_ADMIN_PORT=0"}, settings...)
	p := begin(t, cmd, "http://localhost:"+port)
	t.Cleanup(func() {
		_ = p.process.Signal(syscall.SIGTERM)
		if code := p.wait(t); code != 0 {
			t.Errorf("%s: exit code %d, %v: %s", path, code, p.err, p.stderr)
		}
	})
	eventually(t, path+" is ready", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/readyz", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p.url
}

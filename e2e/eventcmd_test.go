package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tailing is events tail, running.
type tailing struct {
	lines   *bufio.Scanner
	stderr  *output
	process *os.Process
	wait    func() error
}

func startTail(t *testing.T, url string, args ...string) *tailing {
	t.Helper()
	cmd := concha(t, nil, append([]string{"events", "tail", "accounts", "--url", url}, args...)...)
	f := &tailing{stderr: new(output), wait: sync.OnceValue(cmd.Wait)}
	cmd.Stderr = f.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.lines, f.process = bufio.NewScanner(stdout), cmd.Process
	t.Cleanup(func() {
		_ = f.process.Kill() // or it has exited
		_ = f.wait()
	})
	return f
}

// next reports a line that does not end so.
func (f *tailing) next(t *testing.T, want string) {
	t.Helper()
	if !f.lines.Scan() || !strings.HasSuffix(f.lines.Text(), want) || strings.Contains(f.lines.Text(), "\x1b") {
		t.Fatalf("printed %q, want %q; stderr: %s", f.lines.Text(), want, f.stderr)
	}
}

// interrupt presses Ctrl-C. There must be no line left.
func (f *tailing) interrupt(t *testing.T) {
	t.Helper()
	if err := f.process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for f.lines.Scan() {
		t.Errorf("printed %q, too", f.lines.Text())
	}
	if code := exitCode(t, f.wait()); code != 0 {
		t.Errorf("exit code %d, stderr: %s", code, f.stderr)
	}
}

// TestEventsTail follows the feed of a running system through a proxy that
// breaks the connection.
func TestEventsTail(t *testing.T) {
	t.Parallel()
	origin, _ := startSystem(t)
	target, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	t.Cleanup(proxy.Close)
	c := newClient(t, origin)
	id, _ := newAccount(c)
	c.patch("/v1/accounts/"+id, `{"name": "Ann", "address": "2 Way"}`).expect(200)
	newAccount(c)

	f := startTail(t, proxy.URL, "--since", "1h", "--subject", "account/"+id)
	f.next(t, "  concha.account.created.v1  account/"+id+"  v1  name email address")
	f.next(t, "  concha.account.updated.v1  account/"+id+"  v2  name address")
	proxy.CloseClientConnections()
	c.patch("/v1/accounts/"+id, `{"name": "Bea"}`).expect(200)
	f.next(t, "  concha.account.updated.v1  account/"+id+"  v3  name")
	c.delete("/v1/accounts/" + id).expect(204)
	f.next(t, "  concha.account.deleted.v1  account/"+id+"  v4")
	f.interrupt(t)
	if strings.Count(f.stderr.String(), "again in") != 1 {
		t.Errorf("stderr: %s", f.stderr)
	}
}

// TestEventsSnapshot prints more than a page, and then follows exactly the
// changes since then.
func TestEventsSnapshot(t *testing.T) {
	t.Parallel()
	origin, _ := startSystem(t)
	c := newClient(t, origin)
	const accounts = 1001
	next, ids := make(chan struct{}), make(chan string, accounts)
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			for range next {
				ids <- c.json("POST", "/v1/accounts", profile("Jo", uniqueEmail(), "")).number("id")
			}
		})
	}
	for range accounts {
		next <- struct{}{}
	}
	close(next)
	writers.Wait()
	close(ids)
	var want []string
	for id := range ids {
		want = append(want, id)
	}

	cmd := concha(t, nil, "events", "snapshot", "accounts", "--url", origin)
	stdout, stderr := new(bytes.Buffer), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	var got []string
	var line struct {
		ID         json.Number
		Version    int
		FeedCursor string `json:"feed_cursor"`
	}
	for text := range strings.Lines(stdout.String()) {
		if err := json.Unmarshal([]byte(text), &line); err != nil || line.Version != 1 || line.FeedCursor != "" && len(got) < accounts {
			t.Fatalf("%v: %s", err, text)
		}
		if line.FeedCursor == "" {
			got = append(got, line.ID.String())
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	c.patch("/v1/accounts/"+want[0], `{"name": "Ann"}`).expect(200)
	f := startTail(t, origin, "--after", line.FeedCursor)
	f.next(t, fmt.Sprintf("  concha.account.updated.v1  account/%s  v2  name", want[0]))
	c.delete("/v1/accounts/" + want[1]).expect(204)
	id, _ := newAccount(c)
	f.next(t, fmt.Sprintf("  concha.account.deleted.v1  account/%s  v2", want[1]))
	f.next(t, fmt.Sprintf("  concha.account.created.v1  account/%s  v1  name email address", id))
	f.interrupt(t)
}

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
)

func TestWipeHelp(t *testing.T) {
	t.Parallel()
	cmd := concha(t, nil, "wipe", "--help")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if code := exitCode(t, cmd.Run()); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if help := stdout.String(); !strings.Contains(help, "accounts|audios") || !strings.Contains(help, "--url") || stderr.Len() > 0 {
		t.Errorf("prints %q, and on stderr %q", help, &stderr)
	}
}

// TestWipeIsStopped stops a wipe while the server is slow: it prints the number
// of deleted resources.
func TestWipeIsStopped(t *testing.T) {
	t.Parallel()
	stuck, lists := make(chan struct{}), 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		lists++
		if lists > 1 {
			close(stuck)
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"items":[{"id":1},{"id":2}],"next_page_token":"t"}`)
	}))
	t.Cleanup(server.Close)
	cmd := concha(t, nil, "wipe", "--url", server.URL, "accounts")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-stuck
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	code := exitCode(t, cmd.Wait())
	if text := stderr.String(); code != 1 || !strings.Contains(text, "terminated") || !strings.Contains(text, "2 are deleted") {
		t.Errorf("exit code %d, stderr: %s", code, text)
	}
}

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestBodiesShareABudget sends four images of 5 MiB that do not end to a process
// with memory for three, as they came and as they are kept: one is refused while it is sent. Small bodies are still
// accepted, and large ones are when the clients have left.
func TestBodiesShareABudget(t *testing.T) {
	t.Parallel()
	url, _ := startSystem(t, "CONCHA_BODY_MEMORY=32MiB")
	c := newClient(t, url)
	id, _ := newAccount(c)
	const size = 5 << 20
	start := pngOf(10, 10)
	almost := start + strings.Repeat("\x00", size-1-len(start)) // without the last byte
	head := fmt.Sprintf("PUT /v1/accounts/%s/image HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n", id, size)
	var conns []net.Conn
	refused := make(chan *http.Response, 4)
	for range cap(refused) {
		conn := c.dial()
		conns = append(conns, conn)
		go func() { _, _ = io.WriteString(conn, head+almost) }() // the server may stop reading
		go func() {
			if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil { //nolint:bodyclose // the receiver closes it, or the end of the connection
				refused <- resp
			}
		}()
	}
	select {
	case resp := <-refused:
		body, err := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.Contains(string(body), "memory") {
			t.Errorf("answered %s %v %s, %v", resp.Status, resp.Header, body, err)
		}
		resp.Body.Close()
	case <-time.After(15 * time.Second):
		t.Error("no body is refused")
	}
	newAccount(c)
	for _, conn := range conns {
		conn.Close()
	}
	eventually(t, "a large body is accepted again", func() bool {
		status, _, _ := as(t, url, "", "PUT", "/v1/accounts/"+id+"/image", "image/png", almost+"\x00")
		return status == http.StatusOK
	})
}

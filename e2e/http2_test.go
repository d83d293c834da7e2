package e2e

import (
	"bytes"
	"net/http"
	"net/http/httptrace"
	"testing"
)

// A refused body is only refused: the connection of HTTP/2, which carries other
// requests, stays open.
func TestRefusedBodiesOverHTTP2(t *testing.T) {
	t.Parallel()
	p := startProgram(t, t.TempDir())
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	connections := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if !info.Reused {
			connections++
		}
	}})
	for _, c := range []struct {
		path   string
		size   int
		status int
	}{
		{"/v1/audios", 2 << 20, http.StatusRequestEntityTooLarge},
		{"/v1/audios", 30 << 20, http.StatusRequestEntityTooLarge},
		{"/v1/nothing", 2 << 20, http.StatusNotFound},
		{"/v1/audios", 1, http.StatusBadRequest},
	} {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+c.path, bytes.NewReader(make([]byte, c.size)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		res, err := client.Do(r)
		if err != nil {
			t.Fatalf("%s with %d bytes: %v", c.path, c.size, err)
		}
		_ = res.Body.Close()
		if res.StatusCode != c.status || res.ProtoMajor != 2 {
			t.Errorf("%s with %d bytes: %s %d, want %d", c.path, c.size, res.Proto, res.StatusCode, c.status)
		}
	}
	if connections != 1 {
		t.Errorf("%d connections, want 1 for all requests", connections)
	}
}

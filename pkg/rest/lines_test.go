package rest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/httpserver"
)

// serveLines answers each request with pages.
func serveLines(t *testing.T, pages iter.Seq2[[]string, error]) *httptest.Server {
	e := httpserver.NewEngine()
	httpserver.Get(e, "/", func(c *gin.Context) {
		if err := ServeLines(c, pages, func(s string) any { return gin.H{"s": s} }); err != nil {
			httpserver.Fail(c, err)
		}
	})
	server := httptest.NewServer(httpserver.Process(e, zap.NewNop()))
	t.Cleanup(server.Close)
	return server
}

type reply struct {
	StatusCode int
	Header     http.Header
	Body       io.Reader
}

func get(t *testing.T, method, url string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return reply{res.StatusCode, res.Header, res.Body}
}

func TestServeLinesSendsEachPageAtOnce(t *testing.T) {
	next := make(chan []string)
	server := serveLines(t, func(yield func([]string, error) bool) {
		for page := range next {
			yield(page, nil)
		}
	})
	go func() { next <- []string{"<a>", "b"} }()
	res := get(t, http.MethodGet, server.URL)
	lines := bufio.NewReader(res.Body)
	for _, want := range []string{`{"s":"<a>"}`, `{"s":"b"}`} {
		if line, err := lines.ReadString('\n'); line != want+"\n" {
			t.Fatalf("line %q, %v, want %q", line, err, want)
		}
	}
	next <- []string{"c"} // not before the client has the first page
	close(next)
	if rest, err := io.ReadAll(lines); err != nil || string(rest) != `{"s":"c"}`+"\n" {
		t.Errorf("then %q, %v", rest, err)
	}
	if got := res.Header.Get("Content-Type"); got != ndjson {
		t.Errorf("Content-Type is %q", got)
	}
}

// oneConn is a listener that accepts the connections that are sent to it.
type oneConn chan net.Conn

func (l oneConn) Accept() (net.Conn, error) {
	conn, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l oneConn) Close() error   { close(l); return nil }
func (l oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// dial returns a connection to a server of h, which ends with the test.
func dial(t *testing.T, h http.Handler) net.Conn {
	s := httpserver.NewServer(0, h, zap.NewNop())
	listener := make(oneConn)
	s.Serve(listener, func(err error) { t.Error(err) })
	t.Cleanup(func() { _ = s.Stop(context.WithoutCancel(t.Context())) })
	conn, far := net.Pipe()
	listener <- far
	return conn
}

// TestServeLinesToASlowReader takes a minute for one page.
// A long page is sent in pieces of 4 KiB, each with a time limit of its own.
func TestServeLinesSendsPieces(t *testing.T) {
	page := slices.Repeat([]string{strings.Repeat("x", 100)}, 500)
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	pieces := &pieces{ResponseWriter: c.Writer}
	c.Writer = pieces
	if err := ServeLines(c, func(yield func([]string, error) bool) { yield(page, nil) }, func(s string) any { return s }); err != nil {
		t.Fatal(err)
	}
	for i, size := range pieces.sizes {
		if last := i == len(pieces.sizes)-1; size > 4<<10 || !last && size < 4<<10 {
			t.Errorf("piece %d of %d has %d bytes, want 4 KiB", i+1, len(pieces.sizes), size)
		}
	}
	if want := 500*103/(4<<10) + 1; len(pieces.sizes) != want {
		t.Errorf("%d pieces, want %d", len(pieces.sizes), want)
	}
}

// pieces notes the sizes of writes.
type pieces struct {
	gin.ResponseWriter
	sizes []int
}

func (p *pieces) Write(piece []byte) (int, error) {
	p.sizes = append(p.sizes, len(piece))
	return p.ResponseWriter.Write(piece)
}

func TestServeLinesToASlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lines, length = 60, 20_000
		e := httpserver.NewEngine()
		httpserver.Get(e, "/", func(c *gin.Context) {
			page := slices.Repeat([]string{strings.Repeat("x", length)}, lines)
			if err := ServeLines(c, func(yield func([]string, error) bool) { yield(page, nil) }, func(s string) any { return s }); err != nil {
				t.Error(err)
			}
		})
		conn := dial(t, e)
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		for in := bufio.NewReader(res.Body); ; {
			line, err := in.ReadString('\n')
			if err == io.EOF {
				break
			}
			if err != nil || len(line) != length+len(`""`+"\n") {
				t.Fatalf("%d bytes, %v", len(line), err)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestServeLinesThatFailLaterAreCutOff(t *testing.T) {
	server := serveLines(t, func(yield func([]string, error) bool) {
		_ = yield([]string{"a"}, nil) && yield(nil, errors.New("gone"))
	})
	if body, err := io.ReadAll(get(t, http.MethodGet, server.URL).Body); err == nil || string(body) != `{"s":"a"}`+"\n" {
		t.Errorf("%q, %v, want the first page and an error", body, err)
	}
}

func TestServeLinesThatFailAtOnceAreAProblem(t *testing.T) {
	server := serveLines(t, func(yield func([]string, error) bool) { yield(nil, httpserver.ErrUnavailable) })
	res := get(t, http.MethodGet, server.URL)
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "/problems/unavailable") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type is %q", got)
	}
}

func TestServeLinesToHEADReadsOnePage(t *testing.T) {
	server := serveLines(t, func(yield func([]string, error) bool) {
		if yield([]string{"a"}, nil) {
			t.Error("HEAD reads the second page")
		}
	})
	if res := get(t, http.MethodHead, server.URL); res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != ndjson {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

func TestServeLinesCounts(t *testing.T) {
	server := serveLines(t, func(yield func([]string, error) bool) {
		_ = yield([]string{"a", "b"}, nil) && yield([]string{"c"}, nil)
	})
	body, err := io.ReadAll(get(t, http.MethodGet, server.URL+"?include_count=true").Body)
	if want := `{"s":"a"}` + "\n" + `{"s":"b"}` + "\n" + `{"s":"c"}` + "\n" + `{"count":3}` + "\n"; err != nil || string(body) != want {
		t.Errorf("%q, %v", body, err)
	}
}

func TestServeLinesOverHTTP10(t *testing.T) {
	server := serveLines(t, func(yield func([]string, error) bool) { yield([]string{"a"}, nil) })
	for query, want := range map[string]string{
		"": "proxy_http_version 1.1", "?include_count=false": "proxy_http_version 1.1", "?include_count=true": `{"count":1}`,
	} {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "GET /"+query+" HTTP/1.0\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.Contains(string(answer), want) || strings.Contains(string(answer), " 400 ") == strings.Contains(query, "true") {
			t.Errorf("%q is answered %q, %v", query, answer, err)
		}
	}
}

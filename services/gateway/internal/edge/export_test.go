package edge

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/httpserver"
)

// exporting serves an export by h as the gateway process does, behind a proxy
// and with compression, and returns the answer to a request.
func exporting(t *testing.T, coding string, h http.HandlerFunc) io.Reader {
	t.Helper()
	p := NewProxy("service", addresses(t, upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		h(w, r)
	})))
	t.Cleanup(p.transport.CloseIdleConnections)
	handler, err := Compress(New(Config{Accounts: p, Audios: p}))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(httpserver.Process(handler, zap.NewNop()))
	t.Cleanup(s.Close)
	r := request(t, http.MethodGet, s.URL+"/v1/audios:export", nil)
	r.Header.Set("Accept-Encoding", coding)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if got := res.Header.Get("Content-Encoding"); res.StatusCode != http.StatusOK || got != "" && got != coding {
		t.Fatalf("answer %d in %q", res.StatusCode, got)
	}
	if res.Header.Get("Content-Encoding") != "gzip" {
		return res.Body
	}
	unzipped, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return unzipped
}

// line returns a line that does not compress well.
func line(size int) []byte {
	random := make([]byte, size/2)
	_, _ = rand.Read(random)
	return append(hex.AppendEncode(nil, random), '\n')
}

func TestExportsAreNotHeldBack(t *testing.T) {
	for _, coding := range []string{"identity", "gzip"} {
		t.Run(coding, func(t *testing.T) {
			next := make(chan []byte)
			defer close(next)
			want := line(2000)
			go func() { next <- want }()
			in := bufio.NewReader(exporting(t, coding, func(w http.ResponseWriter, _ *http.Request) {
				for page := range next {
					_, _ = w.Write(page)
					_ = http.NewResponseController(w).Flush()
				}
			}))
			for range 3 {
				if got, err := in.ReadBytes('\n'); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("read %d bytes, %v", len(got), err)
				}
				want = line(2000)
				next <- want // not before the client has the previous page
			}
		})
	}
}

// If the client stops reading, the service stops, too: nothing in between
// buffers the rest.
func TestExportsTakeNoMoreThanTheClientReads(t *testing.T) {
	const pages = 64
	page := line(1 << 20)
	for _, coding := range []string{"identity", "gzip"} {
		t.Run(coding, func(t *testing.T) {
			written := make(chan struct{}, pages)
			in := exporting(t, coding, func(w http.ResponseWriter, _ *http.Request) {
				defer close(written)
				for range pages {
					if _, err := w.Write(page); err != nil {
						return
					}
					written <- struct{}{}
				}
			})
			taken := 0
			for stalled := false; !stalled; {
				select {
				case _, ok := <-written:
					if !ok {
						t.Fatal("all was taken in")
					}
					taken++
				case <-time.After(200 * time.Millisecond):
					stalled = true
				}
			}
			if taken > pages/2 {
				t.Errorf("%d of %d pages were taken in", taken, pages)
			}
			if n, err := io.Copy(io.Discard, in); err != nil || n != int64(pages*len(page)) {
				t.Errorf("read %d bytes, %v", n, err)
			}
		})
	}
}

func TestExportsThatBreakOffAreCutOff(t *testing.T) {
	for _, coding := range []string{"identity", "gzip"} {
		for _, size := range []int{100, 100_000} {
			first := line(size)
			in := exporting(t, coding, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(first)
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			})
			if got, err := io.ReadAll(in); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("%s: read %d bytes to an end, %v", coding, len(got), err)
			}
		}
	}
}

func TestExportsOverHTTP10AreRefusedUnlessCounted(t *testing.T) {
	service := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{\"count\":0}\n") })
	for target, want := range map[string]int{
		"/v1/audios:export": http.StatusBadRequest, "/v1/accounts:export": http.StatusBadRequest,
		"/v1/audios:export?include_count=true": http.StatusOK, "/v1/audios": http.StatusOK,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, target, nil)
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.0", 1, 0
		New(Config{Accounts: service, Audios: service}).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

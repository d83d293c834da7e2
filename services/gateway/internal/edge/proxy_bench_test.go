package edge

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// BenchmarkProxy compares the proxy with that of the standard library with the
// same transport. Each request uses two connections, and client and service run
// in the same process: compare the difference, not the sum.
func BenchmarkProxy(b *testing.B) {
	body := []byte(strings.Repeat("x", 300))
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	defer service.Close()
	p := NewProxy("service", addresses(b, service.URL))
	defer p.transport.CloseIdleConnections()
	target := url.URL{Scheme: "http", Host: strings.TrimPrefix(service.URL, "http://")}
	for name, h := range map[string]http.Handler{
		"lean": p,
		"httputil": &httputil.ReverseProxy{
			Transport:  p.transport,
			BufferPool: &bufferPool{sync.Pool{New: func() any { return new([32 << 10]byte) }}},
			Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(&target); r.SetXForwarded() },
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r := httptest.NewRequest(http.MethodGet, "/v1/accounts/1234567890", http.NoBody)
					r.Header = http.Header{"User-Agent": {"x"}, "Accept": {"*/*"}, "X-Request-Id": {"abc"}}
					h.ServeHTTP(discard{http.Header{}}, r)
				}
			})
		})
	}
}

type bufferPool struct{ sync.Pool }

func (p *bufferPool) Get() []byte  { return p.Pool.Get().(*[32 << 10]byte)[:] }
func (p *bufferPool) Put(b []byte) { p.Pool.Put((*[32 << 10]byte)(b)) }

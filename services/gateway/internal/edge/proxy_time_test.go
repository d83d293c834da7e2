package edge

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/httpserver"
)

// inMemory returns a proxy to services a, b, … that are reached in memory and
// with the clock of a synctest bubble. They end with the bubble.
func inMemory(t *testing.T, services ...http.HandlerFunc) *Proxy {
	var urls []string
	listeners := map[string]pipes{}
	for i, h := range services {
		host := string(rune('a' + i))
		urls = append(urls, "http://"+host)
		listener := make(pipes)
		listeners[host+":80"] = listener
		service := &http.Server{Handler: h}
		go func() { _ = service.Serve(listener) }()
		t.Cleanup(func() { _ = service.Close() })
	}
	p := NewProxy("service", addresses(t, urls...))
	p.transport.DialContext = p.transport.bounded(func(_ context.Context, _, address string) (net.Conn, error) {
		near, far := net.Pipe()
		listeners[address] <- far
		return near, nil
	})
	t.Cleanup(func() {
		p.transport.CloseIdleConnections()
		time.Sleep(time.Second) // net/http lets a connection linger
	})
	return p
}

// serve returns h's answer to r, and whether it was aborted.
func serve(h http.Handler, r *http.Request) (w *httptest.ResponseRecorder, brokenOff bool) {
	w = httptest.NewRecorder()
	func() {
		defer func() { brokenOff = recover() != nil }()
		h.ServeHTTP(w, r)
	}()
	return w, brokenOff
}

func get() *http.Request { return httptest.NewRequest(http.MethodGet, "/v1/accounts/1", http.NoBody) }

func ok(http.ResponseWriter, *http.Request)     {}
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
func unfit(w http.ResponseWriter, r *http.Request) {
	httpserver.WriteError(w, r, httpserver.ErrUnavailable)
}

func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestProxyGivesUpAnAnswerThatStops(t *testing.T) {
	for _, kind := range []string{"application/json", "application/x-ndjson", "text/event-stream"} {
		synctest.Test(t, func(t *testing.T) {
			p := inMemory(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", kind)
				_, _ = io.WriteString(w, "begun")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
			begun := time.Now()
			w, brokenOff := serve(httpserver.Process(p, zap.NewNop()), get())
			if took := time.Since(begun); !brokenOff || w.Body.String() != "begun" || took > time.Minute {
				t.Errorf("%s: broken off %t with %q after %s", kind, brokenOff, w.Body, took)
			}
		})
	}
}

func TestProxyWaitsForAnAnswerThatGoesOn(t *testing.T) {
	for _, kind := range []string{"application/json", "text/event-stream"} {
		synctest.Test(t, func(t *testing.T) {
			p := inMemory(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", kind)
				for range 20 {
					_, _ = io.WriteString(w, "x")
					_ = http.NewResponseController(w).Flush()
					time.Sleep(15 * time.Second)
				}
			})
			if w, brokenOff := serve(p, get()); brokenOff || w.Body.Len() != 20 {
				t.Errorf("%s: broken off %t with %q", kind, brokenOff, w.Body)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // a client that reads slowly
		p := inMemory(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 200<<10)) })
		w := &slowWriter{ResponseRecorder: httptest.NewRecorder()}
		p.ServeHTTP(w, get())
		if w.Body.Len() != 200<<10 {
			t.Errorf("%d bytes", w.Body.Len())
		}
	})
}

type slowWriter struct{ *httptest.ResponseRecorder }

func (w *slowWriter) Write(p []byte) (int, error) {
	time.Sleep(time.Minute)
	return w.ResponseRecorder.Write(p)
}

func TestProxyGivesUpAServiceThatTakesNoBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		p := inMemory(t, func(http.ResponseWriter, *http.Request) { <-done })
		defer close(done)
		begun := time.Now()
		w, _ := serve(p, httptest.NewRequest(http.MethodPost, "/v1/audios", strings.NewReader(strings.Repeat("x", 5<<20))))
		problem(t, read(w.Result()), http.StatusGatewayTimeout, "upstream-timeout")
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("after %s", took)
		}
	})
	synctest.Test(t, func(t *testing.T) { // an answer whose client is slow is not aborted
		p := inMemory(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		r, w := io.Pipe()
		go func() {
			for range 3 {
				_, _ = w.Write(make([]byte, 64<<10))
				time.Sleep(50 * time.Second)
			}
			_ = w.Close()
		}()
		if w, _ := serve(p, httptest.NewRequest(http.MethodPost, "/v1/audios", r)); w.Code != http.StatusOK {
			t.Errorf("answered %d: %s", w.Code, w.Body)
		}
	})
}

// TestProxyLeavesAHangingAddressOut sends a request every second, for whose
// answer the client waits 5 seconds. The hanging address recovers later.
func TestProxyLeavesAHangingAddressOut(t *testing.T) {
	for name, patience := range map[string]time.Duration{"impatient": 5 * time.Second, "patient": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var hangs atomic.Bool
				var asked atomic.Int64
				p := inMemory(t, func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					if hangs.Load() {
						hang(w, r)
					}
				}, ok)
				failures := func(length time.Duration) (n int) {
					for begun := time.Now(); time.Since(begun) < length; time.Sleep(time.Second) {
						ctx, cancel := context.WithTimeout(t.Context(), patience)
						if w, _ := serve(p, get().WithContext(ctx)); w.Code != http.StatusOK {
							n++
						}
						cancel()
					}
					return n
				}
				hangs.Store(true)
				if n := failures(10 * time.Minute); n < 2 || n > 15 { // at first, and at each trial
					t.Errorf("%d requests failed in 10 minutes", n)
				}
				hangs.Store(false)
				_ = failures(2 * time.Minute)
				asked.Store(0)
				if n := failures(time.Minute); n != 0 || asked.Load() != 30 {
					t.Errorf("%d requests failed, and %d of 60 went to the address that is back", n, asked.Load())
				}
			})
		})
	}
}

func TestProxyHoldsNoAnswerThatIsNotDueAgainstAnAddress(t *testing.T) {
	for name, r := range map[string]func(context.Context) *http.Request{
		"long poll": func(context.Context) *http.Request {
			return httptest.NewRequest(http.MethodGet, "/v1/events/accounts?after=x&wait=30", http.NoBody)
		},
		"long poll, written otherwise": func(context.Context) *http.Request {
			return httptest.NewRequest(http.MethodGet, "/v1/events/accounts?%77ait=30", http.NoBody)
		},
		"half a request": func(ctx context.Context) *http.Request {
			return httptest.NewRequest(http.MethodPost, "/v1/audios", leaving{ctx})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := inMemory(t, twice(hang)...)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				_, _ = serve(p, r(ctx).WithContext(ctx))
				if _, fit := p.balancer.order(); fit != 2 {
					t.Errorf("%d of 2 addresses are fit", fit)
				}
			})
		})
	}
}

// leaving is the body of a client that leaves in the middle of it.
type leaving struct{ ctx context.Context }

func (b leaving) Read([]byte) (int, error) { <-b.ctx.Done(); return 0, io.ErrUnexpectedEOF }

func TestProxyTriesAnAddressOutByOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		p := inMemory(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); hang(w, r) }, ok)
		for range 2 {
			_, _ = serve(p, get())
		}
		time.Sleep(firstEjection)
		asked.Store(0)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { _, _ = serve(p, get()) })
		}
		wg.Wait()
		if asked.Load() != 1 {
			t.Errorf("%d requests", asked.Load())
		}
	})
}

func twice(h http.HandlerFunc) []http.HandlerFunc { return []http.HandlerFunc{h, h} }

// askedBy counts the requests to each service.
func askedBy(counts *[2]atomic.Int64, services ...http.HandlerFunc) []http.HandlerFunc {
	for i, h := range services {
		services[i] = func(w http.ResponseWriter, r *http.Request) { counts[i].Add(1); h(w, r) }
	}
	return services
}

func TestProxyLeavesAnUnavailableAddressOut(t *testing.T) {
	for method, most := range map[string]int{http.MethodGet: 0, http.MethodPost: 1} {
		synctest.Test(t, func(t *testing.T) {
			p := inMemory(t, unfit, ok)
			n := 0
			for range 20 {
				if w, _ := serve(p, httptest.NewRequest(method, "/v1/accounts", http.NoBody)); w.Code != http.StatusOK {
					n++
				}
			}
			if n > most {
				t.Errorf("%d of 20 %s failed", n, method)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // an outage of all addresses does not repeat requests
		var asked [2]atomic.Int64
		p := inMemory(t, askedBy(&asked, twice(unfit)...)...)
		for range 10 {
			w, _ := serve(p, get())
			problem(t, read(w.Result()), http.StatusServiceUnavailable, "unavailable")
		}
		if n := asked[0].Load() + asked[1].Load(); n > 11 {
			t.Errorf("10 requests became %d", n)
		}
	})
}

func TestProxyRepeatsWhatIsSafeWhenAConnectionBreaks(t *testing.T) {
	for _, test := range []struct {
		method, body string
		status       int
	}{
		{http.MethodGet, "", http.StatusOK},
		{http.MethodHead, "", http.StatusOK},
		{http.MethodOptions, "", http.StatusOK},
		{http.MethodDelete, "", http.StatusBadGateway},
		{http.MethodPut, "", http.StatusBadGateway},
		{http.MethodPut, "{}", http.StatusBadGateway},
		{http.MethodPost, "", http.StatusBadGateway},
		{http.MethodPost, "{}", http.StatusBadGateway},
		{http.MethodPatch, "", http.StatusBadGateway},
	} {
		synctest.Test(t, func(t *testing.T) {
			var asked [2]atomic.Int64
			p := inMemory(t, askedBy(&asked, hangUp, ok)...)
			p.balancer.turn.Store(1) // the next request is for the first address
			w, _ := serve(p, httptest.NewRequest(test.method, "/v1/accounts/1", strings.NewReader(test.body)))
			if w.Code != test.status || asked[0].Load() != 1 {
				t.Errorf("%s with %q: %d, after %d requests to the first address", test.method, test.body, w.Code, asked[0].Load())
			}
			if w, _ = serve(p, httptest.NewRequest(http.MethodPost, "/v1/accounts", http.NoBody)); w.Code != http.StatusOK {
				t.Errorf("the address that hung up is asked again")
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w, _ := serve(inMemory(t, twice(hangUp)...), get())
		problem(t, read(w.Result()), http.StatusBadGateway, "bad-upstream")
	})
}

// waiting is a service whose database hangs.
func waiting() http.HandlerFunc {
	e := httpserver.NewEngine()
	httpserver.Health(e, map[string]func(context.Context) error{
		"database": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	}, httpserver.ReadyPath)
	return e.ServeHTTP
}

func TestReadyWhenAnyAddressIs(t *testing.T) {
	const database = "is not ready; database: did not answer in time"
	for name, test := range map[string]struct {
		services []http.HandlerFunc
		want     string // the reason
	}{
		"all":             {[]http.HandlerFunc{ok, ok}, ""},
		"one hangs":       {[]http.HandlerFunc{hang, ok}, ""},
		"one is not":      {[]http.HandlerFunc{ok, waiting()}, ""},
		"one hangs up":    {[]http.HandlerFunc{hangUp, ok}, ""},
		"it waits":        {[]http.HandlerFunc{waiting()}, database},
		"all wait":        {[]http.HandlerFunc{waiting(), waiting()}, database},
		"it hangs":        {[]http.HandlerFunc{hang}, "did not answer in time"},
		"one waits":       {[]http.HandlerFunc{waiting(), hang}, "did not answer in time; at another address: " + database},
		"it breaks off":   {[]http.HandlerFunc{breakOff}, "is not ready"},
		"it is elsewhere": {[]http.HandlerFunc{hangUp}, "is not ready"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := inMemory(t, test.services...)
				var e *gin.Engine = New(Config{Accounts: p, Audios: http.HandlerFunc(ok)})
				h := httpserver.Process(e, zap.NewNop())
				for range 3 {
					begun := time.Now()
					w, _ := serve(h, httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody))
					if took := time.Since(begun); took > 3*time.Second {
						t.Errorf("after %s", took)
					}
					if test.want == "" {
						if w.Code != http.StatusOK {
							t.Errorf("answered %d: %s", w.Code, w.Body)
						}
						continue
					}
					errs := problem(t, read(w.Result()), http.StatusServiceUnavailable, "unavailable")
					if diff := cmp.Diff([]map[string]string{{"pointer": "accounts", "detail": test.want}}, errs); diff != "" {
						t.Error(diff)
					}
				}
				if _, fit := p.balancer.order(); fit != len(test.services) {
					t.Errorf("%d addresses are fit", fit)
				}
			})
		})
	}
}

func breakOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "10")
	_, _ = io.WriteString(w, "half")
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

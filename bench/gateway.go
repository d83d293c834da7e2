package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"text/tabwriter"
	"time"
)

// proxied is a read through the gateway as a process of its own, held against
// the least that can stand there: the standard library's reverse proxy. Both
// ask the same service, which does nothing.
var proxied = operation{"gateway", getAccount, getAccount}

const (
	// mostCPU is the maximum CPU time of the gateway relative to the other
	// proxy: 50 µs to 45.
	mostCPU     = 1.11
	upstreamEnv = "BENCH_UPSTREAM"
)

func measureGateway(ctx context.Context, opts options, dir string) error {
	gateway := filepath.Join(dir, "gateway")
	fmt.Println("building the gateway")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", gateway, "github.com/concha-labs/backend/services/gateway/cmd/gateway")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	service := side{program: program{name: "service", argv: []string{self, "service"}}}
	if service.server, err = start(ctx, service.program, filepath.Join(dir, "service")); err != nil {
		return err
	}
	defer service.stop()
	origin := "http://" + service.server.addr
	sides := [2]side{
		{program: program{"gateway", []string{gateway}, []string{"CONCHA_ACCOUNTS_URL=" + origin, "CONCHA_AUDIOS_URL=" + origin, "CONCHA_ADMIN_PORT=0", "CONCHA_AUTH=none"}}},
		{program: program{"httputil", []string{self, "httputil"}, []string{upstreamEnv + "=" + origin}}},
	}
	defer sides[0].stop()
	defer sides[1].stop()
	for i := range sides {
		s := &sides[i]
		s.ids = []int64{1234567890}
		if s.server, err = start(ctx, s.program, filepath.Join(dir, s.name+"-data")); err != nil {
			return err
		}
	}
	// The two differ by less than the machine's own ups and downs: they take turns
	// often.
	opts.rounds, opts.load.length = 5*opts.rounds, opts.load.length/5
	r, err := compare(ctx, opts, proxied, &sides[0], &sides[1])
	if err != nil {
		return fmt.Errorf("%s: %w", proxied.name, err)
	}
	printGateway(os.Stdout, r)
	return nil
}

func printGateway(out io.Writer, r row) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nproxied GET\treq/s\tp50 ms\tp99 ms\tCPU us/req\t")
	for _, side := range []struct {
		name    string
		results []result
	}{{"gateway", r.product}, {"httputil", r.limit}} {
		m := medianOf(side.results)
		fmt.Fprintf(w, "%s\t%.0f\t%s\t%s\t%s\t\n", side.name, m.perSecond, millis(m.p50), millis(m.p99), micros(m.cpu))
	}
	fmt.Fprintf(w, "ratio\t%.2f\t\t\t%.2f\t at most %.2f\n", r.ratio(), r.cpuRatio(), mostCPU)
	_ = w.Flush()
}

// answerOne is an account as the service answers it.
const answerOne = `{"id":1234567890,"name":"Grace Hopper 123456","email":"3w5e11264sgsf@example.com",` +
	`"address":"1234 Pennsylvania Avenue, Washington","image":null,"version":1,"etag":"\"1\"",` +
	`"created_at":"2026-01-02T03:04:05.678901Z","updated_at":"2026-01-02T03:04:05.678901Z"}`

// serveAnswer serves the service behind both proxies on port until ctx is done.
func serveAnswer(ctx context.Context, port string) error {
	return listenAndServe(ctx, port, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("ETag", `"1"`)
		_, _ = io.WriteString(w, answerOne)
	}))
}

// serveProxy serves the standard library's proxy to upstream on port until ctx
// is done. The proxy is tuned: it keeps enough connections and reuses buffers.
func serveProxy(ctx context.Context, port, upstream string) error {
	target, err := url.Parse(upstream)
	if err != nil {
		return err
	}
	return listenAndServe(ctx, port, &httputil.ReverseProxy{
		Transport:  &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true, IdleConnTimeout: time.Minute},
		BufferPool: pool{&sync.Pool{New: func() any { return new([32 << 10]byte) }}},
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
	})
}

type pool struct{ *sync.Pool }

func (p pool) Get() []byte  { return p.Pool.Get().(*[32 << 10]byte)[:] }
func (p pool) Put(b []byte) { p.Pool.Put((*[32 << 10]byte)(b)) }

// listenAndServe serves h on port until ctx is done.
func listenAndServe(ctx context.Context, port string, h http.Handler) error {
	server := &http.Server{Addr: ":" + port, Handler: h}
	defer context.AfterFunc(ctx, func() { _ = server.Shutdown(context.WithoutCancel(ctx)) })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

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
var proxied = operation{name: "gateway", next: getProxied, limit: getProxied}

const upstreamEnv = "BENCH_UPSTREAM"

// checks are the ways in which the gateway identifies callers, with the maximum
// of its CPU time relative to the other proxy.
var checks = []struct {
	name    string
	mostCPU float64
	with    func(*credentials) (settings []string, authorization string)
}{
	{"open", 1.05, func(*credentials) ([]string, string) { return []string{"CONCHA_AUTH=none", "CONCHA_ADMIN_PORT=0"}, "" }},
	{"API key", 1.15, func(c *credentials) ([]string, string) { return c.settings, c.key }},
	{"JWT", 1.20, func(c *credentials) ([]string, string) { return c.settings, c.token }},
}

// measureGateway measures the gateway with each of checks, and how it refuses
// wrong keys.
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
	service, err := start(ctx, program{name: "service", argv: []string{self, "service"}}, filepath.Join(dir, "service"))
	if err != nil {
		return err
	}
	defer func() { _ = service.stop() }()
	known, err := newCredentials(ctx, dir)
	if err != nil {
		return err
	}
	defer known.close()
	origin := "http://" + service.addr
	bare, err := newProxy(ctx, program{"httputil", []string{self, "httputil"}, []string{upstreamEnv + "=" + origin}}, dir, "")
	if err != nil {
		return err
	}
	defer bare.stop()
	// The sides differ by less than the machine's own ups and downs: they take
	// turns often.
	opts.rounds, opts.load.length = 5*opts.rounds, opts.load.length/5
	var rows []row
	for _, check := range checks {
		settings, authorization := check.with(known)
		env := append([]string{"CONCHA_ACCOUNTS_URL=" + origin, "CONCHA_AUDIOS_URL=" + origin}, settings...)
		product, err := newProxy(ctx, program{"gateway, " + check.name, []string{gateway}, env}, dir, authorization)
		if err != nil {
			return err
		}
		r, err := measureProxy(ctx, opts, &product, &bare, known)
		product.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", product.name, err)
		}
		rows = append(rows, r)
	}
	if opts.only.MatchString(proxied.name) {
		printGateway(os.Stdout, rows)
	}
	return nil
}

// measureProxy measures a gateway beside the bare proxy, and how it refuses
// wrong keys if it knows any.
func measureProxy(ctx context.Context, opts options, product, bare *side, known *credentials) (r row, err error) {
	if opts.only.MatchString(proxied.name) {
		if r, err = compare(ctx, opts, proxied, product, bare); err != nil {
			return r, err
		}
	}
	if opts.only.MatchString(wrongKeys) && product.authorization == known.key {
		err = measureWrongKeys(ctx, product, known)
	}
	return r, err
}

// newProxy starts a proxy, to which requests are sent with a header
// Authorization, unless that is "".
func newProxy(ctx context.Context, p program, dir, authorization string) (side, error) {
	server, err := start(ctx, p, filepath.Join(dir, p.name))
	return side{program: p, server: server, ids: []int64{1234567890}, authorization: authorization}, err
}

func printGateway(out io.Writer, rows []row) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nproxied GET\treq/s\tp50 ms\tp99 ms\tCPU us/req\tthroughput ratio\tCPU ratio\tat most\t")
	line := func(name string, results []result) {
		m := medianOf(results)
		fmt.Fprintf(w, "%s\t%.0f\t%s\t%s\t%s\t", name, m.perSecond, millis(m.p50), millis(m.p99), micros(m.cpu))
	}
	for i, r := range rows {
		line("gateway, "+checks[i].name, r.product)
		fmt.Fprintf(w, "%.2f\t%.2f\t%.2f\t\n", r.ratio(), r.cpuRatio(), checks[i].mostCPU)
		line("httputil", r.limit)
		fmt.Fprintln(w, "\t\t\t")
	}
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

package e2e

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

const (
	clientTrace = "0af7651916cd43dd8448eb211c80319c"
	clientSpan  = "b7ad6b7169203331"
)

// TestTelemetry follows one request through the traces, the metrics and the log
// of the all-in-one process.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	collected, admin := collect(t), freePort(t)
	p := startProgram(t, t.TempDir(), "CONCHA_LOG_LEVEL=debug", "CONCHA_ADMIN_PORT="+admin, "CONCHA_LOGLEVEL=info",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+collected.url, "OTEL_BSP_SCHEDULE_DELAY=50", "GOOGLE_CLOUD_PROJECT=p")
	c := newClient(t, p.url)
	created := c.json(http.MethodPost, "/v1/accounts", profile("Ann", uniqueEmail(), ""), "Traceparent", "00-"+clientTrace+"-"+clientSpan+"-01")
	if created.status != http.StatusCreated {
		t.Fatalf("%d: %s", created.status, created.body)
	}
	service := collected.follow(t, "allinone", "allinone", clientTrace)

	eventually(t, "the event is handled", func() bool {
		return strings.Contains(scrape(t, admin), `concha_event_handle_delay_seconds_count{log="accounts",subscription="accounts-self"} 1`)
	})
	text := scrape(t, admin)
	for _, want := range []string{
		`http_server_request_duration_seconds_count{method="POST",route="/v1/accounts",service="gateway",status="201"} 1`,
		`http_server_request_duration_seconds_count{method="POST",route="/v1/accounts",service="accounts",status="201"} 1`,
		`concha_event_publish_delay_seconds_count{log="accounts"} 1`, `concha_relay_shards{log="audios"} 16`,
		"concha_sqlite_commit_duration_seconds_count ", "concha_data_free_bytes ", "go_gc_gogc_percent 200", ` # {trace_id="` + clientTrace + `"} `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if _, err := request(http.MethodGet, p.url+"/metrics", "", http.StatusNotFound); err != nil {
		t.Errorf("the public port: %v", err)
	}
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", "127.0.0.2:"+admin); err == nil {
		_ = conn.Close()
		t.Error("without access control, the admin port is open to more than 127.0.0.1")
	}
	if code, _ := p.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	log := p.stderr.String()
	for _, want := range []string{
		`"logging.googleapis.com/trace":"projects/p/traces/` + clientTrace, `"httpRequest":{"requestMethod":"POST","requestUrl":"/v1/accounts","status":201,`,
		`"service":"allinone.accounts","message":"events are published","log":"accounts"`, `"message":"a message is handled"`,
		`CONCHA_LOGLEVEL (is CONCHA_LOG_LEVEL meant?)`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
	if strings.Contains(log, "fx.") || service.id == "" {
		t.Errorf("the log has fx's own events: %s", log)
	}
}

// A data folder that was put back to an earlier time works on: the log is in the
// database, and a cursor of the lost time is refused.
func TestRestoredToAnEarlierTime(t *testing.T) {
	t.Parallel()
	dir, earlier := t.TempDir(), t.TempDir()
	p := startProgram(t, dir)
	c := newClient(t, p.url)
	kept := c.json(http.MethodPost, "/v1/accounts", profile("Ann", uniqueEmail(), ""))
	p.stop(t)
	if err := os.CopyFS(earlier, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}

	p = startProgram(t, dir)
	c = newClient(t, p.url)
	path := "/v1/accounts/" + encode(decodeObject(kept)["id"])
	lost := c.json(http.MethodPost, "/v1/accounts", profile("Bea", uniqueEmail(), ""))
	c.patch(path, `{"name":"Anna"}`)
	cursor := c.get("/v1/events/accounts").header.Get("Concha-Feed-Cursor")
	p.stop(t)

	p = startProgram(t, earlier)
	c = newClient(t, p.url)
	if a := c.get("/v1/events/accounts?after=" + cursor); a.status != http.StatusGone {
		t.Errorf("a cursor of the lost time: %d %s", a.status, a.body)
	}
	if a := c.get("/v1/accounts/" + encode(decodeObject(lost)["id"])); a.status != http.StatusNotFound {
		t.Errorf("the lost account: %d", a.status)
	}
	if a := c.get(path); a.status != http.StatusOK || decodeObject(a)["name"] != "Ann" || a.header.Get("ETag") != `"1"` {
		t.Errorf("the kept account: %d %s", a.status, a.body)
	}
	c.patch(path, `{"name":"Anne"}`)
	events := c.get(path + "/events").events()
	if len(events) != 2 {
		t.Errorf("%d events of the kept account, want its creation and the change", len(events))
	}
	if a := c.get("/readyz"); a.status != http.StatusOK {
		t.Errorf("not ready: %s", a.body)
	}
}

// scrape returns the metrics of an admin port as Prometheus reads them.
func scrape(t *testing.T, port string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:"+port+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/openmetrics-text")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET /metrics: %d, %v", res.StatusCode, err)
	}
	return string(text)
}

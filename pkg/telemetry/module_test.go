package telemetry_test

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/telemetry"
)

func freePort(t *testing.T) (int, net.Listener) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l.Addr().(*net.TCPAddr).Port, l
}

func ask(t *testing.T, url, accept string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestAdminPort(t *testing.T) {
	port, l := freePort(t)
	_ = l.Close()
	dir := t.TempDir()
	app := fxtest.New(t, fx.Supply(zap.NewNop()),
		telemetry.Module(telemetry.Config{Service: "test", Host: "127.0.0.1", Port: port, DataDir: dir})).RequireStart()
	origin := "http://" + l.Addr().String()
	status, metrics := ask(t, origin+"/metrics", "")
	for _, want := range []string{"\ngo_goroutines ", "\nprocess_resident_memory_bytes ", "\nconcha_build_info{", `service="test"`, "\nconcha_data_free_bytes "} {
		if status != http.StatusOK || !strings.Contains(metrics, want) {
			t.Errorf("%d: %q is missing from\n%s", status, want, metrics)
		}
	}
	if _, open := ask(t, origin+"/metrics", "application/openmetrics-text"); !strings.HasSuffix(open, "# EOF\n") {
		t.Error("the OpenMetrics format, which has exemplars, is not offered")
	}
	for path, want := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/heap": 200, "/": 404, "/v1/accounts": 404} {
		if status, _ := ask(t, origin+path, ""); status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		}
	}
	app.RequireStop()
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("the port is open after the stop")
	}
}

func TestAdminPortThatIsTaken(t *testing.T) {
	port, l := freePort(t)
	defer func() { _ = l.Close() }()
	app := fx.New(fx.NopLogger, fx.Supply(zap.NewNop()), telemetry.Module(telemetry.Config{Service: "test", Host: "127.0.0.1", Port: port, DataDir: filepath.Join(t.TempDir(), "none")}))
	if err := app.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "CONCHA_ADMIN_PORT") {
		t.Errorf("Start = %v", err)
	}
}

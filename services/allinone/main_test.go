package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/logging"
	"github.com/concha-labs/backend/pkg/settings"
)

// scratch is a folder for what tests share.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "allinone"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return m.Run()
}

// build builds the programs once: allinone and concha, in scratch.
var build = sync.OnceValue(func() error {
	out, err := exec.CommandContext(context.Background(), "go", "build", "-o", scratch+"/", ".", "./cmd/concha").CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
})

// startSystem runs the whole system in this process, on a free port and a
// folder of its own, until the test ends.
func startSystem(t testing.TB) (url, dir string) {
	t.Helper()
	dir = t.TempDir()
	runApp(t, system(quiet(dir), func(at string) { url = at }))
	return url, dir
}

// newHandler runs the whole system in this process and returns what the server
// serves, to be called without a socket.
func newHandler(t testing.TB) http.Handler {
	t.Helper()
	var h http.Handler
	runApp(t, fx.Options(system(quiet(t.TempDir()), nil), fx.Populate(&h)))
	return httpserver.Process(h, zap.NewNop())
}

// quiet is a config that picks a free port and logs errors alone.
func quiet(dir string) Config {
	return Config{
		Process: settings.Process{LogLevel: logging.Level(zapcore.ErrorLevel)},
		Backend: embedded, DataDir: dir,
	}
}

func runApp(t testing.TB, options fx.Option) {
	t.Helper()
	app := fx.New(options)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

func TestWiring(t *testing.T) {
	if err := fx.ValidateApp(system(quiet(t.TempDir()), nil)); err != nil {
		t.Error(err)
	}
}

// What is linked has to be built by "make run", and takes its part of the start.
func TestNoCloudLibraryIsLinked(t *testing.T) {
	deps, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(deps), "modernc.org/sqlite") {
		t.Error("the dependencies cannot be told")
	}
	for dep := range strings.Lines(string(deps)) {
		if strings.HasPrefix(dep, "cloud.google.com/") || strings.HasPrefix(dep, "google.golang.org/grpc") {
			t.Errorf("links %s", dep)
		}
	}
}

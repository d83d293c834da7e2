package main

import (
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/fx"
)

func TestWiring(t *testing.T) {
	if err := fx.ValidateApp(system(Config{Backend: embedded, DataDir: t.TempDir()}, nil)); err != nil {
		t.Error(err)
	}
}

// TestNoCloudLibraryIsLinked keeps "make run" fast: linked libraries have to be
// compiled and initialized. The exporter of traces links gRPC, for its message
// types alone.
func TestNoCloudLibraryIsLinked(t *testing.T) {
	deps, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(deps), "modernc.org/sqlite") {
		t.Error("the list of dependencies lacks SQLite")
	}
	for dep := range strings.Lines(string(deps)) {
		if strings.HasPrefix(dep, "cloud.google.com/") {
			t.Errorf("links %s", dep)
		}
	}
}

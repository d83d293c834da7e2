package logging

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestConsoleIsForPeople(t *testing.T) {
	var b strings.Builder
	log := zap.New(consoleCore(Config{}, unsynced{&b}))
	log.Debug("below")
	log.Named("http").Warn("hello", zap.Int("n", 1))
	want := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} \x1b\[33mWARN\x1b\[0m http hello \{"n": 1\}\n$`)
	if !want.MatchString(b.String()) {
		t.Errorf("line %q", b.String())
	}
}

func TestConsoleWithoutColours(t *testing.T) {
	var b strings.Builder
	zap.New(consoleCore(Config{NoColor: true}, unsynced{&b})).Warn("hello")
	if !strings.Contains(b.String(), " WARN hello") || strings.Contains(b.String(), "\x1b") {
		t.Errorf("line %q", b.String())
	}
}

func TestIsTerminal(t *testing.T) {
	device, err := os.Open(os.DevNull) // a character device, as terminals are
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = device.Close() }()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(); _ = w.Close() }()
	if !IsTerminal(device) || IsTerminal(w) {
		t.Errorf("device %v, pipe %v", IsTerminal(device), IsTerminal(w))
	}
}

// BenchmarkAccessLine measures the cost of the access log for a request.
func BenchmarkAccessLine(b *testing.B) {
	f, err := os.Create(b.TempDir() + "/log")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	log := New(Config{Level: Level(zapcore.InfoLevel)}, f)
	b.ReportAllocs()
	for b.Loop() {
		log.Info("request", zap.String("method", "GET"), zap.String("path", "/v1/accounts/4503599627370496"), zap.Int("status", 200),
			zap.Int64("bytes", 300), zap.Float64("duration_ms", 0.123), zap.String("request_id", "0af7651916cd43dd8448eb211c80319c"))
	}
}

package logging_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/concha-labs/backend/pkg/logging"
)

func TestLevelUnmarshalText(t *testing.T) {
	for text, want := range map[string]zapcore.Level{
		"debug": zapcore.DebugLevel, "info": zapcore.InfoLevel, "warn": zapcore.WarnLevel, "error": zapcore.ErrorLevel,
	} {
		var l logging.Level
		if err := l.UnmarshalText([]byte(text)); err != nil || zapcore.Level(l) != want {
			t.Errorf("%s: %v, %v", text, l, err)
		}
	}
	for _, text := range []string{"", "INFO", "fatal", "0"} {
		var l logging.Level
		if err := l.UnmarshalText([]byte(text)); err == nil || err.Error() != "must be debug, info, warn or error" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func logFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func read(t *testing.T, f *os.File) string {
	t.Helper()
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNewWritesJSONForCloudLogging(t *testing.T) {
	f := logFile(t)
	log := logging.New(logging.Config{Level: logging.Level(zapcore.DebugLevel)}, f)
	log.Debug("a", zap.String("request_id", "id\n1"))
	log.Info("b")
	log.Warn("c")
	log.With(zap.Int("n", 1)).Error("d", zap.Error(errors.New("e")))
	log.DPanic("f")
	if err := log.Sync(); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	for line := range strings.Lines(read(t, f)) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		at, err := time.Parse(time.RFC3339Nano, fields["time"].(string))
		if err != nil || time.Since(at) > time.Minute || at.Location() != time.UTC {
			t.Errorf("time %v: %v", at, err)
		}
		delete(fields, "time")
		got = append(got, fields)
	}
	want := []map[string]any{
		{"severity": "DEBUG", "message": "a", "request_id": "id\n1"},
		{"severity": "INFO", "message": "b"},
		{"severity": "WARNING", "message": "c"},
		{"severity": "ERROR", "message": "d", "n": 1.0, "error": "e"},
		{"severity": "CRITICAL", "message": "f"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNewNamesServiceTraceAndSpan(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for project, want := range map[string]string{
		"":  `"logging.googleapis.com/trace":"0af7651916cd43dd8448eb211c80319c","logging.googleapis.com/spanId":"b7ad6b7169203331"`,
		"p": `"logging.googleapis.com/trace":"projects/p/traces/0af7651916cd43dd8448eb211c80319c","logging.googleapis.com/spanId":"b7ad6b7169203331"`,
	} {
		f := logFile(t)
		log := logging.New(logging.Config{Service: "accounts", Project: project}, f)
		fields := []zap.Field{logging.Trace(parent), logging.Span(parent)}
		log.Warn("in a call", fields...)
		log.Warn("again", fields...)
		log.With(fields...).Warn("before it")
		log.Warn("no trace", logging.Trace(""), logging.Span("x"))
		lines := strings.Split(read(t, f), "\n")
		for i, line := range lines[:4] {
			if !strings.Contains(line, `"service":"accounts"`) || strings.Contains(line, want) != (i < 3) {
				t.Errorf("project %q: line %s, want %s", project, line, want)
			}
		}
	}
}

func TestNewLogsFromItsLevelOn(t *testing.T) {
	f := logFile(t)
	log := logging.New(logging.Config{Level: logging.Level(zapcore.WarnLevel)}, f)
	log.Info("below")
	log.Warn("above")
	if text := read(t, f); strings.Contains(text, "below") || !strings.Contains(text, "above") {
		t.Errorf("log %s", text)
	}
}

func TestNewWritesAWarningAtOnceWithAllBeforeIt(t *testing.T) {
	for name, with := range map[string]func(*zap.Logger) *zap.Logger{
		"the logger":      func(l *zap.Logger) *zap.Logger { return l },
		"one made of it":  func(l *zap.Logger) *zap.Logger { return l.With(zap.Int("n", 1)) },
		"a named part":    func(l *zap.Logger) *zap.Logger { return l.Named("part") },
		"a lazy relation": func(l *zap.Logger) *zap.Logger { return l.WithLazy(zap.Int("n", 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			f := logFile(t)
			log := with(logging.New(logging.Config{Level: logging.Level(zapcore.InfoLevel)}, f))
			log.Info("first")
			if text := read(t, f); text != "" {
				t.Errorf("not buffered: %s", text)
			}
			log.Warn("second")
			if text := read(t, f); strings.Count(text, "\n") != 2 {
				t.Errorf("log %s", text)
			}
		})
	}
}

// TestNewFlushesByItself reads from a pipe, so that it waits only as long as
// the flush takes.
func TestNewFlushesByItself(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(); _ = w.Close() }()
	log := logging.New(logging.Config{Level: logging.Level(zapcore.InfoLevel)}, w)
	start := time.Now()
	log.Info("hello")
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil || !strings.Contains(line, "hello") {
		t.Fatalf("line %q, %v", line, err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("flushed after %v", took)
	}
}

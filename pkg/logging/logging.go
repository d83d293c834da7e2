// Package logging creates the logger of a process. It writes JSON lines for
// Cloud Logging, or readable lines on a terminal.
package logging

import (
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Level is the lowest severity that is logged. The zero value is info.
type Level zapcore.Level

var errLevel = errors.New("must be debug, info, warn or error")

// UnmarshalText accepts debug, info, warn and error, in lower case.
func (l *Level) UnmarshalText(text []byte) error {
	switch string(text) {
	case "debug":
		*l = Level(zapcore.DebugLevel)
	case "info":
		*l = Level(zapcore.InfoLevel)
	case "warn":
		*l = Level(zapcore.WarnLevel)
	case "error":
		*l = Level(zapcore.ErrorLevel)
	default:
		return errLevel
	}
	return nil
}

const (
	bufferBytes   = 256 << 10
	flushInterval = time.Second
)

// Config holds the settings of a logger. The zero value is valid.
type Config struct {
	Service string // names the lines; "" for none
	Level   Level
	NoColor bool   // on a terminal
	Project string // of Google Cloud, where the traces of Trace are; may be ""
}

// New returns a logger that writes to w. If w is a terminal, the logger writes
// readable lines immediately. Otherwise it writes one JSON object per line with
// the keys of Cloud Logging (severity, time, message). JSON is buffered: a line
// of level warn or above is written immediately together with all earlier
// lines, other lines within about a second. Sync writes the rest at exit.
func New(cfg Config, w *os.File) *zap.Logger {
	if IsTerminal(w) {
		return zap.New(consoleCore(cfg, unsynced{w})).Named(cfg.Service)
	}
	sink := &zapcore.BufferedWriteSyncer{WS: unsynced{w}, Size: bufferBytes, FlushInterval: flushInterval}
	core := &cloud{Core: zapcore.NewCore(jsonEncoder(), sink, zapcore.Level(cfg.Level))}
	if cfg.Project != "" {
		core.traces = "projects/" + cfg.Project + "/traces/"
	}
	return zap.New(core).Named(cfg.Service)
}

// IsTerminal reports whether f is a terminal, or another character device.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// unsynced omits the fsync. Pipes and terminals, the usual destinations of
// logs, do not support it, and for a log file it is not worth blocking every
// goroutine that logs.
type unsynced struct{ io.Writer }

func (unsynced) Sync() error { return nil }

// cloud flushes its core after each entry of level warn or above, so that the
// explanation of a crash is never lost in the buffer, and gives traces their
// full names.
type cloud struct {
	zapcore.Core
	traces string // begins the full name of a trace; "" if the project is unknown
}

func (c *cloud) With(fields []zapcore.Field) zapcore.Core {
	return &cloud{c.Core.With(c.named(fields)), c.traces}
}

func (c *cloud) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

func (c *cloud) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	err := c.Core.Write(entry, c.named(fields))
	if entry.Level >= zapcore.WarnLevel {
		err = errors.Join(err, c.Sync())
	}
	return err
}

// named returns fields with the full names of traces.
func (c *cloud) named(fields []zapcore.Field) []zapcore.Field {
	i := slices.IndexFunc(fields, func(f zapcore.Field) bool { return f.Key == traceKey })
	if i < 0 || c.traces == "" {
		return fields
	}
	fields = slices.Clone(fields)
	fields[i].String = c.traces + fields[i].String
	return fields
}

func jsonEncoder() zapcore.Encoder {
	return zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey:        "time",
		LevelKey:       "severity",
		NameKey:        "service",
		MessageKey:     "message",
		EncodeTime:     encodeTime,
		EncodeLevel:    encodeSeverity,
		EncodeDuration: zapcore.StringDurationEncoder,
	})
}

func consoleCore(cfg Config, w zapcore.WriteSyncer) zapcore.Core {
	encodeLevel := zapcore.CapitalColorLevelEncoder
	if cfg.NoColor {
		encodeLevel = zapcore.CapitalLevelEncoder
	}
	encoder := zapcore.NewConsoleEncoder(zapcore.EncoderConfig{
		TimeKey:          "time",
		LevelKey:         "severity",
		NameKey:          "service",
		MessageKey:       "message",
		EncodeTime:       zapcore.TimeEncoderOfLayout("15:04:05.000"),
		EncodeLevel:      encodeLevel,
		EncodeDuration:   zapcore.StringDurationEncoder,
		ConsoleSeparator: " ",
	})
	return zapcore.NewCore(encoder, zapcore.Lock(w), zapcore.Level(cfg.Level))
}

func encodeTime(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
	zapcore.RFC3339NanoTimeEncoder(t.UTC(), enc)
}

// encodeSeverity writes the name of the level as a Cloud Logging severity.
func encodeSeverity(level zapcore.Level, enc zapcore.PrimitiveArrayEncoder) {
	switch level {
	case zapcore.DebugLevel:
		enc.AppendString("DEBUG")
	case zapcore.InfoLevel:
		enc.AppendString("INFO")
	case zapcore.WarnLevel:
		enc.AppendString("WARNING")
	case zapcore.ErrorLevel:
		enc.AppendString("ERROR")
	default:
		enc.AppendString("CRITICAL")
	}
}

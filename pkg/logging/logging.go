// Package logging creates the logger of a process. It writes JSON lines for
// Cloud Logging, or readable lines on a terminal.
package logging

import (
	"errors"
	"io"
	"os"
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

// New returns a logger that writes to w. If w is a terminal, the logger writes
// coloured lines immediately. Otherwise it writes one JSON object per line with
// the keys of Cloud Logging (severity, time, message). JSON is buffered: a line
// of level warn or above is written immediately together with all earlier
// lines, other lines within about a second. Sync writes the rest at exit.
func New(level Level, w *os.File) *zap.Logger {
	if IsTerminal(w) {
		return zap.New(consoleCore(level, unsynced{w}))
	}
	sink := &zapcore.BufferedWriteSyncer{WS: unsynced{w}, Size: bufferBytes, FlushInterval: flushInterval}
	return zap.New(&urgent{zapcore.NewCore(jsonEncoder(), sink, zapcore.Level(level))})
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

// urgent flushes its core after each entry of level warn or above, so that the
// explanation of a crash is never lost in the buffer.
type urgent struct{ zapcore.Core }

func (u *urgent) With(fields []zapcore.Field) zapcore.Core {
	return &urgent{u.Core.With(fields)}
}

func (u *urgent) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if u.Enabled(entry.Level) {
		return checked.AddCore(entry, u)
	}
	return checked
}

func (u *urgent) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	err := u.Core.Write(entry, fields)
	if entry.Level >= zapcore.WarnLevel {
		err = errors.Join(err, u.Sync())
	}
	return err
}

func jsonEncoder() zapcore.Encoder {
	return zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey:        "time",
		LevelKey:       "severity",
		NameKey:        "logger",
		MessageKey:     "message",
		EncodeTime:     encodeTime,
		EncodeLevel:    encodeSeverity,
		EncodeDuration: zapcore.StringDurationEncoder,
	})
}

func consoleCore(level Level, w zapcore.WriteSyncer) zapcore.Core {
	encoder := zapcore.NewConsoleEncoder(zapcore.EncoderConfig{
		TimeKey:          "time",
		LevelKey:         "severity",
		NameKey:          "logger",
		MessageKey:       "message",
		EncodeTime:       zapcore.TimeEncoderOfLayout("15:04:05.000"),
		EncodeLevel:      zapcore.CapitalColorLevelEncoder,
		EncodeDuration:   zapcore.StringDurationEncoder,
		ConsoleSeparator: " ",
	})
	return zapcore.NewCore(encoder, zapcore.Lock(w), zapcore.Level(level))
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

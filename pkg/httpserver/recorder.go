package httpserver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/logging"
)

// maxLoggedPath bounds the part of a path that is logged.
const maxLoggedPath = 512

// recorder is the ResponseWriter that Process passes on. It records the values
// of the request's log line.
type recorder struct {
	http.ResponseWriter
	id           [1]string // an array, so that header slices need no allocation
	method, path string
	start        time.Time
	remote       string
	traceparent  string // of the request's span, or else of the client's
	traced       bool   // the request has a span, of the outermost service of the process
	hasBody      bool   // an HTTP/1 request whose body net/http reads before it answers
	lingers      bool   // the answer is sent before the rest of the body is read
	status       int    // 0 until the answer begins
	bytes        int64
	level        zapcore.Level // at least info
	clientGone   bool          // the client left before its answer was ready
	err          error         // of a 5xx answer, of an aborted answer, or of sending it
	caller       string        // as it may be logged, "" if there is none
	stack        []byte        // of a panic
}

func newRecorder(w http.ResponseWriter, r *http.Request, origin events.Origin) *recorder {
	return &recorder{
		ResponseWriter: w, id: [1]string{origin.RequestID}, traceparent: origin.Traceparent, method: r.Method, path: r.URL.Path, start: time.Now(),
		hasBody: r.ProtoMajor == 1 && r.ContentLength != 0, remote: r.RemoteAddr,
	}
}

// recorderOf returns the recorder that w is or wraps, or nil.
func recorderOf(w http.ResponseWriter) *recorder {
	for {
		switch t := w.(type) {
		case *recorder:
			return t
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return nil
		}
	}
}

// NoteCaller names the caller of the request in its log line. The name must not
// be personal data.
func NoteCaller(w http.ResponseWriter, name string) {
	if rec := recorderOf(w); rec != nil {
		rec.caller = name
	}
}

// Unwrap serves http.ResponseController.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		rec.status = status
		// Without a length, the answer would end for the client only when the
		// handler returns.
		if rec.hasBody && status >= http.StatusBadRequest && rec.Header().Get("Content-Length") != "" {
			rec.lingers = http.NewResponseController(rec.ResponseWriter).EnableFullDuplex() == nil
		}
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) begin() {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
}

func (rec *recorder) Write(p []byte) (int, error) {
	rec.begin()
	n, err := rec.ResponseWriter.Write(p)
	rec.sent(int64(n), err)
	return n, err
}

// WriteString saves io.WriteString a copy.
func (rec *recorder) WriteString(s string) (int, error) {
	rec.begin()
	n, err := io.WriteString(rec.ResponseWriter, s)
	rec.sent(int64(n), err)
	return n, err
}

// ReadFrom preserves the sendfile of the connection.
func (rec *recorder) ReadFrom(src io.Reader) (int64, error) {
	rec.begin()
	n, err := io.Copy(rec.ResponseWriter, src)
	rec.sent(n, err)
	return n, err
}

func (rec *recorder) sent(n int64, err error) {
	rec.bytes += n
	if rec.err == nil {
		rec.err = err
	}
}

// FlushError serves http.ResponseController.
func (rec *recorder) FlushError() error {
	rec.begin()
	return http.NewResponseController(rec.ResponseWriter).Flush()
}

// Flush serves gin, which asserts http.Flusher.
func (rec *recorder) Flush() { _ = rec.FlushError() }

// note records for the log the error that an answer with status reports. If the
// answer has begun, it closes the connection.
func (rec *recorder) note(err error, status int, clientGone bool) {
	begun := rec.status != 0
	rec.clientGone = clientGone
	if status >= 500 || begun {
		rec.err = err
	}
	if !begun {
		if fault.KindOf(err) == fault.Lost {
			rec.err, rec.level = err, zapcore.ErrorLevel
		}
		return
	}
	if !clientGone {
		rec.level = zapcore.ErrorLevel
	}
	panic(http.ErrAbortHandler)
}

var errAborted = errors.New("the answer was broken off")

// answerPanic answers for a handler that panicked with v. cut reports whether
// the connection has to be closed instead.
func (rec *recorder) answerPanic(r *http.Request, v any) (cut bool) {
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares so too
		if rec.err == nil {
			rec.err = errAborted
		}
		return true
	}
	err := fmt.Errorf("panic: %v", v)
	rec.level, rec.stack = zapcore.ErrorLevel, debug.Stack()
	if rec.status != 0 {
		rec.err = err
		return true
	}
	WriteError(rec, r, err)
	return false
}

// loggedPath returns path in the form in which it is logged: bounded, and
// without characters that do not occur in routes and ids, which could be
// personal data.
func loggedPath(path string) string {
	path = path[:min(len(path), maxLoggedPath)]
	for i := range len(path) {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("/._-:", c) >= 0:
		default:
			return path[:strings.LastIndexByte(path[:i], '/')+1] + "…"
		}
	}
	return path
}

func (rec *recorder) log(log *zap.Logger) {
	level := rec.level
	if rec.status >= 500 && !rec.clientGone {
		level = zapcore.ErrorLevel
	}
	switch rec.path {
	case "/livez", "/readyz", ReadyPath:
		level-- // a failing probe is a warning; a successful one is logged at debug
	}
	if entry := log.Check(level, "request"); entry != nil {
		entry.Write(zap.Object("httpRequest", httpRequest{rec}), zap.Inline(rec), logging.Trace(rec.traceparent), logging.Span(rec.traceparent))
	}
}

// httpRequest is the part of the line that Cloud Logging knows the names of.
type httpRequest struct{ *recorder }

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (r httpRequest) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	r.begin() // net/http sends 200 for a handler that wrote nothing
	status := r.status
	if r.clientGone {
		status = statusClientGone
	}
	enc.AddString("requestMethod", r.method)
	enc.AddString("requestUrl", loggedPath(r.path))
	enc.AddInt("status", status)
	enc.AddInt64("responseSize", r.bytes)
	enc.AddString("latency", strconv.FormatFloat(time.Since(r.start).Seconds(), 'f', 6, 64)+"s")
	return nil
}

// MarshalLogObject adds the other fields of the line.
func (rec *recorder) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddString("request_id", rec.id[0])
	if rec.caller != "" {
		enc.AddString("caller", rec.caller)
	}
	if rec.err != nil {
		text := rec.err.Error()
		if rec.remote != "" { // errors of package net contain it
			text = strings.ReplaceAll(text, rec.remote, "the client")
		}
		enc.AddString("error", text)
	}
	if rec.stack != nil {
		enc.AddByteString("stack", rec.stack)
	}
	return nil
}

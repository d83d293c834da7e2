package httpserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/longwork"
)

// RequestID returns the id that Process gave the request of ctx, or "".
func RequestID(ctx context.Context) string { return events.OriginFrom(ctx).RequestID }

// Process wraps the handler of a whole process. Use it once.
//
// Every request has an id: that of its X-Request-Id header if it consists of 1
// to 128 of the characters A-Za-z0-9._-, otherwise a new one. The id is in the
// header of the answer, in the header that h sees and, with a valid
// traceparent, in events.OriginFrom of the context.
//
// A panic of h becomes an internal problem, or closes the connection if the
// answer had begun. A request without a host gets the address at which it
// arrived as its host, for PublicURL.
//
// Each request is logged in one line, without its query and its sender, which
// may be personal data. The level is info, debug for probes, and error, with
// the error, for a 5xx answer. The line also has the error that prevented the
// answer from being sent.
//
// An answer of 4xx or 5xx is sent at once. Over HTTP/1, the unread rest of the
// body is then read for at most 3 seconds, so that a client that is still
// sending receives the answer. Over HTTP/2, the stream is reset without an
// error (RFC 9113, section 8.1), which some clients do not handle well.
func Process(h http.Handler, log *zap.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := events.Origin{RequestID: requestID(r.Header), Traceparent: traceparent(r.Header)}
		rec := newRecorder(w, r, origin)
		whole := r.Body // h may read a limited part
		header := w.Header()
		header["X-Request-Id"] = rec.id[:]
		header["X-Content-Type-Options"] = nosniff
		r.Header["X-Request-Id"] = rec.id[:]
		r = r.WithContext(events.WithOrigin(r.Context(), origin))
		r.Body = fair(r)
		if r.Host == "" {
			if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
				r.Host = local.String()
			}
		}
		if r.URL.RawPath != "" {
			r.URL.RawPath = decodeUnreserved(r.URL.RawPath)
		}
		defer func() {
			cut := false
			if v := recover(); v != nil {
				cut = rec.answerPanic(r, v)
			}
			rec.log(log)
			if cut {
				panic(http.ErrAbortHandler)
			}
			if rec.lingers {
				linger(rec, whole)
			}
		}()
		h.ServeHTTP(rec, r)
	})
}

// decodeUnreserved decodes the letters, digits, hyphens, underscores and tildes
// of an escaped path: it means the same without their escapes (RFC 3986, section
// 6.2.2.2), and routes are compared as text. Dots stay, as they may be segments
// that mean another directory.
func decodeUnreserved(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			if code, err := strconv.ParseUint(path[i+1:i+3], 16, 8); err == nil {
				switch c := byte(code); {
				case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '~':
					b.WriteByte(c)
					i += 2
					continue
				}
			}
		}
		b.WriteByte(path[i])
	}
	return b.String()
}

// CloseUnread sets the header h of an answer to r, whose body is not read to its end.
// The connection is closed after the answer, because the rest of the body is in it. A
// connection of HTTP/2 stays open: the rest is in a stream of its own.
func CloseUnread(h http.Header, r *http.Request) {
	if r.ProtoMajor == 1 {
		h.Set("Connection", "close")
	}
}

// lingerTimeout bounds how long the rest of a refused body is read. It is
// shorter than drainTimeout.
const lingerTimeout = 3 * time.Second

// linger sends a refusal and continues to read. A connection that is closed
// while its client sends is reset, and the reset can overtake the answer. If
// the body does not end in time, the connection is closed, because the
// following bytes are not a request.
func linger(rec *recorder, body io.Reader) {
	control := http.NewResponseController(rec)
	err := control.Flush()
	if err == nil {
		err = control.SetReadDeadline(time.Now().Add(lingerTimeout))
	}
	if err == nil {
		err = longwork.Discard(body)
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// nosniff is shared by all answers, which saves an allocation each. Set and Add
// of a Header never write into a full slice.
var nosniff = []string{"nosniff"}

func requestID(h http.Header) string {
	if ids := h["X-Request-Id"]; len(ids) > 0 && validRequestID(ids[0]) {
		return ids[0]
	}
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	var text [32]byte
	hex.Encode(text[:], raw[:])
	return string(text[:])
}

func validRequestID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// traceparent returns the W3C trace context of the request if it is valid:
// version, trace id, span id and flags in lower-case hex, and no id of zeros.
func traceparent(h http.Header) string {
	values := h["Traceparent"]
	if len(values) != 1 {
		return ""
	}
	v := values[0]
	if len(v) != 55 || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return ""
	}
	version, trace, span, flags := v[:2], v[3:35], v[36:52], v[53:]
	if version == "ff" || strings.Trim(trace, "0") == "" || strings.Trim(span, "0") == "" {
		return ""
	}
	for _, part := range [...]string{version, trace, span, flags} {
		if strings.Trim(part, "0123456789abcdef") != "" {
			return ""
		}
	}
	return v
}

package httpserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
)

type problem struct {
	Type     string            `json:"type"`
	Title    string            `json:"title"`
	Status   int               `json:"status"`
	Detail   string            `json:"detail"`
	Instance string            `json:"instance"`
	Errors   []fault.Violation `json:"errors"`
}

func decodeProblem(t *testing.T, w *httptest.ResponseRecorder) problem {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type = %q", got)
	}
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("body %q: %v", w.Body, err)
	}
	return p
}

func TestProblemsAreThoseOfTheContract(t *testing.T) {
	want := strings.Fields(`validation-error malformed-request invalid-page-token no-such-instance-error content-missing no-such-route
		method-not-allowed already-exists request-in-progress cursor-expired precondition-failed precondition-required payload-too-large
		unsupported-media-type range-not-satisfiable idempotency-key-reused unauthenticated forbidden rate-limited internal bad-upstream
		unavailable upstream-timeout`)
	var got []string
	for _, p := range httpserver.Problems() {
		got = append(got, p.Name)
		if p.Status < 400 || p.Title == "" || p.About == "" {
			t.Errorf("%s is incomplete: %+v", p.Name, p)
		}
		if found, ok := httpserver.LookupProblem(p.Name); !ok || found != p {
			t.Errorf("LookupProblem(%s) = %v", p.Name, found)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, ok := httpserver.LookupProblem("no-such"); ok {
		t.Error("LookupProblem finds what is not there")
	}
	httpserver.Problems()[0].Name = "changed"
	if httpserver.Problems()[0].Name != "validation-error" {
		t.Error("Problems is shared between callers")
	}
}

func TestWriteErrorMapsCodeThenKind(t *testing.T) {
	secret := errors.New("SQL: no such table")
	kind := func(k fault.Kind) error { return fmt.Errorf("op: %w", fault.New(k, "own-code", "told").Wrap(secret)) }
	tests := map[string]struct {
		err          error
		name, detail string
	}{
		"a code that is a problem": {fault.New(fault.Conflict, "request-in-progress", "told"), "request-in-progress", "told"},
		"invalid":                  {kind(fault.Invalid), "validation-error", "told"},
		"not found":                {kind(fault.NotFound), "no-such-instance-error", "told"},
		"conflict":                 {kind(fault.Conflict), "already-exists", "told"},
		"precondition":             {kind(fault.Precondition), "precondition-failed", "told"},
		"too large":                {kind(fault.TooLarge), "payload-too-large", "told"},
		"unsupported":              {kind(fault.Unsupported), "unsupported-media-type", "told"},
		"unavailable":              {kind(fault.Unavailable), "unavailable", "told"},
		"internal":                 {kind(fault.Internal), "internal", "the service failed; report the instance of this problem if it happens again"},
		"no fault":                 {secret, "internal", "the service failed; report the instance of this problem if it happens again"},
		"a deadline":               {fmt.Errorf("op: %w", context.DeadlineExceeded), "unavailable", "a part of the service cannot be reached at the moment; try again"},
		"cancelled from inside":    {fmt.Errorf("op: %w", context.Canceled), "unavailable", "a part of the service cannot be reached at the moment; try again"},
		"sentinel":                 {httpserver.ErrPageToken, "invalid-page-token", "the page token does not belong to this list with these filters; begin again with the first page"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "/v1/accounts", nil)
			r = r.WithContext(events.WithOrigin(r.Context(), events.Origin{RequestID: "id-1"}))
			httpserver.WriteError(w, r, tt.err)
			p, _ := httpserver.LookupProblem(tt.name)
			want := problem{Type: "http://example.com/problems/" + tt.name, Title: p.Title, Status: p.Status, Detail: tt.detail, Instance: "urn:request:id-1"}
			if diff := cmp.Diff(want, decodeProblem(t, w)); diff != "" {
				t.Error(diff)
			}
			if w.Code != p.Status || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("status %d, header %v", w.Code, w.Header())
			}
			if retry := w.Header().Get("Retry-After"); (retry == "1") != (tt.name == "unavailable" || tt.name == "request-in-progress") {
				t.Errorf("Retry-After = %q", retry)
			}
			if strings.Contains(w.Body.String(), "SQL") {
				t.Errorf("the cause leaks: %s", w.Body)
			}
		})
	}
}

func TestWriteErrorOfARequestWithoutID(t *testing.T) {
	w := httptest.NewRecorder()
	httpserver.WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), fault.Invalidate(fault.Violation{Pointer: "/a", Detail: "<b> & c"}))
	if body := w.Body.String(); strings.Contains(body, "instance") || !strings.Contains(body, `"errors":[{"pointer":"/a","detail":"<b> & c"}]`) {
		t.Errorf("body %s", body)
	}
	if got := w.Header().Get("Content-Length"); got != fmt.Sprint(w.Body.Len()) {
		t.Errorf("Content-Length = %s of %d", got, w.Body.Len())
	}
}

func TestWriteErrorSaysWhenToComeBack(t *testing.T) {
	w := httptest.NewRecorder()
	httpserver.WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), httpserver.ErrUnavailable.After(10*time.Second))
	if got := w.Header().Get("Retry-After"); got != "10" {
		t.Errorf("Retry-After = %s", got)
	}
}

func TestWriteErrorToHeadHasNoBody(t *testing.T) {
	w := httptest.NewRecorder()
	httpserver.WriteError(w, httptest.NewRequest(http.MethodHead, "/", nil), httpserver.ErrNoRoute)
	if w.Code != http.StatusNotFound || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("status %d, body %q, header %v", w.Code, w.Body, w.Header())
	}
}

func TestWriteErrorDropsTheHeadersOfASuccess(t *testing.T) {
	w := httptest.NewRecorder()
	for _, name := range []string{"Content-Encoding", "ETag", "Last-Modified", "Location"} {
		w.Header().Set(name, "x")
	}
	w.Header().Set("Content-Length", "1")
	w.Header().Set("Retry-After", "30")
	httpserver.WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), httpserver.ErrUnavailable)
	want := http.Header{
		"Content-Type":   {"application/problem+json"},
		"Content-Length": {fmt.Sprint(w.Body.Len())},
		"Cache-Control":  {"no-store"},
		"Retry-After":    {"30"},
	}
	if diff := cmp.Diff(want, w.Header()); diff != "" {
		t.Error(diff)
	}
}

func TestWriteErrorToAClientThatMayHaveLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for err, want := range map[error]int{context.Canceled: 503, httpserver.ErrUnavailable: 503, errors.New("interrupted"): 500, httpserver.ErrNoRoute: 404} {
		w := httptest.NewRecorder()
		httpserver.WriteError(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), err)
		if w.Code != want {
			t.Errorf("%v: status %d, want %d", err, w.Code, want)
		}
	}
}

func TestPublicURL(t *testing.T) {
	tests := []struct {
		name, target, host, forwardedProto, forwardedHost, want string
	}{
		{"plain", "http://in/", "api.example.com:8080", "", "", "http://api.example.com:8080"},
		{"TLS", "https://in/", "api.example.com", "", "", "https://api.example.com"},
		{"forwarded", "http://in/", "accounts:8080", "https", "api.example.com", "https://api.example.com"},
		{"forwarded without a scheme", "http://in/", "accounts", "", "api.example.com", "http://api.example.com"},
		{"forwarded nonsense", "http://in/", "accounts", "javascript", "", "http://accounts"},
		{"no host", "http://in/", "", "https", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, tt.target, nil)
			r.Host = tt.host
			r.Header.Set("X-Forwarded-Proto", tt.forwardedProto)
			r.Header.Set("X-Forwarded-Host", tt.forwardedHost)
			if got := httpserver.PublicURL(r); got != tt.want {
				t.Errorf("PublicURL = %q, want %q", got, tt.want)
			}
		})
	}
}

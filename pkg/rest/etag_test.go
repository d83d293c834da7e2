package rest_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
)

func TestConditionalWithIfNoneMatch(t *testing.T) {
	tests := []struct {
		name, method string
		ifNoneMatch  []string
		etag         string
		want         bool
	}{
		{"no condition", http.MethodGet, nil, `"7"`, false},
		{"the tag", http.MethodGet, []string{`"7"`}, `"7"`, true},
		{"the tag, weak", http.MethodGet, []string{`W/"7"`}, `"7"`, true},
		{"anything", http.MethodHead, []string{" * "}, `"7"`, true},
		{"in a list", http.MethodGet, []string{`"a,b", W/"x" ,,"7"`}, `"7"`, true},
		{"in a second line", http.MethodGet, []string{`"1"`, `"7"`}, `"7"`, true},
		{"another", http.MethodGet, []string{`"77"`}, `"7"`, false},
		{"no list of tags", http.MethodGet, []string{`7`}, `"7"`, false},
		{"a write", http.MethodPut, []string{`"7"`}, `"7"`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			c, _ := gin.CreateTestContext(w)
			c.Request = httptest.NewRequest(tt.method, "/", nil)
			c.Request.Header["If-None-Match"] = tt.ifNoneMatch
			if got := rest.Conditional(c, tt.etag); got != tt.want {
				t.Fatalf("Conditional = %v", got)
			}
			if tt.want && (w.Code != http.StatusNotModified || w.Header().Get("ETag") != tt.etag || w.Body.Len() != 0) {
				t.Errorf("answer %d, header %v", w.Code, w.Header())
			}
			if !tt.want && len(w.Header()) != 0 {
				t.Errorf("header %v", w.Header())
			}
		})
	}
}

func TestConditionalWithIfMatch(t *testing.T) {
	for _, tt := range []struct {
		name, method         string
		ifMatch, ifNoneMatch []string
		want                 int // 0 if the content is to be sent
	}{
		{"the tag", http.MethodGet, []string{`"7"`}, nil, 0},
		{"anything", http.MethodHead, []string{`*`}, nil, 0},
		{"in a second line", http.MethodGet, []string{`"1"`, `"7"`}, nil, 0},
		{"another", http.MethodGet, []string{`"8"`}, nil, http.StatusPreconditionFailed},
		{"another, of HEAD", http.MethodHead, []string{`"8"`}, nil, http.StatusPreconditionFailed},
		{"weak", http.MethodGet, []string{`W/"7"`}, nil, http.StatusPreconditionFailed},
		{"no list of tags", http.MethodGet, []string{`7`}, nil, http.StatusBadRequest},
		{"before If-None-Match", http.MethodGet, []string{`"8"`}, []string{`"7"`}, http.StatusPreconditionFailed},
		{"then If-None-Match", http.MethodGet, []string{`"7"`}, []string{`"7"`}, http.StatusNotModified},
		{"a write", http.MethodPut, []string{`"8"`}, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			c, _ := gin.CreateTestContext(w)
			c.Request = httptest.NewRequest(tt.method, "/", nil)
			c.Request.Header["If-Match"], c.Request.Header["If-None-Match"] = tt.ifMatch, tt.ifNoneMatch
			if got := rest.Conditional(c, `"7"`); got != (tt.want != 0) {
				t.Fatalf("Conditional = %v", got)
			}
			if tt.want != 0 && w.Code != tt.want {
				t.Errorf("status %d, want %d", w.Code, tt.want)
			}
			if tag := w.Header().Get("ETag"); tt.want == http.StatusPreconditionFailed && tag != `"7"` {
				t.Errorf("ETag %s", tag)
			}
			if weak := strings.Contains(w.Body.String(), "weak tag"); weak != (tt.name == "weak") {
				t.Errorf("body %s", w.Body)
			}
		})
	}
}

func TestSetETag(t *testing.T) {
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	rest.SetETag(c, 7)
	if got := w.Header().Get("ETag"); got != `"7"` {
		t.Errorf("ETag = %s", got)
	}
}

func TestWriteCondition(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		ifMatch, ifNoneMatch []string
		required             bool
		want                 error // of Check; nil if the condition holds
	}{
		{name: "no condition"},
		{name: "no condition where one is required", required: true, want: httpserver.ErrNoPrecondition},
		{name: "the tag", ifMatch: []string{`"7"`}, required: true},
		{name: "the tag of another form", ifMatch: []string{`"abc"`}},
		{name: "anything", ifMatch: []string{`*`}, required: true},
		{name: "in a list", ifMatch: []string{`"1","7"`}},
		{name: "in a second line", ifMatch: []string{`"1"`, `"7"`}},
		{name: "another", ifMatch: []string{`"8"`}, want: httpserver.ErrPrecondition},
		{name: "the tag, weak", ifMatch: []string{`W/"7"`}, want: httpserver.ErrPrecondition},
		{name: "foreign tags", ifMatch: []string{`"", "x y", "07"`}, want: httpserver.ErrPrecondition},
		{name: "not that one", ifNoneMatch: []string{`"6", "abd"`}},
		{name: "not that one where a state is required", ifNoneMatch: []string{`"6"`}, required: true, want: httpserver.ErrNoPrecondition},
		{name: "not the tag", ifNoneMatch: []string{`"6", "7"`}, want: httpserver.ErrPrecondition},
		{name: "not the tag, weak", ifNoneMatch: []string{`W/"7"`}, want: httpserver.ErrPrecondition},
		{name: "not the tag of another form", ifNoneMatch: []string{`"abc"`}, want: httpserver.ErrPrecondition},
		{name: "nothing", ifNoneMatch: []string{`*`}, required: true, want: httpserver.ErrPrecondition},
		{name: "the tag and nothing", ifMatch: []string{`"7"`}, ifNoneMatch: []string{`*`}, want: httpserver.ErrPrecondition},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := post(nil, "")
			c.Request.Header["If-Match"], c.Request.Header["If-None-Match"] = tt.ifMatch, tt.ifNoneMatch
			cond, err := rest.WriteCondition(c, tt.required)
			if err != nil {
				t.Fatal(err)
			}
			if creates := tt.name == "nothing"; cond.Creates() != creates {
				t.Errorf("Creates = %v, want %v", cond.Creates(), creates)
			}
			if err := cond.Require(`"7"`, `"abc"`); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("Check = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestConditionsThatAreNone(t *testing.T) {
	for _, line := range []string{`7`, `"7`, `W/`, `"7""8"`, ``, `*, "7"`} {
		c := post(nil, "")
		c.Request.Header["If-Match"], c.Request.Header["If-None-Match"] = []string{`"7"`, line}, []string{line}
		_, err := rest.WriteCondition(c, false)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid || len(f.Violations) != 2 {
			t.Errorf("%q: %v, want both headers to be refused", line, err)
		}
	}
}

func TestAFailedConditionTellsTheETag(t *testing.T) {
	c := post(nil, "")
	c.Request.Header.Set("If-Match", `"6"`)
	cond, err := rest.WriteCondition(c, false)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	httpserver.WriteError(w, c.Request, fmt.Errorf("wrapped: %w", cond.Require(`"7"`, `"abc"`)))
	if w.Code != http.StatusPreconditionFailed || w.Header().Get("ETag") != `"7"` {
		t.Errorf("%d with ETag %s: %s", w.Code, w.Header().Get("ETag"), w.Body)
	}
}

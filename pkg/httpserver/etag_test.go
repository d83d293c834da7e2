package httpserver_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
)

func TestNotModified(t *testing.T) {
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
			if got := httpserver.NotModified(c, tt.etag); got != tt.want {
				t.Fatalf("NotModified = %v", got)
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

func TestSetETag(t *testing.T) {
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	httpserver.SetETag(c, 7)
	if got := w.Header().Get("ETag"); got != `"7"` {
		t.Errorf("ETag = %s", got)
	}
}

func TestIfMatch(t *testing.T) {
	tests := []struct {
		name    string
		ifMatch []string
		invalid bool
		holds   bool
	}{
		{"absent", nil, false, true},
		{"the tag", []string{`"7"`}, false, true},
		{"anything", []string{`*`}, false, true},
		{"in a list", []string{`"1","7"`}, false, true},
		{"in a second line", []string{`"1"`, `"7"`}, false, true},
		{"another", []string{`"8"`}, false, false},
		{"the tag, weak", []string{`W/"7"`}, false, false},
		{"foreign tags", []string{`"", "x y", "07"`}, false, false},
		{"without quotes", []string{`7`}, true, false},
		{"with one quote", []string{`"7`}, true, false},
		{"weak without quotes", []string{`W/`}, true, false},
		{"tags without a comma", []string{`"7""8"`}, true, false},
		{"nothing", []string{``}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := post(nil, "")
			c.Request.Header["If-Match"] = tt.ifMatch
			cond, err := httpserver.IfMatch(c)
			if got := fault.KindOf(err) == fault.Invalid && err != nil; got != tt.invalid {
				t.Fatalf("err = %v", err)
			}
			if tt.invalid {
				return
			}
			err = cond.Check(7)
			if (err == nil) != tt.holds || err != nil && !errors.Is(err, httpserver.ErrPrecondition) {
				t.Errorf("Check = %v", err)
			}
		})
	}
}

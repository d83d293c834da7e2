package rest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
)

func TestReadItems(t *testing.T) {
	for _, tt := range []struct {
		name, mediaType, body string
		want                  []string
		err                   error
	}{
		{"lines", ndjson, "{}\n\n 1 \r\nx\t\r\n \n[2]", []string{"{}", "1", "x", "[2]"}, nil},
		{"elements", "application/json; charset=utf-8", " [ {\"a\": [1]} ,\n2,\"]\" ] ", []string{`{"a": [1]}`, "2", `"]"`}, nil},
		{"as many as may be", ndjson, strings.Repeat("1\n", MaxItems), strings.Fields(strings.Repeat("1 ", MaxItems)), nil},
		{"too many lines", ndjson, strings.Repeat("1\n", MaxItems+1), nil, fault.Invalidate(fault.Violation{})},
		{"too many elements", "application/json", "[1" + strings.Repeat(",1", MaxItems) + "]", nil, fault.Invalidate(fault.Violation{})},
		{"no line", ndjson, " \n", nil, fault.Invalidate(fault.Violation{})},
		{"no element", "application/json", "[]", nil, fault.Invalidate(fault.Violation{})},
		{"no array", "application/json", "{}", nil, fault.Invalidate(fault.Violation{})},
		{"broken array", "application/json", "[1", nil, httpserver.ErrMalformed},
		{"too large", ndjson, strings.Repeat(" ", MaxUpload+1), nil, httpserver.ErrTooLarge},
		{"a byte order mark", "application/json", "\uFEFF[1]", []string{"1"}, nil},
		{"another type", "text/plain", "1", nil, httpserver.ErrUnsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := gin.CreateTestContext(httptest.NewRecorder())
			c.Request = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tt.body))
			c.Request.Header.Set("Content-Type", tt.mediaType)
			items, body, err := ReadItems(c)
			var got []string
			for _, item := range items {
				got = append(got, string(item))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || fault.KindOf(err) != fault.KindOf(tt.err) || (err == nil) != (tt.err == nil) {
				t.Errorf("ReadItems = %v (-want +got):\n%s", err, diff)
			}
			if err == nil && string(body) != tt.body {
				t.Errorf("the body is %q", body)
			}
		})
	}
}

func TestParseItemIsBounded(t *testing.T) {
	if _, err := ParseItem([]byte(`{"a":"` + strings.Repeat("x", MaxJSON) + `"}`)); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("ParseItem = %v, want httpserver.ErrTooLarge", err)
	}
	if object, err := ParseItem([]byte(`{"a":"x"}`)); err != nil || object.String("a") != "x" {
		t.Errorf("ParseItem = %v, %v", object, err)
	}
}

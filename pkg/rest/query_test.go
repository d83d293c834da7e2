package rest_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/rest"
)

func readQuery(t *testing.T, query string) *rest.Query {
	t.Helper()
	q, err := rest.ReadQuery(httptest.NewRequest(http.MethodGet, "/?"+query, http.NoBody))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestQueryParameters(t *testing.T) {
	const (
		wholeNumber = "must be an integer in -(2^53-1)..2^53-1"
		someIDs     = "must be 1 to 100 integers with commas between them"
		moment      = "must be a time as in 2026-11-23T15:00:00Z (RFC 3339; in a query, + is written %2B)"
		tooLate     = "must be before the year 10000, in UTC"
		truth       = "must be true or false"
		size        = "must be an integer, 0 or more"
		order       = `must be id, created_at, updated_at, or one of them followed by " desc"`
		once        = "must be given once"
	)
	at := func(nanos int) time.Time { return time.Date(2026, 11, 23, 15, 0, 0, nanos, time.UTC) }
	newYear := func(year, nanos int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, nanos, time.UTC) }
	text := func(q *rest.Query) any { return q.Text("p") }
	integer := func(q *rest.Query) any { return q.Int("p") }
	ids := func(q *rest.Query) any { return q.IDs("p") }
	when := func(q *rest.Query) any { return q.Time("p") }
	boolean := func(q *rest.Query) any { return q.Bool("p") }
	hundred := strings.TrimSuffix(strings.Repeat("7,", 100), ",")
	for _, test := range []struct {
		query  string
		read   func(*rest.Query) any
		want   any
		detail string
	}{
		{"", text, (*string)(nil), ""},
		{"p=", text, new(""), ""},
		{"p=A+%26%00%ff", text, new("A &\x00\xff"), ""},
		{"p=a&p=a", text, (*string)(nil), once},
		{"", integer, (*int64)(nil), ""},
		{"p=07", integer, new(int64(7)), ""},
		{"p=-9007199254740991", integer, new(int64(-1<<53 + 1)), ""},
		{"p=9007199254740992", integer, (*int64)(nil), wholeNumber},
		{"p=99999999999999999999", integer, (*int64)(nil), wholeNumber},
		{"p=", integer, (*int64)(nil), wholeNumber},
		{"p=1.0", integer, (*int64)(nil), wholeNumber},
		{"p=%2B5", integer, (*int64)(nil), wholeNumber},
		{"p=1&p=x", integer, (*int64)(nil), once},
		{"", ids, []int64(nil), ""},
		{"p=3,1,3", ids, []int64{3, 1, 3}, ""},
		{"p=", ids, []int64(nil), someIDs},
		{"p=1,", ids, []int64(nil), someIDs},
		{"p=1+2", ids, []int64(nil), someIDs},
		{"p=1,x", ids, []int64(nil), someIDs},
		{"p=1,%2B2", ids, []int64(nil), someIDs},
		{"p=" + hundred + ",7", ids, []int64(nil), someIDs},
		{"", when, time.Time{}, ""},
		{"p=2026-11-23T15:00:00Z", when, at(0), ""},
		{"p=2026-11-23T16:30:00.5%2B01:30", when, at(5e8), ""},
		{"p=2026-11-23T15:00:00.000001Z", when, at(1000), ""},
		{"p=2026-11-23T15:00:00.000001001Z", when, at(2000), ""},
		{"p=2026-11-23T15:00:00+01:00", when, time.Time{}, moment},
		{"p=2026-11-23", when, time.Time{}, moment},
		{"p=", when, time.Time{}, moment},
		{"p=2026-11-23t15:00:00z", when, at(0), ""},
		{"p=2016-12-31T23:59:60Z", when, time.Time{}, moment},
		{"p=2026-11-23T15:00:61Z", when, time.Time{}, moment},
		{"p=2026-02-29T15:00:00Z", when, time.Time{}, moment},
		{"p=2026-11-23T5:00:00Z", when, time.Time{}, moment},
		{"p=2026-11-23T24:00:00Z", when, time.Time{}, moment},
		{"p=2026-11-23T15:00:00,5Z", when, time.Time{}, moment},
		{"p=2026-11-23T15:00:00.Z", when, time.Time{}, moment},
		{"p=2026-11-23T15:00:00%2B24:30", when, time.Time{}, moment},
		{"p=2026-11-23T15:00:00%2B23:60", when, time.Time{}, moment},
		{"p=2026-11-23T15:00:00Z%0A", when, time.Time{}, moment},
		{"p=0000-01-01T00:00:00Z", when, newYear(1970, 0), ""},
		{"p=0001-01-01T00:00:00Z", when, newYear(1970, 0), ""},
		{"p=1677-01-01T00:00:00Z", when, newYear(1970, 0), ""},
		{"p=1970-01-01T00:00:00.0000001Z", when, newYear(1970, 1000), ""},
		{"p=9999-12-31T23:59:59.999999Z", when, newYear(10000, -1000), ""},
		{"p=9999-12-31T23:59:59.9999999Z", when, time.Time{}, tooLate},
		{"p=9999-12-31T23:59:59-00:01", when, time.Time{}, tooLate},
		{"", boolean, false, ""},
		{"p=true", boolean, true, ""},
		{"p=false", boolean, false, ""},
		{"p=", boolean, false, truth},
		{"p=1", boolean, false, truth},
		{"p=TRUE", boolean, false, truth},
		{"p=true&p=true", boolean, false, once},
	} {
		q := readQuery(t, test.query)
		if diff := cmp.Diff(test.want, test.read(q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.query, diff)
		}
		checkDetail(t, q.Err(), "p", test.detail)
	}
	if q := readQuery(t, "p="+hundred); len(q.IDs("p")) != 100 || q.Err() != nil {
		t.Error("100 ids are refused")
	}

	for query, want := range map[string]int{"": 50, "=0": 50, "=1": 1, "=1000": 1000, "=1001": 1000, "=99999999999999999999999": 1000} {
		if query != "" {
			query = "page_size" + query
		}
		q := readQuery(t, query)
		if got := q.Paging(list.Options{}).Limit; got != want || q.Err() != nil {
			t.Errorf("%s: %d, %v, want %d", query, got, q.Err(), want)
		}
	}
	for _, wrong := range []string{"", "-1", "-99999999999999999999999", "1.5", "ten", "+1", "%2B2", "%2B99999999999999999999999", "1e3"} {
		q := readQuery(t, "page_size="+wrong)
		q.Paging(list.Options{})
		checkDetail(t, q.Err(), "page_size", size)
	}
	for query, want := range map[string]list.Order{
		"": {By: "id"}, "updated_since=2026-11-23T15:00:00Z": {By: "updated_at"}, "order_by=number": {By: "id"}, "order_by=id": {By: "id"}, "order_by=id+desc": {By: "id", Desc: true}, "order_by=created_at%20desc": {By: "created_at", Desc: true},
	} {
		q := readQuery(t, query)
		if got := q.Selection("number", "id").Order; got != want || q.Err() != nil {
			t.Errorf("%s: %v, %v, want %v", query, got, q.Err(), want)
		}
	}
	for _, wrong := range []string{"", "name", "id+asc", "id+desc+desc", "id++desc", "+id", "id+", "+desc", "desc", "+", "id%09desc", "id,created_at", "ID"} {
		q := readQuery(t, "order_by="+wrong)
		q.Selection("id")
		checkDetail(t, q.Err(), "order_by", order)
	}
}

func TestQueryTellsAllFaultsAtOnce(t *testing.T) {
	q := readQuery(t, "b=1&a=x&z=1&z=2&c=maybe&page_token=x")
	q.Int("a")
	q.Bool("c")
	q.Paging(list.Options{})
	want := []fault.Violation{
		{Pointer: "a", Detail: "must be an integer in -(2^53-1)..2^53-1"},
		{Pointer: "c", Detail: "must be true or false"},
		{Pointer: "b", Detail: "is not a parameter of this request"},
		{Pointer: "z", Detail: "is not a parameter of this request"},
	}
	if diff := cmp.Diff(want, violations(q.Err())); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "p%d=&", i)
	}
	if n := len(violations(readQuery(t, many.String()).Err())); n != 100 {
		t.Errorf("%d faults are told, want 100", n)
	}
	for query, hint := range map[string]string{"a=%zz": "%25", "name=a;b": "%3B"} {
		_, err := rest.ReadQuery(httptest.NewRequest(http.MethodGet, "/?"+query, http.NoBody))
		if f, ok := errors.AsType[*fault.Error](err); !errors.Is(err, httpserver.ErrMalformed) || !ok || !strings.Contains(f.Detail, hint) {
			t.Errorf("%s cannot be read: %v, want a hint at %s", query, err, hint)
		}
	}
}

func TestTakesAndFlag(t *testing.T) {
	e := httpserver.NewEngine()
	ok := func(c *gin.Context) { c.Status(http.StatusNoContent) }
	httpserver.Get(e, "/none", rest.Takes(), ok)
	httpserver.Get(e, "/v", rest.Takes("v"), ok)
	e.DELETE("/it", func(c *gin.Context) {
		allow, err := rest.Flag(c, "allow_missing")
		if err != nil {
			httpserver.Fail(c, err)
			return
		}
		c.Status(http.StatusNoContent)
		if !allow {
			c.Status(http.StatusGone)
		}
	})
	for request, want := range map[string]int{
		"GET /none": 204, "GET /none?": 204, "GET /none?&": 204, "GET /none?v=1": 400, "HEAD /none?v=1": 400, "GET /none?%zz": 400,
		"GET /v": 204, "GET /v?v=x": 204, "GET /v?v=": 204, "GET /v?v=1&v=1": 400, "GET /v?v=1&w": 400,
		"DELETE /it": 410, "DELETE /it?allow_missing=false": 410, "DELETE /it?allow_missing=true": 204,
		"DELETE /it?allow_missing=1": 400, "DELETE /it?allow_missing": 400, "DELETE /it?allow_missing=true&x=1": 400, "DELETE /it?%zz": 400,
	} {
		method, target, _ := strings.Cut(request, " ")
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(method, target, http.NoBody))
		if w.Code != want {
			t.Errorf("%s: %d %s, want %d", request, w.Code, w.Body, want)
		}
	}
}

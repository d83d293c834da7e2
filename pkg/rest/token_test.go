package rest_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/rest"
)

// readList reads the parameters of a list as a service does.
func readList(t *testing.T, values url.Values) (*rest.Query, *list.Place, error) {
	t.Helper()
	q := readQuery(t, values.Encode())
	q.Text("name")
	q.Int("step")
	after := q.Paging(q.Selection("id")).After
	err := q.Err()
	return q, after, err
}

func TestPageTokenComesBack(t *testing.T) {
	values := url.Values{"name": {"Ann"}, "step": {"7"}, "order_by": {"created_at"}}
	q, _, err := readList(t, values)
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []list.Place{
		{},
		{ID: 1<<53 - 1},
		{At: time.Date(2026, 11, 23, 15, 0, 0, 123456000, time.UTC), ID: 7},
		{At: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), ID: 7},
		{At: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)},
	} {
		values.Set("page_token", q.PageToken(place, "Y3Vyc29y"))
		values.Set("step", "07")     // another spelling
		values.Set("page_size", "9") // still the same list
		values.Set("include_total", "true")
		later, got, err := readList(t, values)
		if diff := cmp.Diff(&place, got); diff != "" || err != nil {
			t.Errorf("%v comes back as %v, %v", place, got, err)
		}
		if later.Cursor() != "Y3Vyc29y" {
			t.Errorf("the cursor comes back as %q", later.Cursor())
		}
	}
	if q, after, err := readList(t, url.Values{"page_token": {""}}); after != nil || err != nil || q.Cursor() != "" {
		t.Errorf("an empty token is %v, %v, with the cursor %q", after, err, q.Cursor())
	}
}

func TestPageTokenIsRefused(t *testing.T) {
	values := url.Values{"name": {"Ann"}}
	q, _, _ := readList(t, values)
	token := q.PageToken(list.Place{ID: 7}, "AQID")
	alone := strings.TrimSuffix(token, ".AQID")
	raw, _ := base64.RawURLEncoding.DecodeString(alone)
	forged := func(place string) string {
		return base64.RawURLEncoding.EncodeToString(append(raw[:9:9], place...)) + ".AQID"
	}
	if forged("-62135596800000000,7") != token {
		t.Fatal("a well-made forgery is no token")
	}
	raw[0]++
	version := base64.RawURLEncoding.EncodeToString(raw) + ".AQID"
	raw[0]--
	cursor := func(cursor string) string { return q.PageToken(list.Place{ID: 7}, cursor) }
	for name, token := range map[string]string{
		"garbage": "hello", "other alphabet": "+/+/+/+/+/+/+/", "another version": version, "padded": token + "=",
		"no cursor": alone, "an empty cursor": cursor(""), "another cursor": alone + ".AQIE", "two cursors": token + ".AQID",
		"a padded cursor": cursor("AQI="), "a cursor of no such text": cursor("A\r\nB"), "a cursor in another spelling": cursor("AR"),
		"a line break": token[:4] + "\n" + token[4:], "cut off": token[:8], "cut off later": token[:len(token)-2],
		"no place": forged(""), "no id": forged("0"), "no numbers": forged("a,b"), "another spelling": forged("00,7"), "more": forged("0,7,8"),
		"a negative id": forged("0,-1"), "an id too large": forged("0,9007199254740992"),
		"a time too late": forged("9223372036854775807,1"), "a time too early": forged("-9223372036854775808,1"),
	} {
		values.Set("page_token", token)
		if _, after, err := readList(t, values); after != nil || !errors.Is(err, httpserver.ErrPageToken) {
			t.Errorf("%s: %v, %v", name, after, err)
		}
	}
	for name, other := range map[string]url.Values{
		"another filter": {"name": {"Bob"}}, "no filter": {}, "one filter more": {"name": {"Ann"}, "step": {"1"}},
		"another order": {"name": {"Ann"}, "order_by": {"created_at"}}, "another direction": {"name": {"Ann"}, "order_by": {"id desc"}},
	} {
		other.Set("page_token", token)
		if _, after, err := readList(t, other); after != nil || !errors.Is(err, httpserver.ErrPageToken) {
			t.Errorf("%s: %v, %v", name, after, err)
		}
	}
}

// Clients may hold a token over an upgrade of the server. A token in an earlier
// format is refused as any other that does not belong to the list. One in this
// format stays valid.
func TestPageTokensOfEarlierReleases(t *testing.T) {
	for token, want := range map[string]*list.Place{
		"AQk2vEl6J2uzNw": nil, // of version 1
		"Agk2vEl6J2uzLTYyMTM1NTk2ODAwMDAwMDAwLDc":      nil, // of version 2, without a cursor
		"A8gN24KA41jdLTYyMTM1NTk2ODAwMDAwMDAwLDc.AQID": {ID: 7},
	} {
		q, after, err := readList(t, url.Values{"name": {"Ann"}, "page_token": {token}})
		if diff := cmp.Diff(want, after); diff != "" || (want == nil) != errors.Is(err, httpserver.ErrPageToken) {
			t.Errorf("%s is %v, %v, want %v; a token of this list is %s", token, after, err, want, q.PageToken(list.Place{ID: 7}, "AQID"))
		}
	}
}

func FuzzPageToken(f *testing.F) {
	f.Add("Ann", "7")
	f.Add("", "AwAAAAAAAAAAMCw3.AQID")
	f.Fuzz(func(t *testing.T, name, token string) {
		q, after, err := readList(t, url.Values{"name": {name}, "page_token": {token}})
		if err != nil && !errors.Is(err, httpserver.ErrPageToken) {
			t.Errorf("err = %v", err)
		}
		if after != nil && q.PageToken(*after, q.Cursor()) != token {
			t.Errorf("%q and %q are one token", token, q.PageToken(*after, q.Cursor()))
		}
	})
}

func TestPageHasLinks(t *testing.T) {
	for _, test := range []struct {
		target string
		more   bool
		want   string
	}{
		{"http://api/v1/x?name=A+B", false, ""},
		{"http://api/v1/x?name=A+B", true, `<http://api/v1/x?name=A+B&page_token=NEXT>; rel="next"`},
		{"http://api/v1/x?page_token=t1&a=1", true, `<http://api/v1/x?a=1>; rel="first", <http://api/v1/x?a=1&page_token=NEXT>; rel="next"`},
		{"http://api/v1/x?page_token=t1", false, `<http://api/v1/x>; rel="first"`},
	} {
		w := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(w)
		c.Request = httptest.NewRequest(http.MethodGet, test.target, http.NoBody)
		q, err := rest.ReadQuery(c.Request)
		if err != nil {
			t.Fatal(err)
		}
		next := list.Place{ID: 9} // further than the last item
		page := list.Page[int64]{Items: []int64{6, 7}}
		if test.more {
			page.Next = &next
		}
		rest.ServeList(c, q, "x", page, "AQID", func(id int64) int64 { return id })
		want := strings.ReplaceAll(test.want, "NEXT", q.PageToken(next, "AQID"))
		if got := w.Header().Get("Link"); got != want {
			t.Errorf("%s, more: %v: Link %q, want %q", test.target, test.more, got, want)
		}
	}
}

package classic

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/httpserver"
)

const (
	v1Account = `{"id":9007199254740991,"name":"Ada \"<L>\"","email":"ada@example.com","address":"","image":null,` +
		`"version":1,"etag":"\"1\"","created_at":"2026-11-23T15:00:00Z","updated_at":"2026-11-23T15:00:00Z"}`
	classicAccount = `{"id":9007199254740991,"name":"Ada \"<L>\"","email":"ada@example.com","address":"","image_hosted_url":null}`
	v1WithImage    = `{"id":1,"name":"n","email":"e@x","address":"a",` +
		`"image":{"url":"https://api/v1/accounts/1/image?v=2","content_type":"image/png","width":1,"height":1,"size_bytes":1,"sha256":"00"},` +
		`"version":2,"etag":"\"2\""}`
	classicWithImage = `{"id":1,"name":"n","email":"e@x","address":"a","image_hosted_url":"https://api/v1/accounts/1/image?v=2"}`
	v1Audio          = `{"session_id":0,"account_id":null,"ticks":[-89.03999999999999,-1e1,-10.0, -55.10000000000001],` +
		`"selected_tick":7,"step_count":1,"file_url":"https://api/v1/audios/0/file","version":1,"etag":"\"1\""}`
	classicAudio = `{"session_id":0,"ticks":[-89.03999999999999,-1e1,-10.0, -55.10000000000001],"selected_tick":7,"step_count":1}`
)

// upstream gives one answer and records the last request.
type upstream struct {
	status int
	header http.Header
	body   string

	got     string // method and target
	headers http.Header
	sent    string // body of the request
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.got, u.headers = r.Method+" "+r.URL.RequestURI(), r.Header
	sent, _ := io.ReadAll(r.Body)
	u.sent = string(sent)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	maps.Copy(w.Header(), u.header)
	w.WriteHeader(u.status)
	_, _ = io.WriteString(w, u.body)
}

func serve(u *upstream, r *http.Request) *httptest.ResponseRecorder {
	e := httpserver.NewEngine()
	Register(e, "", u, u)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func TestImageFieldHasTheNameThatIsSet(t *testing.T) {
	for field, want := range map[ImageField]string{
		"": classicWithImage, ImageHostedURL: classicWithImage,
		ImageHostedLink: strings.ReplaceAll(classicWithImage, "image_hosted_url", "image_hosted_link"),
	} {
		e := httpserver.NewEngine()
		u := &upstream{status: 200, body: v1WithImage}
		Register(e, field, u, u)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/accounts/1", nil))
		if w.Body.String() != want {
			t.Errorf("%q: %s", field, w.Body)
		}
	}
	var field ImageField
	if err := field.UnmarshalText([]byte("image_hosted_link")); err != nil || field != ImageHostedLink {
		t.Errorf("%s, %v", field, err)
	}
	if err := field.UnmarshalText([]byte("image_url")); err == nil || !strings.Contains(err.Error(), "image_hosted_link") {
		t.Errorf("error %v", err)
	}
}

func TestImagesComeInFormsAlone(t *testing.T) {
	u := &upstream{status: http.StatusOK, body: v1WithImage}
	r := httptest.NewRequest(http.MethodPost, "/accounts/1/upload_image", strings.NewReader("sent"))
	r.Header.Set("Content-Type", "image/png")
	if w := serve(u, r); w.Code != http.StatusBadRequest || u.got != "" {
		t.Errorf("a raw image: %d %s; v1 sees %q", w.Code, w.Body, u.got)
	}
}

func TestRoutes(t *testing.T) {
	list := func(items ...string) string {
		return `{"resource_type":"x","count":` + fmt.Sprint(len(items)) + `,"items":[` + strings.Join(items, ",") + `],"next_page_token":""}`
	}
	for _, test := range []struct {
		request string // method and target
		v1      string
		status  int // of v1
		answer  string
		want    int
		body    string
	}{
		{"POST /accounts", "POST /v1/accounts", 201, v1Account, 201, classicAccount},
		{"GET /accounts", "GET /v1/accounts?order_by=created_at&page_size=1000", 200, list(v1Account, v1WithImage), 200, "[" + classicAccount + "," + classicWithImage + "]"},
		{"GET /accounts", "GET /v1/accounts?order_by=created_at&page_size=1000", 200, list(), 200, "[]"},
		{
			"GET /accounts?name=A+B&name=C&email=a%40b&address=&page_token=t&page_token=u&page_size=1&order_by=x&session_id=1&ids=1&updated_since=x",
			"GET /v1/accounts?address=&email=a%40b&name=A+B&order_by=created_at&page_size=1000&page_token=t", 200, list(), 200, "[]",
		},
		{"GET /accounts/1", "GET /v1/accounts/1", 200, v1WithImage, 200, classicWithImage},
		{"GET /accounts/1?x=y", "GET /v1/accounts/1", 200, v1WithImage, 200, classicWithImage},
		{"GET /accounts/1?%zz;", "GET /v1/accounts/1", 200, v1WithImage, 200, classicWithImage},
		{"PUT /accounts/1", "PUT /v1/accounts/1", 200, v1Account, 200, classicAccount},
		{"DELETE /accounts/1", "DELETE /v1/accounts/1?allow_missing=true", 204, "", 200, "{}"},
		{"POST /accounts/1/upload_image", "PUT /v1/accounts/1/image", 200, v1WithImage, 200, classicWithImage},
		{"POST /accounts/1/upload-image", "PUT /v1/accounts/1/image", 200, v1WithImage, 200, classicWithImage},
		{"POST /audios", "POST /v1/audios?keep_account=true", 201, v1Audio, 201, classicAudio},
		{
			"GET /audios?session_id=0&selected_tick=7&step_count=1&account_id=3&name=x&step_count_min=x&include_total=x&ids=",
			"GET /v1/audios?order_by=created_at&page_size=1000&selected_tick=7&session_id=0&step_count=1", 200, list(v1Audio), 200, "[" + classicAudio + "]",
		},
		{"GET /audios/0", "GET /v1/audios/0", 200, v1Audio, 200, classicAudio},
		{"PUT /audios/0", "PUT /v1/audios/0?keep_account=true", 200, v1Audio, 200, classicAudio},
		{"GET /audios/0?x=1", "GET /v1/audios/0", 200, v1Audio, 200, classicAudio},
		{"DELETE /audios/0?allow_missing=no", "DELETE /v1/audios/0?allow_missing=true", 204, "", 200, "{}"},
		{"DELETE /audios/0", "DELETE /v1/audios/0?allow_missing=true", 204, "", 200, "{}"},
		{"GET /accounts/5%2Fimage", "GET /v1/accounts/5%2Fimage", 200, v1Account, 200, classicAccount},
		{"DELETE /accounts/5%2Fupload_image%3Fx", "DELETE /v1/accounts/5%2Fupload_image%3Fx?allow_missing=true", 204, "", 200, "{}"},
	} {
		t.Run(test.request, func(t *testing.T) {
			method, target, _ := strings.Cut(test.request, " ")
			path, query, hasQuery := strings.Cut(target, "?")
			targets := []string{target, path + "/"}
			if hasQuery {
				targets[1] += "?" + query
			}
			for _, target := range targets {
				u := &upstream{status: test.status, body: test.answer}
				r := httptest.NewRequest(method, target, strings.NewReader("sent"))
				r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
				w := serve(u, r)
				if u.got != test.v1 {
					t.Errorf("%s: v1 sees %s, want %s", target, u.got, test.v1)
				}
				if w.Code != test.want || w.Body.String() != test.body {
					t.Errorf("%s: %d %s, want %d %s", target, w.Code, w.Body, test.want, test.body)
				}
				if got := w.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
					t.Errorf("%s: Content-Type %q", target, got)
				}
				if u.sent != "sent" {
					t.Errorf("%s: v1 reads the body %q", target, u.sent)
				}
			}
			if method == http.MethodGet {
				u := &upstream{status: test.status, body: test.answer}
				w := serve(u, httptest.NewRequest(http.MethodHead, target, http.NoBody))
				if got := w.Header().Get("Content-Length"); w.Code != test.want || w.Body.Len() != 0 || got != fmt.Sprint(len(test.body)) {
					t.Errorf("HEAD: %d, %d bytes, Content-Length %s, want %d", w.Code, w.Body.Len(), got, len(test.body))
				}
			}
		})
	}
}

func TestStatuses(t *testing.T) {
	problem := func(status int) string {
		return fmt.Sprintf(`{"type":"https://api/problems/x","title":"T","status":%d,"detail":"\"status\":1","errors":[{"pointer":"/ticks","detail":"d"}]}`, status)
	}
	for v1, want := range map[int]int{
		400: 400, 404: 404, 409: 400, 412: 412, 413: 413, 415: 400, 422: 400, 428: 428, 429: 429, 500: 500, 503: 503, 504: 504,
	} {
		u := &upstream{status: v1, body: problem(v1), header: http.Header{"Content-Type": {"application/problem+json"}, "Retry-After": {"1"}}}
		w := serve(u, httptest.NewRequest(http.MethodPut, "/audios/1", strings.NewReader("{}")))
		if w.Code != want || w.Body.String() != problem(want) {
			t.Errorf("%d becomes %d %s, want %d", v1, w.Code, w.Body, want)
		}
		if w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Retry-After") != "1" {
			t.Errorf("%d: headers %v", v1, w.Header())
		}
	}
	u := &upstream{status: http.StatusNotModified, header: http.Header{"Etag": {`"7"`}}}
	w := serve(u, httptest.NewRequest(http.MethodGet, "/audios/1", http.NoBody))
	if w.Code != http.StatusNotModified || w.Header().Get("ETag") != `"7"` || w.Body.Len() != 0 {
		t.Errorf("304 becomes %d %v %q", w.Code, w.Header(), w.Body)
	}
}

func TestBrokenAnswersAreBadUpstream(t *testing.T) {
	list := `{"items":[` + v1Account + `],"next_page_token":"x"}`
	for _, test := range []struct {
		target string
		status int
		body   string
	}{
		{"/accounts/1", 200, ""},
		{"/accounts/1", 200, "<html>"},
		{"/accounts/1", 200, "[]"},
		{"/accounts/1", 200, `{"id":1,"name":"n","email":"e@x","address":"a"}`},
		{"/accounts/1", 200, `{"id":1,"name":"n","email":"e@x","address":"a","image":{}}`},
		{"/accounts/1", 200, v1Account[:len(v1Account)-1]},
		{"/accounts/1", 200, v1Account + "x"},
		{"/accounts/1", 200, list},
		{"/accounts/1", 202, v1Account},
		{"/accounts/1", 302, ""},
		{"/accounts/1", 503, "<html>"},
		{"/accounts", 200, v1Account},
		{"/accounts", 200, `{"items":[1]}`},
		{"/accounts", 200, `{"items":{}}`},
		{"/accounts", 200, list[:len(list)-1]},
	} {
		u := &upstream{status: test.status, body: test.body, header: http.Header{"Etag": {`"1"`}, "Location": {"/elsewhere"}}}
		w := serve(u, httptest.NewRequest(http.MethodGet, test.target, http.NoBody))
		if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "/problems/bad-upstream") {
			t.Errorf("GET %s with %d %s becomes %d %s", test.target, test.status, test.body, w.Code, w.Body)
		}
		if w.Header().Get("ETag")+w.Header().Get("Location") != "" {
			t.Errorf("the problem has headers of the broken answer: %v", w.Header())
		}
	}
	u := &upstream{status: 409, body: "{", header: http.Header{"Content-Type": {"application/problem+json"}}}
	if w := serve(u, httptest.NewRequest(http.MethodPost, "/audios", http.NoBody)); w.Code != http.StatusBadGateway {
		t.Errorf("a broken problem becomes %d %s", w.Code, w.Body)
	}
}

func TestHeaders(t *testing.T) {
	u := &upstream{status: 201, body: v1Account, header: http.Header{
		"Etag": {`"1"`}, "Location": {"https://api.example.com/v1/accounts/9007199254740991"}, "Link": {"<x>; rel=self"}, "X-Other": {"kept"},
	}}
	sent := http.Header{
		"Content-Type": {"multipart/form-data; boundary=x"}, "If-Match": {`"1"`}, "Idempotency-Key": {"k"}, "Authorization": {"Bearer t"},
		"X-Forwarded-Host": {"api.example.com"}, "X-Forwarded-Proto": {"https"}, "X-Request-Id": {"id"},
	}
	r := httptest.NewRequest(http.MethodPost, "/accounts", http.NoBody)
	r.Header = sent.Clone()
	for _, name := range []string{"Accept", "Accept-Encoding", "Range", "If-Range"} {
		r.Header.Set(name, "x")
	}
	w := serve(u, r)
	if diff := cmp.Diff(sent, u.headers); diff != "" {
		t.Errorf("headers that v1 sees (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(http.Header{
		"Content-Type": {"application/json; charset=utf-8"}, "Content-Length": {fmt.Sprint(len(classicAccount))},
		"Etag": {`"1"`}, "Location": {"https://api.example.com/accounts/9007199254740991"}, "X-Other": {"kept"},
	}, w.Header()); diff != "" {
		t.Errorf("headers of the answer (-want +got):\n%s", diff)
	}

	u = &upstream{status: 200, body: v1Account}
	r = httptest.NewRequest(http.MethodGet, "/accounts/1", http.NoBody)
	r.Header.Set("If-None-Match", `"1"`)
	serve(u, r)
	if u.headers.Get("If-None-Match") != `"1"` {
		t.Error("a GET loses If-None-Match")
	}
}

func TestConditions(t *testing.T) {
	overwrites := []string{"*"}
	for _, test := range []struct {
		request              string
		ifMatch, ifNoneMatch []string // of the request
		want                 []string // the If-Match that v1 receives; it receives the same If-None-Match
	}{
		{request: "PUT /accounts/1", want: overwrites},
		{request: "DELETE /accounts/1", want: overwrites},
		{request: "PUT /audios/1", want: overwrites},
		{request: "DELETE /audios/1", want: overwrites},
		{request: "POST /accounts/1/upload_image", want: overwrites},
		{request: "POST /accounts"},
		{request: "POST /audios"},
		{request: "GET /accounts/1", ifNoneMatch: []string{`"1"`}},
		{request: "PUT /accounts/1", ifMatch: []string{`"1"`, `"2"`}, want: []string{`"1"`, `"2"`}},
		{request: "DELETE /audios/1", ifMatch: []string{""}, want: []string{""}},
		{request: "PUT /audios/1", ifNoneMatch: []string{"*"}},
		{request: "PUT /audios/1", ifNoneMatch: []string{`"2"`}, want: overwrites},
		{request: "PUT /audios/1", ifMatch: []string{`"1"`}, ifNoneMatch: []string{`"2"`}, want: []string{`"1"`}},
	} {
		method, target, _ := strings.Cut(test.request, " ")
		u := &upstream{status: http.StatusNoContent}
		r := httptest.NewRequest(method, target, http.NoBody)
		r.Header = http.Header{"Content-Type": {"multipart/form-data; boundary=x"}, "If-Match": test.ifMatch, "If-None-Match": test.ifNoneMatch}
		serve(u, r)
		if diff := cmp.Diff([][]string{test.want, test.ifNoneMatch}, [][]string{u.headers["If-Match"], u.headers["If-None-Match"]}); diff != "" {
			t.Errorf("%s: If-Match and If-None-Match that v1 sees (-want +got):\n%s", test.request, diff)
		}
		if r.Header.Get("If-Match") != "" && test.ifMatch == nil {
			t.Errorf("%s: the request's own headers were changed", test.request)
		}
	}
	u := &upstream{status: http.StatusPreconditionFailed, body: `{"status":412}`, header: http.Header{"Content-Type": {"application/problem+json"}, "Etag": {`"7"`}}}
	if w := serve(u, httptest.NewRequest(http.MethodPut, "/audios/1", http.NoBody)); w.Code != http.StatusPreconditionFailed || w.Header().Get("ETag") != `"7"` {
		t.Errorf("412 becomes %d with ETag %s", w.Code, w.Header().Get("ETag"))
	}
	u = &upstream{status: http.StatusCreated, body: v1Audio, header: http.Header{"Location": {"https://api/v1/audios/0"}}}
	if w := serve(u, httptest.NewRequest(http.MethodPut, "https://api/audios/0", http.NoBody)); w.Code != http.StatusCreated || w.Header().Get("Location") != "https://api/audios/0" {
		t.Errorf("201 becomes %d with Location %s", w.Code, w.Header().Get("Location"))
	}
	u.header.Set("Location", "x") // of another service
	if w := serve(u, httptest.NewRequest(http.MethodPut, "https://api/audios/0", http.NoBody)); w.Header().Get("Location") != "x" {
		t.Errorf("another Location becomes %s", w.Header().Get("Location"))
	}
	u.header.Set("Location", "http://v1/v1/audios/0")
	if w := serve(u, httptest.NewRequest(http.MethodPut, "http://v1/audios/0", http.NoBody)); w.Header().Get("Location") != "http://v1/audios/0" {
		t.Errorf("a host of the name v1: Location %s", w.Header().Get("Location"))
	}
}

func TestLongListSaysThatItIsCut(t *testing.T) {
	u := &upstream{status: 200, body: `{"items":[` + v1Account + `],"next_page_token":"a-b_c"}`, header: http.Header{"Link": {"<v1>"}}}
	w := serve(u, httptest.NewRequest(http.MethodGet, "http://api/accounts/?name=A+B&x=y&page_token=old", http.NoBody))
	if got, want := w.Header()["Link"], []string{`<http://api/accounts?name=A+B&page_token=a-b_c>; rel="next"`}; cmp.Diff(want, got) != "" {
		t.Errorf("Link = %q, want %q", got, want)
	}
	if got := w.Header().Get("X-Truncated"); got != "true" {
		t.Errorf("X-Truncated = %q", got)
	}
	u = &upstream{status: 200, body: `{"items":[],"next_page_token":""}`, header: http.Header{"Link": {"<v1>"}}}
	w = serve(u, httptest.NewRequest(http.MethodGet, "/accounts", http.NoBody))
	if h := w.Header(); len(h["Link"])+len(h["X-Truncated"]) > 0 {
		t.Errorf("a whole list: %v", h)
	}
}

// A page of v1 may be shorter than asked for, or empty, although more follows.
func TestListIsCompleteDespiteShortPages(t *testing.T) {
	pages := map[string]string{
		"":   `{"items":[` + v1Account + `],"next_page_token":"t1"}`,
		"t1": `{"items":[],"next_page_token":"t2"}`,
		"t2": `{"items":[` + v1Account + "," + v1Account + `],"next_page_token":""}`,
	}
	var sizes []string
	service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Link", "<v1>")
		sizes = append(sizes, r.URL.Query().Get("page_size"))
		_, _ = io.WriteString(w, pages[r.URL.Query().Get("page_token")])
	})
	e := httpserver.NewEngine()
	Register(e, "", service, service)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/accounts", http.NoBody))
	var items []any
	if err := json.Unmarshal(w.Body.Bytes(), &items); err != nil || len(items) != 3 || len(w.Header()["Link"]) > 0 {
		t.Errorf("%d items, %v, Link %q: %s", len(items), err, w.Header()["Link"], w.Body)
	}
	if want := []string{"1000", "999", "999"}; cmp.Diff(want, sizes) != "" {
		t.Errorf("pages of %q, want %q", sizes, want)
	}
}

func TestQueryThatCannotBeReadIsNotIgnored(t *testing.T) {
	u := &upstream{status: 200}
	w := serve(u, httptest.NewRequest(http.MethodGet, "/accounts?name=%zz", http.NoBody))
	if w.Code != http.StatusBadRequest || u.got != "" {
		t.Errorf("%d, v1 sees %q", w.Code, u.got)
	}
}

func TestOtherMethodsAndPathsAreProblems(t *testing.T) {
	for request, want := range map[string]int{
		"PATCH /accounts/1": 405, "DELETE /accounts": 405, "GET /accounts/1/upload_image": 405, "PUT /audios": 405,
		"GET /accounts/1/image": 404, "POST /audios/1/upload_image": 404, "GET /accounts//": 404, "GET /accounts/1//": 404,
	} {
		method, target, _ := strings.Cut(request, " ")
		u := &upstream{}
		w := serve(u, httptest.NewRequest(method, target, http.NoBody))
		if w.Code != want || u.got != "" {
			t.Errorf("%s: %d, v1 sees %q", request, w.Code, u.got)
		}
	}
}

// FuzzResource compares the scanner with encoding/json. On input that is not
// JSON, the scanner only has to terminate.
func FuzzResource(f *testing.F) {
	for _, seed := range []string{
		v1Account, v1WithImage, v1Audio, "{", "", `{"a":`, `{"a"`, `{"a":1,}`,
		` { "id" : {"a":[1,"}"]} , "name":"\\", "email":"\"" ,"address":true,"image":null } `,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, v1 string) {
		body, ok := accounts("").resource([]byte(v1))
		var want, got map[string]json.RawMessage
		if !ok || json.Unmarshal([]byte(v1), &want) != nil || strings.Contains(v1, `\u`) { // names may be escaped
			return
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s becomes %s: %v", v1, body, err)
		}
		delete(got, "image_hosted_url")
		for name := range want {
			if _, ok := got[name]; !ok {
				delete(want, name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) != 4 {
			t.Errorf("%s becomes %s", v1, body)
		}
	})
}

func BenchmarkList1000(b *testing.B) {
	body := []byte(`{"resource_type":"accounts","count":1000,"items":[` + strings.Repeat(v1Account+",", 999) + v1Account + `],"next_page_token":""}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, _, _, ok := accounts("").appendList([]byte{'['}, body); !ok {
			b.Fatal("not a list")
		}
	}
}

package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// direct calls the system without a socket.
type direct struct {
	handler  http.Handler
	contract *contract
}

func newDirect(t testing.TB) direct {
	t.Helper()
	return direct{newHandler(t), loadContract(t)}
}

const directURL = "http://fuzz.example"

// serve reports an answer that is a server's fault or breaks the contract. It
// returns nil for a target that no HTTP server accepts.
func (d direct) serve(t *testing.T, method, target, contentType string, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	req := directRequest(t.Context(), method, target, header, body)
	if req == nil {
		return nil
	}
	rec, err := d.exchange(req, body, true)
	if err != nil {
		t.Errorf("%s %s: %d %s: %v", method, target, rec.Code, rec.Body, err)
	}
	return rec
}

// directRequest returns nil for a target that no HTTP server accepts.
func directRequest(ctx context.Context, method, target string, header http.Header, body []byte) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil || u.Host != "" || u.Path == "" || u.Path[0] != '/' {
		return nil
	}
	return (&http.Request{
		Method: method, URL: u, RequestURI: target, Host: strings.TrimPrefix(directURL, "http://"), Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}).WithContext(ctx)
}

// exchange returns the answer and the reason why it is wrong: a 5xx status, or
// a violation of the contract or of the rules for all answers.
func (d direct) exchange(req *http.Request, body []byte, lenient bool) (*httptest.ResponseRecorder, error) {
	rec := httptest.NewRecorder()
	d.handler.ServeHTTP(rec, req)
	resp := rec.Result()
	resp.Request = req
	received, failed := readBody(resp)
	rec.Body = bytes.NewBuffer(received)
	if req.Method == http.MethodHead {
		rec.Body.Reset() // as net/http does
	}
	if resp.StatusCode >= 500 {
		failed = errors.Join(failed, errors.New("the server failed"))
	}
	return rec, errors.Join(failed, d.contract.check(req, body, resp, rec.Body.Bytes(), lenient), checkEnvelope(directURL, req, resp, rec.Body.Bytes()))
}

func FuzzAccountsBody(f *testing.F) {
	d := newDirect(f)
	for _, bad := range accountBodies() {
		if len(bad.body) < 5000 {
			f.Add([]byte(bad.body))
		}
	}
	f.Add([]byte(profile("Jo", "jo@Example.COM", "1 Way")))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, tree := range []string{"", "/v1"} {
			created := d.serve(t, http.MethodPost, tree+"/accounts", "application/json", body)
			if created.Code != http.StatusCreated {
				continue
			}
			// A created resource reads the same, and putting it again changes
			// nothing.
			path := strings.TrimPrefix(created.Header().Get("Location"), directURL)
			if read := d.serve(t, http.MethodGet, path, "", nil); read.Body.String() != created.Body.String() {
				t.Errorf("created %s, read %s", created.Body, read.Body)
			}
			if put := d.serve(t, http.MethodPut, path, "application/json", body); put.Header().Get("ETag") != `"1"` {
				t.Errorf("the same again: %d %s", put.Code, put.Body)
			}
			d.serve(t, http.MethodDelete, path, "", nil)
		}
	})
}

func FuzzAudioBody(f *testing.F) {
	d := newDirect(f)
	session := with(newSession(), map[string]any{"session_id": 1})
	for _, bad := range audioBodies(session) {
		if len(bad.body) < 5000 {
			f.Add([]byte(bad.body))
		}
	}
	f.Add([]byte(encode(session)))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, tree := range []string{"", "/v1"} {
			d.serve(t, http.MethodPut, tree+"/audios/1", "application/json", body)
			created := d.serve(t, http.MethodPost, tree+"/audios", "application/json", body)
			if created.Code != http.StatusCreated {
				continue
			}
			path := strings.TrimPrefix(created.Header().Get("Location"), directURL)
			if read := d.serve(t, http.MethodGet, path, "", nil); read.Body.String() != created.Body.String() {
				t.Errorf("created %s, read %s", created.Body, read.Body)
			}
			if file := d.serve(t, http.MethodGet, "/v1"+strings.TrimPrefix(path, tree)+"/file", "", nil); !bytes.Equal(file.Body.Bytes(), body) {
				t.Errorf("sent %q, the file is %q", body, file.Body)
			}
			if put := d.serve(t, http.MethodPut, path, "application/json", body); put.Header().Get("ETag") != created.Header().Get("ETag") {
				t.Errorf("the same again: %d %s", put.Code, put.Body)
			}
			d.serve(t, http.MethodDelete, path, "", nil)
		}
	})
}

func FuzzMultipart(f *testing.F) {
	d := newDirect(f)
	account := d.create(f, "/v1/accounts", profile("Jo", uniqueEmail(), ""))
	session := newSession()
	audio := d.create(f, "/v1/audios", encode(session))
	for _, p := range []part{
		{key: "image", name: "a.png", contentType: "image/png", content: pngOf(2, 2)},
		{key: "image", name: "a.jpg", contentType: "image/jpeg", content: jpegOf(2, 2)},
		{key: "image", name: "a.png", contentType: "image/png", content: hugePNG(1<<30, 1<<30)},
		{key: "audio", name: "a.json", contentType: "application/json", content: encode(session)},
		{key: "audio", content: "x"},
	} {
		contentType, body := form(p)
		f.Add(contentType, []byte(body))
		f.Add("multipart/form-data; boundary=x", []byte(strings.ReplaceAll(body, contentType[len("multipart/form-data; boundary="):], "x")))
	}
	f.Add("image/png", []byte(pngOf(2, 2)))
	f.Add("image/jpeg", []byte(jpegOf(2, 2)))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		classic := strings.TrimPrefix(account, "/v1")
		d.serve(t, http.MethodPost, classic+"/upload_image", contentType, body)
		d.serve(t, http.MethodPut, account+"/image", contentType, body)
		d.serve(t, http.MethodGet, account+"/image", "", nil)
		for _, tree := range []string{"", "/v1"} {
			d.serve(t, http.MethodPost, tree+"/audios", contentType, body)
			d.serve(t, http.MethodPut, tree+strings.TrimPrefix(audio, "/v1"), contentType, body)
		}
	})
}

// create returns the path of the resource that a valid body creates.
func (d direct) create(t testing.TB, path, body string) string {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, directURL+path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	d.handler.ServeHTTP(rec, req)
	if rec.Code != http.StatusCreated {
		t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
	return strings.TrimPrefix(rec.Header().Get("Location"), directURL)
}

func FuzzIDs(f *testing.F) {
	d := newDirect(f)
	for _, path := range []string{
		"/accounts/1", "/audios/0/", "/v1/accounts/9007199254740992", "/v1/audios/-1/file", "/v1/accounts/1/image", "/accounts/1/upload_image",
		"/problems/x", "/docs/openapi.yaml", "/v1/accounts/%2e%2e", "/accounts//", "/accounts/1%2f", "/v1/audios/%00", "/%", "/v1/events/accounts",
	} {
		for method := range methods {
			f.Add(byte(method), path)
		}
	}
	f.Fuzz(func(t *testing.T, method byte, path string) {
		d.serve(t, methods[int(method)%len(methods)], path, "application/json", []byte(profile("Jo", "jo@example.com", "")))
	})
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions}

func FuzzListQuery(f *testing.F) {
	d := newDirect(f)
	for i := range 3 {
		d.create(f, "/v1/accounts", profile("Jo", uniqueEmail(), ""))
		d.create(f, "/v1/audios", encode(with(newSession(), map[string]any{"step_count": i})))
	}
	for _, query := range []string{
		"", "name=Jo", "email=%20a@B.C", "address=&name=", "page_size=1", "page_size=-1", "page_size=99999999999999999999", "page_token=AQAAAAAAAAAA",
		"session_id=0&step_count=1&selected_tick=5", "account_id=x", "a;b", "%zz", "page_size=1&page_size=x", "name=%00", "name=%ff", "step_count=1e2",
		"ids=1,2", "order_by=created_at+desc&page_size=1", "updated_since=2026-11-23T15:00:00%2B01:00&page_size=1", "include_total=true", "a=1&b=2",
		"step_count_min=0&step_count_max=1&page_size=1", "selected_tick_min=-1&step_count_max=9&order_by=id+desc", "session_id_min=1&account_id_max=7",
		"updated_since=0001-01-01T00:00:00Z&order_by=id&page_size=1", "updated_since=9999-12-31T23:59:59.9999999999Z", "page_token=AgAAAAAAAAAAMCw3",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, list := range []string{"/accounts", "/audios", "/v1/accounts", "/v1/audios"} {
			listed := d.serve(t, http.MethodGet, list+"?"+query, "", nil)
			if listed == nil {
				return
			}
			if head := d.serve(t, http.MethodHead, list+"?"+query, "", nil); head.Code != listed.Code {
				t.Errorf("HEAD %s?%s: %d, GET %d", list, query, head.Code, listed.Code)
			}
			if length := listed.Header().Get("Content-Length"); length != "" && length != strconv.Itoa(listed.Body.Len()) {
				t.Errorf("%s?%s: Content-Length %s of %d bytes", list, query, length, listed.Body.Len())
			}
			// The next page is one of the same list.
			if link := listed.Header().Get("Link"); link != "" {
				next, _, _ := strings.Cut(strings.TrimPrefix(link, "<"+directURL), ">")
				if page := d.serve(t, http.MethodGet, next, "", nil); page == nil || page.Code != http.StatusOK {
					t.Errorf("%s?%s: Link %s leads nowhere", list, query, link)
				}
			}
		}
	})
}

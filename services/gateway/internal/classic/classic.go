// Package classic serves the root paths of the original API as a view of /v1.
// Each request becomes a request to the same service, and its answer is reduced
// to the original form.
package classic

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
)

var errNoForm = httpserver.ErrUnsupported.Detailf("send the image as a file in the part image of a multipart/form-data body")

// operation is the v1 operation behind a classic route.
type operation struct {
	method string
	suffix string // of the path, after the id
	query  string // a fixed query
	isList bool
	isForm bool // accepts only a multipart body
}

var (
	create  = operation{method: http.MethodPost}
	list    = operation{method: http.MethodGet, isList: true}
	read    = operation{method: http.MethodGet}
	replace = operation{method: http.MethodPut}
	// The original API does not know accounts of sessions, so the view keeps
	// them.
	createAudio  = operation{method: http.MethodPost, query: "keep_account=true"}
	replaceAudio = operation{method: http.MethodPut, query: "keep_account=true"}
	remove       = operation{method: http.MethodDelete, query: "allow_missing=true"}
	attach       = operation{method: http.MethodPut, suffix: "/image", isForm: true}
)

type route struct {
	method    string
	path      string
	operation operation
}

var accountRoutes = []route{
	{http.MethodPost, "/accounts", create},
	{http.MethodGet, "/accounts", list},
	{http.MethodGet, "/accounts/:id", read},
	{http.MethodPut, "/accounts/:id", replace},
	{http.MethodDelete, "/accounts/:id", remove},
	{http.MethodPost, "/accounts/:id/upload_image", attach},
	{http.MethodPost, "/accounts/:id/upload-image", attach},
}

var audioRoutes = []route{
	{http.MethodPost, "/audios", createAudio},
	{http.MethodGet, "/audios", list},
	{http.MethodGet, "/audios/:session_id", read},
	{http.MethodPut, "/audios/:session_id", replaceAudio},
	{http.MethodDelete, "/audios/:session_id", remove},
}

// Register adds the classic routes to r, each with and without a trailing
// slash, and HEAD for each GET. The services must serve their v1 trees.
// image is the name of the image's address in accounts.
func Register(r gin.IRoutes, image ImageField, accountsService, audiosService http.Handler) {
	register(r, accountRoutes, accounts(image), accountsService)
	register(r, audioRoutes, &audios, audiosService)
}

func register(r gin.IRoutes, routes []route, c *collection, service http.Handler) {
	for _, route := range routes {
		v := view{c, route.operation, service}
		for _, path := range []string{route.path, route.path + "/"} {
			r.Handle(route.method, path, v.handle)
			if route.method == http.MethodGet {
				r.HEAD(path, v.handle)
			}
		}
	}
}

// anyVersion makes explicit that a write of the original API overwrites the
// current state. v1 may require such a condition.
var anyVersion = []string{"*"}

// view serves one operation on a classic collection.
type view struct {
	*collection
	operation

	service http.Handler
}

func (v view) handle(c *gin.Context) {
	id := ""
	if len(c.Params) > 0 {
		if id = c.Params[0].Value; id == "" { // gin matches /accounts// with /accounts/:id/
			httpserver.Fail(c, httpserver.ErrNoRoute)
			return
		}
	}
	if err := v.serve(c.Writer, c.Request, id); err != nil {
		httpserver.Fail(c, err)
	}
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (v view) serve(w http.ResponseWriter, r *http.Request, id string) error {
	var query url.Values
	if v.isList { // other parameters are ignored
		var err error
		if query, err = rest.ParseQuery(r.URL.RawQuery); err != nil {
			return err
		}
	}
	body := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(body)
	body.Reset()
	v1 := &answer{ResponseWriter: w, body: body, status: http.StatusOK}
	switch {
	case v.isForm && rest.MediaType(r) != "multipart/form-data":
		httpserver.WriteError(v1, r, errNoForm)
	case v.isList:
		return v.serveList(w, r, v1, query)
	default:
		v.service.ServeHTTP(v1, v.request(r, id))
	}
	return v.answer(w, r, v1)
}

// request returns the v1 request for r. It shares r's body.
func (v view) request(r *http.Request, id string) *http.Request {
	v1 := new(http.Request)
	*v1 = *r // keeps the context
	v1.Method = v.method
	v1.RequestURI = ""
	v1.URL = v.v1URL(id, v.suffix, v.query)
	v1.Header = maps.Clone(r.Header)
	for _, name := range []string{"Accept", "Accept-Encoding", "Range", "If-Range"} {
		delete(v1.Header, name)
	}
	if (v.method == http.MethodPut || v.method == http.MethodDelete) && r.Header["If-Match"] == nil && r.Header.Get("If-None-Match") != "*" {
		v1.Header["If-Match"] = anyVersion
	}
	return v1
}

// serveList answers with the pages of a v1 list, which may be shorter than asked
// for, until the classic list is full or ends.
func (v view) serveList(w http.ResponseWriter, r *http.Request, v1 *answer, query url.Values) error {
	token, items := query.Get("page_token"), []byte{'['}
	for length := 0; ; {
		request := v.request(r, "")
		request.URL.RawQuery = v.listQuery(query, token, pageSize-length).Encode()
		v1.body.Reset()
		v.service.ServeHTTP(v1, request)
		if v1.status != http.StatusOK {
			return v.answer(w, r, v1)
		}
		var n int
		var ok bool
		if items, n, token, ok = v.appendList(items, v1.body.Bytes()); !ok {
			return httpserver.ErrBadUpstream
		}
		if length += n; length == pageSize || token == "" {
			break
		}
	}
	prepare(w.Header())
	if token != "" {
		path := httpserver.PublicURL(r) + "/" + v.name
		w.Header().Set("Link", "<"+path+"?"+v.nextQuery(query, token).Encode()+`>; rel="next"`)
		w.Header().Set("X-Truncated", "true")
	}
	write(w, r, http.StatusOK, append(items, ']'))
	return nil
}

// prepare removes the headers of a v1 answer that the classic tree does not have.
func prepare(header http.Header) {
	header.Del("Link")               // refers to pages of v1
	header.Del("Concha-Feed-Cursor") // useless without the versions
}

// answer writes the classic form of a v1 answer that is not a list, or that is an
// error. Its headers are set already.
func (v view) answer(w http.ResponseWriter, r *http.Request, v1 *answer) error {
	header := w.Header()
	prepare(header)
	status, body, ok := classicStatus(v1.status), v1.body.Bytes(), true
	switch {
	case v1.status == http.StatusNoContent:
		header.Set("Content-Type", "application/json; charset=utf-8")
		body = []byte("{}")
	case v1.status == http.StatusNotModified:
		w.WriteHeader(status)
		return nil
	case status >= 400:
		ok = strings.HasPrefix(header.Get("Content-Type"), "application/problem+json")
		if ok && status != v1.status {
			body, ok = withStatus(body, strconv.Itoa(status))
		}
	case status != http.StatusOK && status != http.StatusCreated:
		ok = false
	default:
		body, ok = v.resource(body)
	}
	if !ok {
		return httpserver.ErrBadUpstream
	}
	if address := header.Get("Location"); address != "" {
		header.Set("Location", location(httpserver.PublicURL(r), address))
	}
	write(w, r, status, body)
	return nil
}

func write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // fails only if the client has left
	}
}

// answer collects a v1 answer except for its headers, which are written
// directly to the classic answer.
type answer struct {
	http.ResponseWriter
	status int
	body   *bytes.Buffer
}

// Unwrap lets the log of the process record the error of a service.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.status = status
		a.body.Reset() // the part of an aborted body
	}
}

func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

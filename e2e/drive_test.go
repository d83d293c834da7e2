package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"pgregory.net/rapid"
)

// TestDrive sends requests to every operation that are drawn from the contract:
// valid ones, and ones with one fault. Every answer must be in the contract,
// every valid request accepted, and every other one refused. It draws the same
// requests each time, drawnRequests for each operation, unless the variables
// RAPID_SEED and RAPID_CHECKS are set (with -count=1, because the test cache
// ignores them).
func TestDrive(t *testing.T) {
	if seed := flag.Lookup("rapid.seed"); seed.Value.String() == "0" { // a random one
		_ = seed.Value.Set("1")
	}
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		_ = checks.Value.Set(drawnRequests)
	}
	_ = flag.Set("rapid.nofailfile", "true")
	d := driver{direct: newDirect(t)}
	for op := range d.contract.operations() {
		t.Run(op.method+" "+op.path, func(t *testing.T) {
			met := 0
			rapid.Check(t, func(rt *rapid.T) {
				d.prepare(t)
				r := d.draw(rt, op)
				d.follow(rt, op, &r)
				req := directRequest(rt.Context(), r.method, r.target, r.header, r.body)
				rec, err := d.exchange(req, r.body, r.verdict != valid)
				if err == nil {
					err = r.judge(rec)
				}
				if err != nil {
					rt.Fatalf("%s %s\n%v\n%.1000q\nis answered by %d %.1000s\nbut %v", r.method, r.target, r.header, r.body, rec.Code, rec.Body, err)
				}
				if r.verdict == valid && rec.Code < 300 {
					met++
				}
			})
			if met == 0 && !t.Failed() {
				t.Error("no request was met: they are not drawn well")
			}
		})
	}
}

// driver draws requests to a system.
type driver struct {
	direct
	account, session string            // paths in v1 of ones that exist
	cursors          map[string]string // of feeds, by their paths
}

// prepare creates the resources again that requests have deleted.
func (d *driver) prepare(t *testing.T) {
	t.Helper()
	if d.account == "" || d.send(t, http.MethodGet, d.account, "", "").Code != http.StatusOK {
		d.account = d.create(t, "/v1/accounts", profile("Jo", uniqueEmail(), ""))
	}
	if d.send(t, http.MethodGet, d.account+"/image", "", "").Code != http.StatusOK {
		d.send(t, http.MethodPut, d.account+"/image", "image/png", pngOf(9, 9))
	}
	if d.session == "" || d.send(t, http.MethodGet, d.session, "", "").Code != http.StatusOK {
		d.session = d.create(t, "/v1/audios", encode(newSession()))
	}
	if d.cursors == nil {
		d.cursors = map[string]string{}
		for _, collection := range []string{"accounts", "audios"} {
			feed := "/v1/events/" + collection
			d.cursors[feed] = d.send(t, http.MethodGet, feed+"?limit=1", "", "").Header().Get("Concha-Feed-Cursor")
		}
		// So that something follows the cursors.
		d.create(t, "/v1/accounts", profile("Jo", uniqueEmail(), ""))
		d.create(t, "/v1/audios", encode(newSession()))
	}
}

func (d *driver) send(t *testing.T, method, path, contentType, body string) *httptest.ResponseRecorder {
	t.Helper()
	return d.serve(t, method, path, contentType, []byte(body))
}

// verdict is the judgement of the contract on a request, from best to worst.
type verdict int

const (
	valid verdict = iota
	unclear
	invalid
)

// drawn is a request.
type drawn struct {
	method, target string
	header         http.Header
	body           []byte
	verdict        verdict
	namesNothing   bool // in its path
}

// judge returns an error if the answer does not agree with the verdict.
func (r drawn) judge(rec *httptest.ResponseRecorder) error {
	switch name := problemName(rec.Body.Bytes()); {
	case r.verdict == invalid && rec.Code < 400 && !(r.namesNothing && r.method == http.MethodDelete): // which deletes nothing
		return fmt.Errorf("the request is not valid")
	case r.verdict == valid && mistake(name):
		return fmt.Errorf("the request is valid")
	}
	return nil
}

// mistake reports whether a problem is one of the request alone, rather than
// of the request in the state that the system is in.
func mistake(problem string) bool {
	switch problem {
	case "", "no-such-instance-error", "already-exists", "precondition-failed", "idempotency-key-reused", "range-not-satisfiable":
		return false
	}
	return true
}

// draw draws a request of an operation, with a fault in at most one place.
func (d *driver) draw(t *rapid.T, op operation) drawn {
	r := drawn{method: op.method, target: op.path, header: http.Header{}}
	if op.method == http.MethodGet && rapid.IntRange(0, 9).Draw(t, "HEAD") == 0 {
		r.method = http.MethodHead
	}
	places := []string{"query"}
	if op.RequestBody != nil {
		places = append(places, "body", "Content-Type")
	}
	for _, p := range op.parameters {
		places = append(places, p.Name)
	}
	fault := ""
	if rapid.Bool().Draw(t, "faulty") {
		fault = rapid.SampledFrom(places).Draw(t, "fault")
	}
	d.drawParameters(t, op, fault, &r)
	if op.RequestBody != nil {
		d.drawBody(t, op, fault, &r)
	}
	if op.method == http.MethodGet {
		drawHeaders(t, &r)
	}
	return r
}

// anyHeaders lists headers that every GET may have, whether the contract
// describes them for it or not. The server may honour or ignore them.
var anyHeaders = []struct {
	name  string
	texts []string
}{
	{"Accept-Encoding", []string{"gzip", "gzip;q=0", "identity;q=0", "br, *", "x"}},
	{"If-Match", []string{`"1"`, "*", `"x"`}},
	{"If-None-Match", []string{`"1"`, "*", `W/"1"`, `"1-gzip"`, `"x"`, "1"}},
	{"If-Modified-Since", []string{"Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT", "x"}},
	{"If-Unmodified-Since", []string{"Mon, 01 Jan 2001 00:00:00 GMT", "x"}},
	{"If-Range", []string{`"1"`, `"x"`}},
	{"Range", []string{"bytes=0-0", "bytes=1-", "bytes=-1", "bytes=0-0,2-3", "bytes=99999999-", "lines=1-2", "bytes=5-1"}},
}

// drawHeaders draws some of anyHeaders, unless they are drawn already.
func drawHeaders(t *rapid.T, r *drawn) {
	for _, h := range anyHeaders {
		if r.header[h.name] == nil && rapid.IntRange(0, 5).Draw(t, "with any "+h.name) == 0 {
			r.header.Set(h.name, rapid.SampledFrom(h.texts).Draw(t, h.name))
		}
	}
}

// follow makes of a valid request for a page, at times, that for the page after
// it.
func (d *driver) follow(t *rapid.T, op operation, r *drawn) {
	if !slices.ContainsFunc(op.parameters, func(p *v3.Parameter) bool { return p.Name == "page_token" }) || r.verdict != valid || strings.Contains(r.target, "page_token=") || rapid.Bool().Draw(t, "first page") {
		return
	}
	join := "?"
	if strings.Contains(r.target, "?") {
		join = "&"
	}
	if !strings.Contains(r.target, "page_size=") { // small enough that there is another
		r.target += join + "page_size=1"
		join = "&"
	}
	rec := httptest.NewRecorder()
	d.handler.ServeHTTP(rec, directRequest(t.Context(), http.MethodGet, r.target, http.Header{}, nil))
	var page struct {
		Token string `json:"next_page_token"`
	}
	if json.Unmarshal(rec.Body.Bytes(), &page) == nil && page.Token != "" {
		r.target += join + "page_token=" + escape(page.Token)
	}
}

// drawParameters draws those in the path and some of the others.
func (d *driver) drawParameters(t *rapid.T, op operation, fault string, r *drawn) {
	var query []string
	for _, p := range op.parameters {
		faulty := fault == p.Name
		if p.In != "path" && !faulty && rapid.IntRange(0, 3).Draw(t, "with "+p.Name) != 0 {
			continue
		}
		if p.Name == "since" && strings.Contains(strings.Join(query, "&"), "after=") {
			continue // not together
		}
		v := d.value(t, op, p, faulty)
		r.verdict = max(r.verdict, v.verdict)
		switch p.In {
		case "path":
			r.target = strings.Replace(r.target, "{"+p.Name+"}", escape(v.text), 1)
			r.namesNothing = v.verdict == invalid
		case "query":
			query = append(query, p.Name+"="+escape(v.text))
		case "header":
			r.header.Set(p.Name, v.text)
		}
	}
	if fault == "query" {
		query = d.faultyQuery(t, op, query, r)
	}
	if len(query) > 0 {
		r.target += "?" + strings.Join(query, "&")
	}
}

// faultyQuery adds a parameter that is not described, or one once more; which
// only v1 says to refuse.
func (d *driver) faultyQuery(t *rapid.T, op operation, query []string, r *drawn) []string {
	extra := []string{"x=1", "=", "Limit=1", "%zz=1", "a;b", "limit[]=1"}
	if len(query) > 0 {
		extra = append(extra, query[0])
	}
	query = append(query, rapid.SampledFrom(extra).Draw(t, "extra"))
	if strings.HasPrefix(op.path, "/v1/") {
		r.verdict = invalid
	} else {
		r.verdict = max(r.verdict, unclear)
	}
	return query
}

package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// client speaks with a running system and reports every answer that breaks the
// contract or the form that all answers have.
type client struct {
	t        *testing.T
	url      string
	contract *contract // nil if answers are those of another release
	http     *http.Client
	problems *sync.Map // URLs of the types that problems have had
	lenient  bool
	key      string // an API key; "" for no credentials
	volume   volume
}

func newClient(t *testing.T, url string) *client {
	transport := &http.Transport{
		MaxIdleConnsPerHost: 256, DisableCompression: true,
		// A connection that was made in advance and never used is closed by the
		// server after five seconds.
		IdleConnTimeout: 4 * time.Second,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{
		t: t, url: url, contract: loadContract(t), problems: new(sync.Map),
		http: &http.Client{
			Transport: transport, Timeout: time.Minute,
			// A redirect is an answer like any other, and a wrong one.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// run runs f as a subtest.
func (c *client) run(name string, f func(c *client)) {
	c.t.Helper()
	c.t.Run(name, func(t *testing.T) {
		sub := *c
		sub.t = t
		f(&sub)
	})
}

// beyond returns a client whose requests may be accepted although the contract
// does not promise it.
func (c *client) beyond() *client {
	beyond := *c
	beyond.lenient = true
	return &beyond
}

// call is a request.
type call struct {
	method, path string
	header       []string // names and values in turn
	body         string
	chunked      bool // the length of the body is not sent
}

// answer is the answer to a request. Its status is 0 if there was none, which
// has been reported.
type answer struct {
	t      *testing.T
	call   string
	status int
	header http.Header
	body   []byte
}

// do may be used by several goroutines of a test.
func (c *client) do(call call) answer {
	c.t.Helper()
	a := answer{t: c.t, call: call.method + " " + call.path}
	var body io.Reader = http.NoBody
	if call.body != "" {
		body = strings.NewReader(call.body)
	}
	if call.chunked {
		body = io.MultiReader(body)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), call.method, c.url+call.path, body)
	if err != nil {
		c.t.Errorf("%s: %v", a.call, err)
		return a
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	for pair := range slices.Chunk(call.header, 2) {
		req.Header.Add(pair[0], pair[1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Errorf("%s: %v", a.call, err)
		return a
	}
	defer resp.Body.Close()
	if a.body, err = readBody(resp); err != nil {
		c.t.Errorf("%s: %v", a.call, err)
		return a
	}
	a.status, a.header = resp.StatusCode, resp.Header
	c.check(req, call.body, resp, a)
	return a
}

// readBody returns the body of resp, decompressed.
func readBody(resp *http.Response) ([]byte, error) {
	body := io.Reader(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" && resp.Request.Method != http.MethodHead {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("the body is no gzip: %w", err)
		}
		body = unzipped
	}
	return io.ReadAll(body)
}

// check compares an answer with the contract and with the rules for all
// answers.
func (c *client) check(req *http.Request, sent string, resp *http.Response, a answer) {
	c.t.Helper()
	if c.contract == nil {
		return
	}
	if err := c.contract.check(req, []byte(sent), resp, a.body, c.lenient); err != nil {
		c.t.Errorf("%s %.200s: %d %.500s\nbreaks the contract: %v", a.call, sent, a.status, a.body, err)
	}
	if a.status >= 500 {
		c.t.Errorf("%s: %d %s", a.call, a.status, a.body)
	}
	if err := checkEnvelope(c.url, req, resp, a.body); err != nil {
		c.t.Errorf("%s: %d %s: %v", a.call, a.status, a.body, err)
	}
	if p, ok := parseProblem(a.body); ok {
		c.problems.Store(p.Type, true)
	}
}

// checkEnvelope checks the rules for all answers.
func checkEnvelope(url string, req *http.Request, resp *http.Response, body []byte) error {
	id := resp.Header.Get("X-Request-Id")
	switch {
	case id == "":
		return fmt.Errorf("no X-Request-Id")
	case resp.Header.Get("X-Content-Type-Options") != "nosniff":
		return fmt.Errorf("X-Content-Type-Options is %q", resp.Header.Get("X-Content-Type-Options"))
	case req.Method == http.MethodHead && len(body) > 0:
		return fmt.Errorf("HEAD is answered with a body")
	case resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.StatusCode != http.StatusNotModified:
		return fmt.Errorf("a redirect to %s", resp.Header.Get("Location"))
	case resp.StatusCode < http.StatusBadRequest || req.Method == http.MethodHead:
		return nil
	}
	if mediaType := resp.Header.Get("Content-Type"); mediaType != "application/problem+json" {
		return fmt.Errorf("the error is of type %q", mediaType)
	}
	p, ok := parseProblem(body)
	switch {
	case !ok:
		return fmt.Errorf("the error is no problem")
	case !strings.HasPrefix(p.Type, url+"/problems/"):
		return fmt.Errorf("the problem's type %q is not below %s/problems/", p.Type, url)
	case p.Status != resp.StatusCode:
		return fmt.Errorf("the problem's status is %d", p.Status)
	case p.Instance != "urn:request:"+id:
		return fmt.Errorf("the problem's instance is %q, the request's id %q", p.Instance, id)
	case p.Title == "" || p.Detail == "":
		return fmt.Errorf("the problem says nothing")
	}
	return nil
}

type problem struct {
	Type, Title, Detail, Instance string
	Status                        int
	Errors                        []struct{ Pointer, Detail string }
}

func parseProblem(body []byte) (p problem, ok bool) {
	ok = bytes.HasPrefix(body, []byte("{")) && json.Unmarshal(body, &p) == nil && strings.Contains(p.Type, "/problems/")
	return p, ok
}

// problemName returns the last segment of a problem's type, or "" if body is
// not a problem.
func problemName(body []byte) string {
	p, ok := parseProblem(body)
	if !ok {
		return ""
	}
	return p.Type[strings.LastIndexByte(p.Type, '/')+1:]
}

func (c *client) get(path string, header ...string) answer {
	c.t.Helper()
	return c.do(call{method: http.MethodGet, path: path, header: header})
}

func (c *client) head(path string, header ...string) answer {
	c.t.Helper()
	return c.do(call{method: http.MethodHead, path: path, header: header})
}

func (c *client) delete(path string, header ...string) answer {
	c.t.Helper()
	return c.do(call{method: http.MethodDelete, path: path, header: header})
}

// json sends a body of JSON.
func (c *client) json(method, path, body string, header ...string) answer {
	c.t.Helper()
	return c.do(call{method: method, path: path, body: body, header: append([]string{"Content-Type", "application/json"}, header...)})
}

// patch sends a merge patch.
func (c *client) patch(path, body string, header ...string) answer {
	c.t.Helper()
	return c.do(call{method: http.MethodPatch, path: path, body: body, header: append([]string{"Content-Type", "application/merge-patch+json"}, header...)})
}

// expect ends the test unless the answer has this status.
func (a answer) expect(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: answered %d, want %d: %s", a.call, a.status, status, a.body)
	}
	return a
}

// problem reports an answer that is not this problem, at just these pointers
// in any order.
func (a answer) problem(status int, name string, pointers ...string) {
	a.t.Helper()
	found := a.pointers()
	slices.Sort(found)
	slices.Sort(pointers)
	if a.status != status || problemName(a.body) != name || !slices.Equal(found, pointers) {
		a.t.Errorf("%s: answered %d %s at %q, want %d %s at %q: %s", a.call, a.status, problemName(a.body), found, status, name, pointers, a.body)
	}
}

// pointers returns the pointers in a problem's errors, in order.
func (a answer) pointers() (pointers []string) {
	p, _ := parseProblem(a.body)
	for _, e := range p.Errors {
		pointers = append(pointers, e.Pointer)
	}
	return pointers
}

// object returns the JSON object of the body, its numbers as they are written.
func (a answer) object() map[string]any {
	a.t.Helper()
	return decode[map[string]any](a)
}

func (a answer) array() []map[string]any {
	a.t.Helper()
	return decode[[]map[string]any](a)
}

func decode[T any](a answer) (v T) {
	a.t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		a.t.Fatalf("%s: %v: %s", a.call, err, a.body)
	}
	return v
}

// equal reports a body that is not exactly this JSON object.
func (a answer) equal(want map[string]any) {
	a.t.Helper()
	if diff := cmp.Diff(want, a.object()); diff != "" {
		a.t.Errorf("%s: -want +got:\n%s", a.call, diff)
	}
}

// same reports another status, body or header of content than that of b.
func (a answer) same(b answer) {
	a.t.Helper()
	if a.status != b.status || !bytes.Equal(a.body, b.body) {
		a.t.Errorf("%s: %d %s\n%s: %d %s", a.call, a.status, a.body, b.call, b.status, b.body)
	}
}

// number returns a member of the body as it is written.
func (a answer) number(member string) string {
	a.t.Helper()
	n, ok := a.object()[member].(json.Number)
	if !ok {
		a.t.Fatalf("%s: %s is no number: %s", a.call, member, a.body)
	}
	return n.String()
}

// with returns a copy of an object with other members.
func with(object map[string]any, members map[string]any) map[string]any {
	changed := maps.Clone(object)
	maps.Copy(changed, members)
	return changed
}

// without returns the JSON of an object that lacks a member.
func without(object map[string]any, member string) string {
	rest := maps.Clone(object)
	delete(rest, member)
	return encode(rest)
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // of a test's own value
	}
	return string(text)
}

// eventually ends the test unless condition comes true within three minutes. It asks
// less and less often: scenarios that wait share the emulators with those that work.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(3 * time.Minute)
	for pause := 5 * time.Millisecond; !condition(); pause = min(2*pause, 200*time.Millisecond) {
		select {
		case <-time.After(pause):
		case <-deadline:
			t.Fatalf("not within three minutes: %s", what)
		}
	}
}

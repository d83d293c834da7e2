package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"
)

// allScopes are those that a caller can have.
var allScopes = strings.Fields("accounts:read accounts:write accounts:own audios:read audios:write audios:own events:read")

// access sends every operation of the contract with each kind of credentials.
// Paths, bodies and scopes come from the contract, so that a new operation is
// tested without a change here.
func access(c *client, i *issuer, keys map[string]string) {
	c.run("access", func(c *client) {
		everything := strings.Join(allScopes, " ")
		m := &accessMatrix{client: c, issuer: i, requests: new(atomic.Int32), invalid: map[string]string{
			"an unknown key":            "Bearer concha_nobody_" + strings.Repeat("x", 43),
			"another secret":            "Bearer concha_admin_" + strings.Repeat("x", 43),
			"an expired key":            "Bearer " + keys["expired"],
			"HTTP Basic as another key": "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+keys["admin"])),
			"no token":                  "Bearer",
			"another scheme":            "Digest " + keys["admin"],
		}}
		for name, token := range i.forgeries(c.t, everything) {
			m.invalid["a token "+name] = "Bearer " + token
		}
		for op := range c.contract.operations() {
			c.run(op.method+" "+op.path, func(c *client) {
				own := *m
				own.client = c.beyond() // an item of a batch may have a fault
				own.test(op)
			})
		}
	})
}

// accessMatrix tests who may use an operation.
type accessMatrix struct {
	*client

	issuer   *issuer
	invalid  map[string]string // headers Authorization by what is wrong with them
	requests *atomic.Int32
}

// alternatives returns the sets of scopes of which a caller needs one, as the
// contract lists them. isOptional reports whether it needs no credentials.
func alternatives(op operation) (sets []string, isOptional bool) {
	isOptional = len(op.Security) == 0
	for _, requirement := range op.Security {
		if requirement.ContainsEmptyRequirement || requirement.Requirements.Len() == 0 {
			isOptional = true
			continue
		}
		for _, scopes := range requirement.Requirements.FromOldest() {
			sets = append(sets, strings.Join(scopes, " "))
		}
	}
	return sets, isOptional
}

func (m *accessMatrix) test(op operation) {
	sets, isOptional := alternatives(op)
	made := m.create("ann")
	r := m.request(op, made, 0)
	if isOptional {
		m.allowed(op, made, "")
	} else {
		m.refused(r, "", "no credentials")
	}
	for name, authorization := range m.invalid {
		if len(op.Security) == 0 { // nobody looks at credentials
			m.allowed(op, made, authorization)
		} else {
			m.refused(r, authorization, name)
		}
	}
	if len(sets) == 0 || sets[0] == "" {
		return
	}
	m.lacking(r, sets)
	if strings.Contains(op.path, "id}") {
		m.another(op, made)
	}
	for _, scopes := range sets {
		if op.method == http.MethodDelete {
			made = m.create("ann")
		}
		authorization := m.bearer("ann", scopes)
		m.allowed(op, made, authorization)
		if head := op; op.method == http.MethodGet {
			head.method = http.MethodHead
			m.allowed(head, made, authorization)
			m.refused(m.request(head, made, 0), "", "no credentials")
		}
	}
}

// bearer returns the header Authorization of a person with a token.
func (m *accessMatrix) bearer(subject, scopes string) string {
	m.t.Helper()
	return "Bearer " + m.issuer.token(m.t, subject, scopes, nil)
}

// resources are the ids of an account with an image and of a session.
type resources struct{ account, session string }

// create creates resources that a person owns.
func (m *accessMatrix) create(subject string) resources {
	m.t.Helper()
	_, _, id, session := owned(m.as(m.issuer.token(m.t, subject, ownScopes, nil)))
	return resources{id, session}
}

// request returns a valid request of an operation on resources. Another seed
// gives it another body.
func (m *accessMatrix) request(op operation, on resources, seed int) call {
	m.t.Helper()
	r := drawn{method: op.method, target: strings.NewReplacer("{id}", on.account, "{session_id}", on.session).Replace(op.path), header: http.Header{}}
	for _, p := range op.parameters {
		if p.In == "path" && p.Example != nil {
			r.target = strings.Replace(r.target, "{"+p.Name+"}", escape(p.Example.Value), 1)
		}
	}
	if op.RequestBody != nil {
		rapid.Custom(func(t *rapid.T) bool {
			new(driver).drawBody(t, op, "", &r)
			return true
		}).Example(seed)
	}
	c := call{method: r.method, path: r.target, body: string(r.body)}
	for name, values := range r.header {
		c.header = append(c.header, name, values[0])
	}
	return c
}

// send sends a request with a header Authorization, if that is not empty, from
// an address of its own: addresses with many refused credentials are limited.
func (m *accessMatrix) send(r call, authorization string) answer {
	m.t.Helper()
	n := m.requests.Add(1)
	r.header = append(slices.Clone(r.header), "X-Forwarded-For", fmt.Sprintf("10.0.%d.%d", n/256, n%256))
	if authorization != "" {
		r.header = append(r.header, "Authorization", authorization)
	}
	return m.do(r)
}

// refused checks that a request is answered 401.
func (m *accessMatrix) refused(r call, authorization, name string) {
	m.t.Helper()
	a := m.send(r, authorization)
	if a.status != http.StatusUnauthorized || a.header.Get("Www-Authenticate") != "Bearer" || r.method != http.MethodHead && problemName(a.body) != "unauthenticated" {
		m.t.Errorf("%s with %s: %d, WWW-Authenticate %q: %s", a.call, name, a.status, a.header.Get("Www-Authenticate"), a.body)
	}
}

// lacking checks that a caller with no scopes, or all but those of the
// operation, is refused, and that the answer names those.
func (m *accessMatrix) lacking(r call, sets []string) {
	m.t.Helper()
	others := slices.DeleteFunc(slices.Clone(allScopes), func(scope string) bool {
		return slices.ContainsFunc(sets, func(set string) bool { return slices.Contains(strings.Fields(set), scope) })
	})
	for _, scopes := range []string{"", strings.Join(others, " ")} {
		a := m.send(r, m.bearer("ann", scopes))
		if a.status != http.StatusForbidden || problemName(a.body) != "forbidden" || !strings.Contains(string(a.body), strings.Join(sets, " or ")) {
			m.t.Errorf("%s with the scopes %q: %d, want 403 that names %q: %s", a.call, scopes, a.status, sets, a.body)
		}
	}
}

// another checks that a person who manages only their own resources gets the
// same answer about those of ann as about ones that do not exist, and changes
// nothing.
func (m *accessMatrix) another(op operation, made resources) {
	m.t.Helper()
	ann, bob := m.as(m.issuer.token(m.t, "ann", ownScopes, nil)), m.bearer("bob", ownScopes)
	paths := []string{"/v1/accounts/" + made.account, "/v1/audios/" + made.session}
	before := []answer{ann.get(paths[0]), ann.get(paths[1])}
	foreign := m.send(m.request(op, made, 0), bob)
	absent := m.send(m.request(op, resources{"4503599627370499", encode(uniqueSession())}, 0), bob)
	if foreign.status != absent.status || varying.ReplaceAllString(string(foreign.body), "") != varying.ReplaceAllString(string(absent.body), "") {
		m.t.Errorf("somebody else's: %d %s\nabsent: %d %s", foreign.status, foreign.body, absent.status, absent.body)
	}
	if foreign.status != http.StatusNotFound && op.method != http.MethodDelete { // a classic DELETE accepts what is absent
		m.t.Errorf("somebody else's: %d %s", foreign.status, foreign.body)
	}
	for i, path := range paths {
		ann.get(path).expect(http.StatusOK).same(before[i])
	}
}

// allowed checks that a request succeeds. It may take several bodies, as some
// valid ones cannot be accepted in the state that the system is in: their
// account does not exist, for instance.
func (m *accessMatrix) allowed(op operation, on resources, authorization string) {
	m.t.Helper()
	for seed := range 20 {
		a := m.send(m.request(op, on, seed), authorization)
		if a.status >= 200 && a.status < 300 {
			return
		}
		if last := seed == 19 || op.RequestBody == nil; last || a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.status == http.StatusNotFound {
			m.t.Errorf("%s: %d %s", a.call, a.status, a.body)
			return
		}
	}
}

// tokenStreams checks that a stream ends when its token expires, and that its
// cursor resumes it under another token.
func tokenStreams(c *client, i *issuer) {
	c.run("streams of tokens", func(c *client) {
		bearer := func(life time.Duration) []string {
			token := i.token(c.t, "reader", "events:read", map[string]any{"exp": time.Now().Add(life).Unix()})
			return []string{"Authorization", "Bearer " + token}
		}
		writer := c.as(i.token(c.t, "writer", "accounts:write", nil))
		s := c.openStream("/v1/events/accounts?"+recently(), bearer(3*time.Second)...)
		first, _ := newAccount(writer)
		s.until("account/"+first, 1)
		s.ends()
		second, _ := newAccount(writer)
		s = c.openStream("/v1/events/accounts", append(bearer(time.Hour), "Last-Event-ID", s.last)...)
		if e := s.until("account/"+second, 1); e.ID != "account/"+second+"/1" {
			c.t.Errorf("the stream goes on with %+v", e)
		}
		s.end()
	})
}

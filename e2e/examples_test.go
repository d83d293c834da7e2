package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/pb33f/go-yaml"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

// TestExamples sends the example requests of the contract, which must be
// accepted, and checks its example answers against its schemas.
func TestExamples(t *testing.T) {
	t.Parallel()
	url, _ := startSystem(t)
	c := newClient(t, url)
	for op := range c.contract.operations() {
		c.run(op.method+" "+op.path, func(c *client) {
			exampleRequests(c, op)
			exampleAnswers(c.t, op)
		})
	}
}

// exampleRequests sends a request for each example of a body, and one for each
// example of a parameter.
func exampleRequests(c *client, op operation) {
	bodies := map[string]string{"": ""} // by content type
	if op.RequestBody != nil {
		bodies = map[string]string{}
		for mediaType, media := range op.RequestBody.Content.FromOldest() {
			if isJSON(mediaType) && media.Examples.Len() == 0 {
				c.t.Errorf("the body in %s has no example", mediaType)
			}
			for name, example := range media.Examples.FromOldest() {
				body := encode(plain(c.t, example.Value))
				bodies[mediaType] = body
				if a := sendExample(c, op, mediaType, body, nil); a.status >= 300 {
					c.t.Errorf("the example %s is answered by %d %s", name, a.status, a.body)
				}
			}
		}
		if len(bodies) == 0 {
			contentType, body := form(part{key: "image", name: "me.png", contentType: "image/png", content: pngOf(2, 2)})
			bodies[contentType] = body
		}
	}
	for _, p := range op.parameters {
		if p.Example == nil {
			continue
		}
		conforms(c.t, "the parameter "+p.Name, p.Schema, p.Example)
		for contentType, body := range bodies {
			a := sendExample(c, op, contentType, body, p)
			switch problemName(a.body) {
			case "", "precondition-failed", "idempotency-key-reused": // no mistake, and as the others' examples have it
			case "no-such-instance-error": // what the key made is deleted by now
				if p.Name != "Idempotency-Key" {
					c.t.Errorf("with the example of %s, the answer is %d %s", p.Name, a.status, a.body)
				}
			default:
				c.t.Errorf("with the example of %s, the answer is %d %s", p.Name, a.status, a.body)
			}
		}
	}
}

// sendExample sends a request with one parameter besides those in the path,
// unless it is nil, to a system that has one account with an image, and the
// session that the examples tell of unless the request creates it.
func sendExample(c *client, op operation, contentType, body string, p *v3.Parameter) answer {
	c.t.Helper()
	for _, account := range decode[struct{ Items []map[string]any }](c.get("/v1/accounts").expect(200)).Items {
		c.delete("/v1/accounts/" + encode(account["id"])).expect(204)
	}
	session := with(newSession(), map[string]any{"session_id": 3448})
	c.delete("/v1/audios/3448?allow_missing=true").expect(204)
	if op.method != "POST" {
		c.json("POST", "/v1/audios", encode(session)).expect(201)
	}
	id, _ := newAccount(c)
	c.do(call{method: "PUT", path: "/v1/accounts/" + id + "/image", body: pngOf(9, 9), header: []string{"Content-Type", "image/png"}}).expect(200)

	request := call{method: op.method, path: strings.Replace(op.path, "{id}", id, 1), body: body}
	if contentType != "" {
		request.header = []string{"Content-Type", contentType}
	}
	for _, parameter := range op.parameters {
		if parameter.In == "path" && parameter.Example != nil {
			request.path = strings.Replace(request.path, "{"+parameter.Name+"}", parameter.Example.Value, 1)
		}
	}
	switch {
	case p == nil:
	case p.In == "header":
		request.header = append(request.header, p.Name, p.Example.Value)
	case p.In == "query":
		value := p.Example.Value
		if p.Example.Kind == yaml.SequenceNode {
			value = strings.Trim(encode(plain(c.t, p.Example)), "[]")
		}
		request.path += "?" + url.Values{p.Name: {value}}.Encode()
	}
	return c.do(request)
}

// exampleAnswers holds the examples of answers and their headers to their
// schemas, and asks for one of each JSON document.
func exampleAnswers(t *testing.T, op operation) {
	for status, response := range op.Responses.Codes.FromOldest() {
		for name, header := range response.Headers.FromOldest() {
			if header.Example != nil {
				conforms(t, status+" "+name, header.Schema, header.Example)
			}
		}
		for mediaType, media := range response.Content.FromOldest() {
			if isJSON(mediaType) && media.Examples.Len() == 0 {
				t.Errorf("%s in %s has no example", status, mediaType)
			}
			for name, example := range media.Examples.FromOldest() {
				conforms(t, fmt.Sprintf("%s in %s, example %s", status, mediaType, name), media.Schema, example.Value)
			}
		}
	}
}

func isJSON(mediaType string) bool { return strings.HasSuffix(mediaType, "json") }

var schemaValidator = schema_validation.NewSchemaValidator(config.WithFormatAssertions())

// conforms reports an example that breaks its schema.
func conforms(t *testing.T, what string, schema *base.SchemaProxy, example *yaml.Node) {
	t.Helper()
	text := encode(plain(t, example))
	if _, errs := schemaValidator.ValidateSchemaStringWithVersion(schema.Schema(), text, 3.1); len(errs) > 0 {
		t.Errorf("%s: %s breaks its schema: %v", what, text, join(errs))
	}
}

// plain returns the value of an example as JSON has it.
func plain(t *testing.T, node *yaml.Node) (v any) {
	t.Helper()
	if err := node.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	validation "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/radix"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

const contractFile = "../services/gateway/openapi.yaml"

// contract is the public OpenAPI document, to which exchanges are held.
type contract struct {
	paths     radix.PathLookup
	validator validator.Validator
	model     *v3.Document

	mu   sync.Mutex
	used map[string]bool // operations, as in "GET /v1/accounts/{id}"
}

func loadContract(t testing.TB) *contract {
	t.Helper()
	text, err := os.ReadFile(contractFile)
	if err != nil {
		t.Fatal(err)
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	return &contract{
		model: &model.Model,
		paths: radix.BuildPathTree(&model.Model),
		// Dates and URLs are checked, not only said to be such.
		validator: validator.NewValidatorFromV3Model(&model.Model, config.WithFormatAssertions(), config.WithoutSecurityValidation()),
		used:      map[string]bool{},
	}
}

// check returns the violations of the contract in an exchange: an operation or
// a status that it does not have, an answer of another form, and, unless
// lenient is true, an accepted request of another form.
func (c *contract) check(req *http.Request, sent []byte, resp *http.Response, received []byte, lenient bool) error {
	item, template, op := c.operation(req)
	if op == nil {
		if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed {
			return nil
		}
		return fmt.Errorf("answered %d, but the contract has no such operation", resp.StatusCode)
	}
	if problem := problemName(received); problem == "no-such-route" || problem == "method-not-allowed" {
		return errors.New("the contract has this operation, the server does not")
	}
	c.mu.Lock()
	c.used[documentedMethod(req)+" "+template] = true
	c.mu.Unlock()
	if req.Method == http.MethodHead || resp.StatusCode == http.StatusPartialContent { // part of JSON is none
		return checkStatus(op, resp)
	}
	var found []*validation.ValidationError
	if resp.StatusCode < http.StatusBadRequest && !lenient {
		for _, body := range documents(req.Header, sent) {
			_, errs := c.validator.ValidateHttpRequestSyncWithPathItem(documentedRequest(req, body), item, template)
			found = append(found, errs...)
		}
	}
	documented := documentedRequest(req, sent)
	for _, body := range documents(resp.Header, received) {
		answer := *resp
		answer.Body = io.NopCloser(bytes.NewReader(body))
		_, errs := c.validator.GetResponseBodyValidator().ValidateResponseBodyWithPathItem(documented, &answer, item, template)
		found = append(found, errs...)
	}
	return join(found)
}

// documents returns the documents to which the schema of a body applies: the
// body, or each of its lines that is not blank.
func documents(h http.Header, body []byte) [][]byte {
	if h.Get("Content-Type") != "application/x-ndjson" {
		return [][]byte{body}
	}
	lines := slices.Collect(bytes.Lines(body))
	return slices.DeleteFunc(lines, func(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 })
}

// mayEndInSlash are the paths that have a form with a slash at the end.
var mayEndInSlash = regexp.MustCompile(`^/(accounts|audios|ping|docs|problems)\b`)

// operation returns the contract's operation for a request, or a nil op.
func (c *contract) operation(req *http.Request) (item *v3.PathItem, template string, op *v3.Operation) {
	path := req.URL.EscapedPath()
	if !strings.Contains(strings.ToLower(path), "%2f") { // an escaped slash separates no segments
		path = req.URL.Path
	}
	item, template, ok := c.paths.Lookup(path) // which ignores empty segments
	if path == "/" {
		item, ok = c.model.Paths.PathItems.Get(path)
		template = path
	}
	if !ok || strings.Contains(path, "//") || (path != "/" && strings.HasSuffix(path, "/") && !mayEndInSlash.MatchString(path)) {
		return nil, "", nil
	}
	op, _ = item.GetOperations().Get(strings.ToLower(documentedMethod(req)))
	return item, template, op
}

// documentedMethod is GET for HEAD, which the contract implies.
func documentedMethod(req *http.Request) string {
	if req.Method == http.MethodHead {
		return http.MethodGet
	}
	return req.Method
}

func documentedRequest(req *http.Request, sent []byte) *http.Request {
	r := req.Clone(req.Context())
	r.Method = documentedMethod(req)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
	if strings.HasPrefix(r.URL.Path, "/v1") {
		return r
	}
	r.URL.Path, r.URL.RawPath = strings.TrimSuffix(r.URL.Path, "/"), strings.TrimSuffix(r.URL.RawPath, "/")
	return r
}

func checkStatus(op *v3.Operation, resp *http.Response) error {
	_, one := op.Responses.Codes.Get(strconv.Itoa(resp.StatusCode))
	_, class := op.Responses.Codes.Get(fmt.Sprintf("%dXX", resp.StatusCode/100))
	if !one && !class && op.Responses.Default == nil {
		return fmt.Errorf("status %d is not in the contract", resp.StatusCode)
	}
	return nil
}

func join(found []*validation.ValidationError) error {
	var all []error
	for _, e := range found {
		all = append(all, e)
	}
	return errors.Join(all...)
}

// operation is one that the contract has.
type operation struct {
	*v3.Operation
	method, path string
	parameters   []*v3.Parameter // those of the path, too
}

// operations returns all that the contract has, in its order.
func (c *contract) operations() iter.Seq[operation] {
	return func(yield func(operation) bool) {
		for path, item := range c.model.Paths.PathItems.FromOldest() {
			for method, op := range item.GetOperations().FromOldest() {
				if !yield(operation{op, strings.ToUpper(method), path, slices.Concat(item.Parameters, op.Parameters)}) {
					return
				}
			}
		}
	}
}

// unused returns the operations that no exchange was of.
func (c *contract) unused() (operations []string) {
	for op := range c.operations() {
		if name := op.method + " " + op.path; !c.used[name] {
			operations = append(operations, name)
		}
	}
	return operations
}

package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Error is an answer with status 400 or above, as an error. See [WithErrors].
type Error struct {
	Method, URL string
	// StatusCode is the status of the answer, 400 or above.
	StatusCode int
	// Problem is the problem in the answer. If the answer is not a problem of
	// the API, only Detail is set, to the text of the answer.
	Problem Problem
}

// Error describes the request and every fault in it.
func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s is answered %d %s", e.Method, e.URL, e.StatusCode, http.StatusText(e.StatusCode))
	if e.Problem.Detail != "" {
		fmt.Fprintf(&text, ": %s", e.Problem.Detail)
	}
	if e.Problem.Errors != nil {
		for _, fault := range *e.Problem.Errors {
			fmt.Fprintf(&text, "; %s %s", fault.Pointer, fault.Detail)
		}
	}
	return text.String()
}

// WithErrors makes the methods of a client return an *[Error] for answers with
// status 400 or above, for callers who treat all failures alike. Pass it after
// [WithHTTPClient].
func WithErrors() ClientOption {
	return func(c *Client) error {
		if c.Client == nil {
			c.Client = &http.Client{}
		}
		c.Client = failing{c.Client}
		return nil
	}
}

type failing struct {
	doer HttpRequestDoer
}

func (f failing) Do(req *http.Request) (*http.Response, error) {
	resp, err := f.doer.Do(req)
	if err != nil || resp.StatusCode < http.StatusBadRequest {
		return resp, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16)) // a partial body is better than none
	failure := &Error{Method: req.Method, URL: req.URL.String(), StatusCode: resp.StatusCode}
	if json.Unmarshal(body, &failure.Problem) != nil || failure.Problem.Detail == "" {
		failure.Problem = Problem{Detail: strings.TrimSpace(string(body))}
	}
	return nil, failure
}

package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Error is an answer that tells of a failure, as an error. See [WithErrors].
type Error struct {
	Method, URL string
	// StatusCode is that of the answer, 400 or above.
	StatusCode int
	// Problem is what the answer tells. If the API did not answer itself, it has
	// nothing but the text of the answer, as its Detail.
	Problem Problem
}

// Error tells what was asked for, and all that is wrong.
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

// WithErrors has the methods of a client return an *[Error] for an answer of
// 400 or above: for callers who treat all failures alike. It goes behind
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
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16)) // what there is of it
	failure := &Error{Method: req.Method, URL: req.URL.String(), StatusCode: resp.StatusCode}
	if json.Unmarshal(body, &failure.Problem) != nil || failure.Problem.Detail == "" {
		failure.Problem = Problem{Detail: strings.TrimSpace(string(body))}
	}
	return nil, failure
}

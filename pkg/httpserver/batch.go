package httpserver

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/jsonscan"
)

// MaxItems is how many items a batch has at most.
const MaxItems = 1000

const ndjson = "application/x-ndjson"

// ReadItems reads a batch of 1 to MaxItems items: of a body of the type
// application/x-ndjson the lines that are not blank, which may be no JSON; of
// application/json the elements of an array. An item is as it was sent,
// without space round it. ReadItems also returns the whole body. Errors:
// ErrUnsupported, those of ReadBody with MaxUpload, ErrMalformed, fault.Invalid.
func ReadItems(c *gin.Context) (items [][]byte, body []byte, err error) {
	if err := RequireContentType(c, ndjson, "application/json"); err != nil {
		return nil, nil, err
	}
	if body, err = ReadBody(c, MaxUpload); err != nil {
		return nil, nil, err
	}
	if MediaType(c.Request) == ndjson {
		items = lines(body)
	} else if items, err = elements(body); err != nil {
		return nil, nil, err
	}
	if len(items) == 0 || len(items) > MaxItems {
		return nil, nil, fault.Invalidate(fault.Violation{Pointer: "", Detail: "must have 1 to " + strconv.Itoa(MaxItems) + " items"})
	}
	return items, body, nil
}

// lines returns the first lines of text that are not blank, one more than a
// batch may have at most.
func lines(text []byte) (items [][]byte) {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			items = append(items, line)
		}
		if len(items) > MaxItems {
			break
		}
	}
	return items
}

// elements is lines for the elements of a JSON array.
func elements(text []byte) (items [][]byte, err error) {
	if err := checkSyntax(text, "array"); err != nil {
		return nil, err
	}
	s := jsonscan.Scanner{Data: text}
	if kind := kindOf(s.Next()); kind != "an array" {
		return nil, fault.Invalidate(fault.Violation{Pointer: "", Detail: "must be an array, not " + kind})
	}
	for range s.Array {
		if items = append(items, s.Value()); len(items) > MaxItems {
			break
		}
	}
	return items, nil
}

// ParseItem reads an item of a batch as ParseObject does a body. It has at most
// MaxJSON bytes, else the error is ErrTooLarge.
func ParseItem(item []byte) (*Object, error) {
	if len(item) > MaxJSON {
		return nil, ErrTooLarge.Detailf("the item is larger than %d bytes", MaxJSON)
	}
	return ParseObject(item)
}

// Result is what became of an item of a batch: a resource, or a problem.
type Result[T any] struct {
	Status   int      `json:"status"`
	Location string   `json:"location,omitempty"`
	Resource *T       `json:"resource,omitempty"`
	Problem  *problem `json:"problem,omitempty"`
}

// Created is the result of an item that a resource at location was made of.
func Created[T any](location string, resource T) Result[T] {
	return Result[T]{Status: http.StatusCreated, Location: location, Resource: &resource}
}

// Refused is the result of an item that failed with err, as WriteError maps it.
// The instance, which is that of the answer, is left out: the results of a request
// that comes again are the same.
func Refused[T any](r *http.Request, err error) Result[T] {
	p := newProblem(r, err)
	return Result[T]{Status: p.Status, Problem: &p}
}

// ServeResults answers with the results of a batch.
func ServeResults[T any](c *gin.Context, results []Result[T]) {
	c.PureJSON(http.StatusOK, gin.H{"results": results})
}

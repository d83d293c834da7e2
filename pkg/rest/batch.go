package rest

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/jsonscan"
	"github.com/concha-labs/backend/pkg/longwork"
)

// MaxItems is the maximum number of items in a batch.
const MaxItems = 1000

const ndjson = "application/x-ndjson"

// ReadItems reads a batch of 1 to MaxItems items: the lines of an
// application/x-ndjson body that are not blank, which need not be valid JSON,
// or the elements of an array in an application/json body. An item is the exact
// text without surrounding space. ReadItems also returns the whole body.
// Errors: httpserver.ErrUnsupported, those of ReadBody with MaxUpload,
// httpserver.ErrMalformed, fault.Invalid.
func ReadItems(c *gin.Context) (items [][]byte, body []byte, err error) {
	if err := RequireContentType(c, ndjson, "application/json"); err != nil {
		return nil, nil, err
	}
	if body, err = ReadBody(c, MaxUpload); err != nil {
		return nil, nil, err
	}
	if err := longwork.DoBytes(c.Request.Context(), len(body), func() (err error) {
		if MediaType(c.Request) == ndjson {
			items = lines(body)
			return nil
		}
		items, err = elements(body)
		return err
	}); err != nil {
		return nil, nil, err
	}
	if len(items) == 0 || len(items) > MaxItems {
		return nil, nil, fault.Invalidate(fault.Violation{Pointer: "", Detail: "must have 1 to " + strconv.Itoa(MaxItems) + " items"})
	}
	return items, body, nil
}

// lines returns the first lines of text that are not blank, at most one more
// than the limit of a batch.
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
	text = trimMark(text)
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

// ParseItem reads an item of a batch as ParseObject reads a body. An item with
// more than MaxJSON bytes is httpserver.ErrTooLarge.
func ParseItem(item []byte) (*Object, error) {
	if len(item) > MaxJSON {
		return nil, httpserver.ErrTooLarge.Detailf("the item is larger than %d bytes", MaxJSON)
	}
	return ParseObject(item)
}

// Result is the result of an item of a batch: a resource, or a problem.
type Result[T any] struct {
	Status   int                 `json:"status"`
	Location string              `json:"location,omitempty"`
	Resource *T                  `json:"resource,omitempty"`
	Problem  *httpserver.Problem `json:"problem,omitempty"`
}

// Created returns the result of an item from which the resource at location was
// created.
func Created[T any](location string, resource T) Result[T] {
	return Result[T]{Status: http.StatusCreated, Location: location, Resource: &resource}
}

// Refused returns the result of an item that failed with err, mapped as by
// WriteError. It has no instance, so that a repeated request gets the same
// results.
func Refused[T any](r *http.Request, err error) Result[T] {
	p := httpserver.NewProblem(r, err)
	return Result[T]{Status: p.Status, Problem: &p}
}

// maxBatchFaults is how many faults of its items the answer to a batch lists,
// beside the first of each item: it bounds how much larger than its request an
// answer can be.
const maxBatchFaults = 1000

// shorten leaves the first fault of a problem, and at most left others, and
// returns what is left after that.
func shorten(p *httpserver.Problem, left int) int {
	if more := len(p.Errors) - 1; more > left {
		p.Errors = slices.Clone(p.Errors[:1+left])
		return 0
	} else if more > 0 {
		left -= more
	}
	return left
}

// ServeBatch answers a batch with a result for each item. parse reads one item.
// create creates resources from the parsed items, possibly none, and returns
// their results in the same order. once identifies the request. Errors: those of
// IdempotencyKey, ReadItems, Flights.Begin and create.
func ServeBatch[I, R any](c *gin.Context, underWay *Flights, parse func(item []byte) (I, error),
	create func(items []I, once idempotency.Request) ([]Result[R], error),
) error {
	key, err := IdempotencyKey(c)
	if err != nil {
		return err
	}
	sent, body, err := ReadItems(c)
	if err != nil {
		return err
	}
	land, err := underWay.Begin(key)
	if err != nil {
		return err
	}
	defer land()
	results := make([]Result[R], len(sent))
	faults := maxBatchFaults
	var items []I
	var places []int // indexes of the items among the results
	var sum [sha256.Size]byte
	if err := longwork.DoBytes(c.Request.Context(), len(body), func() error {
		for i := range sent {
			item, err := parse(sent[i])
			if err != nil {
				results[i] = Refused[R](c.Request, err)
				faults = shorten(results[i].Problem, faults)
				continue
			}
			items, places = append(items, item), append(places, i)
		}
		sum = longwork.Sum256(body)
		return nil
	}); err != nil {
		return err
	}
	made, err := create(items, idempotency.Request{Key: key, Body: sum})
	if err != nil {
		return err
	}
	for i, place := range places {
		results[place] = made[i]
	}
	c.PureJSON(http.StatusOK, gin.H{"results": results})
	return nil
}

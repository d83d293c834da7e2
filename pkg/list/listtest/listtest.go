// Package listtest is the conformance suite of the lists of a store, and generates
// queries of lists.
package listtest

import (
	"iter"
	"reflect"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/list"
)

// Orders are all orders of a list.
var Orders = []list.Order{
	{By: list.ByID}, {By: list.ByID, Desc: true}, {By: list.ByCreated}, {By: list.ByCreated, Desc: true}, {By: list.ByUpdated}, {By: list.ByUpdated, Desc: true},
}

// Query is a query of lists.
type Query interface{ Filters() []list.Filter }

// Queries yields a query for each combination of the filters of Q, and of
// Owner and UpdatedSince, in each order, for a first and a later page. The filters
// are the fields of Q; a field of type X or *X takes the samples of type X. The
// test fails if a field has no sample, or does not lead to a filter.
func Queries[Q Query](t testing.TB, samples ...any) iter.Seq2[Q, list.Options] {
	return func(yield func(Q, list.Options) bool) {
		combine(t, new(Q), 0, 0, samples, yield)
	}
}

// combine sets the fields of q from field on, of which the fields before have
// filters, and yields the results. It reports whether to continue.
func combine[Q Query](t testing.TB, q *Q, field, filters int, samples []any, yield func(Q, list.Options) bool) bool {
	v := reflect.ValueOf(q).Elem()
	if field == v.NumField() {
		if got := len((*q).Filters()); got != filters {
			t.Errorf("%+v has %d filters, want %d", *q, got, filters)
		}
		return options(func(o list.Options) bool {
			v.FieldByName("Options").Set(reflect.ValueOf(o))
			return yield(*q, o)
		})
	}
	f := v.Field(field)
	if v.Type().Field(field).Name == "Options" {
		return combine(t, q, field+1, filters, samples, yield)
	}
	f.SetZero()
	if !combine(t, q, field+1, filters, samples, yield) {
		return false
	}
	found := false
	for _, sample := range samples {
		s := reflect.ValueOf(sample)
		switch {
		case s.Type() == f.Type():
			f.Set(s)
		case f.Kind() == reflect.Pointer && s.Type() == f.Type().Elem():
			f.Set(reflect.New(s.Type()))
			f.Elem().Set(s)
		default:
			continue
		}
		found = true
		if !combine(t, q, field+1, filters+1, samples, yield) {
			return false
		}
	}
	if !found {
		t.Fatalf("no sample of the type of %s", v.Type().Field(field).Name)
	}
	f.SetZero()
	return true
}

// options yields the options of each order, with and without Owner and
// UpdatedSince, for a first and a later page.
func options(yield func(list.Options) bool) bool {
	for _, order := range Orders {
		for _, since := range []time.Time{{}, time.Unix(1, 0).UTC()} {
			for _, owner := range []string{"", "key:a"} {
				for _, after := range []*list.Place{nil, {At: time.Unix(2, 0).UTC(), ID: 5}} {
					if !yield(list.Options{Order: order, Owner: owner, UpdatedSince: since, After: after, Limit: 10, Total: true}) {
						return false
					}
				}
			}
		}
	}
	return true
}

package list

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"
)

func TestStart(t *testing.T) {
	since := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	before, after := since.Add(-time.Hour), since.Add(time.Hour)
	updates := Order{By: ByUpdated}
	for name, test := range map[string]struct {
		in    Options
		start Place
		since time.Time // that is left of the filter
	}{
		"the first page by id":            {in: Options{UpdatedSince: since}, since: since},
		"a later page by id":              {in: Options{After: &Place{ID: 7}}, start: Place{ID: 7}},
		"descending":                      {in: Options{Order: Order{Desc: true}}, start: Place{latest, math.MaxInt64}},
		"by creation":                     {in: Options{Order: Order{By: ByCreated}, UpdatedSince: since}, since: since},
		"by update, since":                {in: Options{Order: updates, UpdatedSince: since}, start: Place{since.Add(-time.Microsecond), math.MaxInt64}},
		"by update, since, after earlier": {in: Options{Order: updates, UpdatedSince: since, After: &Place{before, 7}}, start: Place{since.Add(-time.Microsecond), math.MaxInt64}},
		"by update, since, after later":   {in: Options{Order: updates, UpdatedSince: since, After: &Place{after, 7}}, start: Place{after, 7}},
		"by update, descending":           {in: Options{Order: Order{ByUpdated, true}, UpdatedSince: since}, start: Place{latest, math.MaxInt64}, since: since},
	} {
		if start, rest := test.in.Start(); start != test.start || !rest.UpdatedSince.Equal(test.since) {
			t.Errorf("%s: starts after %v, updated since %v", name, start, rest.UpdatedSince)
		}
	}
}

func TestFrom(t *testing.T) {
	failure := errors.New("no more")
	next := func(last int) (Page[int], error) {
		if last == 4 {
			return Page[int]{}, failure
		}
		return Page[int]{Items: []int{last + 1, last + 2}, More: true}, nil
	}
	var got []int
	for items, err := range From(Page[int]{Items: []int{1, 2}, More: true}, next) {
		if err != nil {
			if !errors.Is(err, failure) {
				t.Error(err)
			}
			got = append(got, -1)
		}
		got = append(got, items...)
	}
	if want := []int{1, 2, 3, 4, -1}; !slices.Equal(got, want) {
		t.Errorf("yields %v, want %v", got, want)
	}
	for items, err := range From(Page[int]{Items: []int{9}}, next) {
		if !slices.Equal(items, []int{9}) || err != nil {
			t.Errorf("yields %v, %v", items, err)
		}
	}
}

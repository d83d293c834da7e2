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
	next := func(after Place) (Page[int64], error) {
		switch after.ID {
		case 2:
			return Page[int64]{Next: &Place{ID: 3}}, nil // has visited many resources and found none
		case 3:
			return Page[int64]{Items: []int64{4}, Next: &Place{ID: 4}}, nil
		}
		return Page[int64]{}, failure
	}
	var got []int64
	for items, err := range From(Page[int64]{Items: []int64{1, 2}, Next: &Place{ID: 2}}, next) {
		if err != nil {
			if !errors.Is(err, failure) {
				t.Error(err)
			}
			got = append(got, -1)
		}
		got = append(got, items...)
	}
	if want := []int64{1, 2, 4, -1}; !slices.Equal(got, want) {
		t.Errorf("yields %v, want %v", got, want)
	}
	for items, err := range From(Page[int64]{Items: []int64{9}}, next) {
		if !slices.Equal(items, []int64{9}) || err != nil {
			t.Errorf("yields %v, %v", items, err)
		}
	}
}

package fileblob

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A folder with more names than are held at once is listed in order, also from
// the middle, and while it changes.
func TestListHoldsFewNames(t *testing.T) {
	s, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 57 {
		want = append(want, fmt.Sprintf("%d/%02d", i%3, i))
	}
	slices.Sort(want)
	for _, i := range rand.Perm(len(want)) {
		if err := s.Put(t.Context(), want[i], "", strings.NewReader("")); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int{1, 8, 19, 57, 58} {
		for _, from := range []int{0, 1, 30, 57} {
			after := ""
			if from > 0 {
				after = want[from-1]
			}
			var got []string
			if err := s.list(t.Context(), limit, after, func(name string) error {
				got = append(got, name)
				return nil
			}); err != nil || !slices.Equal(got, want[from:]) {
				t.Errorf("%d at a time, after %q: %q, %v; want %q", limit, after, got, err, want[from:])
			}
		}
	}
	var got []string
	if err := s.list(t.Context(), 8, "", func(name string) error {
		got = append(got, name)
		return errors.Join(s.Delete(t.Context(), name))
	}); err != nil || !slices.Equal(got, want) {
		t.Errorf("while it is emptied: %q, %v; want all", got, err)
	}
}

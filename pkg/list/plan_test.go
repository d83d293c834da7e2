package list

import (
	"reflect"
	"testing"
)

// The list of an owner, and its count, read only resources of the owner, unless
// a filter names the resources.
func TestListOfAnOwnerReadsNothingElse(t *testing.T) {
	s := Schema{ID: "id", Indexes: []Index{
		{Name: "email", Columns: []string{"email"}, Unique: true},
		{Name: "name", Columns: []string{"name"}, Stored: []string{"owner"}},
		{Name: "owner", Columns: []string{"owner"}},
		{Name: "owner, created", Columns: []string{"owner", ByCreated}},
		{Name: "owner, updated", Columns: []string{"owner", ByUpdated}},
		{Name: "created", Columns: []string{ByCreated}, Stored: []string{"owner"}},
	}}
	for _, filters := range [][]Filter{nil, {AnyOf("name", []string{"Ann"})}, {{Field: "id", Min: int64(1), Max: int64(9)}}} {
		for _, by := range []string{ByID, ByCreated, ByUpdated} {
			for _, after := range []*Place{nil, {ID: 5}} {
				o := Options{Owner: "key:a", Order: Order{By: by, Desc: after == nil}, After: after, Limit: 10}
				page, count := s.Plan(filters, o), s.Count(filters, o)
				for _, r := range append(append(page.Probes, count.Probes...), page.Walk, count.Walk) {
					if len(r.Bounds) == 0 || r.Bounds[0].Field != "owner" {
						t.Errorf("%v by %s is read by %q from %v", filters, by, r.Name, r.Bounds)
					}
				}
			}
		}
	}
	if p := s.Plan([]Filter{AnyOf("email", []string{"a@b"})}, Options{Owner: "key:a"}); p.Few == nil {
		t.Error("an e-mail is not looked up")
	}
}

// A filter of the second column of an index is looked up for all values of the
// first, if the index has these. The number of entries of an index that lacks resources
// cannot be the total.
func TestPlanOfSecondColumn(t *testing.T) {
	s := Schema{ID: "id", Rows: Index{Name: "rows", Rows: true}, Indexes: []Index{
		{Name: "account", Columns: []string{"account"}, Stored: []string{"step", "tick"}, Sparse: true},
		{Name: "steps", Columns: []string{"step", "tick"}, First: []any{int64(0), int64(1)}},
	}}
	tick := AnyOf("tick", []int64{3})
	p := s.Plan([]Filter{tick}, Options{Limit: 10})
	if p.Walk.Name != "rows" || p.Walk.MaxVisits("id") != Visits {
		t.Errorf("the walk visits %d entries of %q", p.Walk.MaxVisits("id"), p.Walk.Name)
	}
	want := []Filter{{Field: "step", Values: []any{int64(0), int64(1)}}, tick}
	if len(p.Probes) != 1 || p.Probes[0].Name != "steps" || !reflect.DeepEqual(p.Probes[0].Bounds, want) || len(p.Probes[0].Rest) > 0 {
		t.Errorf("probes %+v, want steps with the bounds %v", p.Probes, want)
	}
	if c := s.Count([]Filter{tick}, Options{}); c.Walk.Name != "steps" {
		t.Errorf("the total is that of %q", c.Walk.Name)
	}
	if c := s.Count([]Filter{AnyOf("name", []string{"x"})}, Options{}); c.Walk.Name != "rows" {
		t.Errorf("the total with another filter is counted in %q", c.Walk.Name)
	}
}

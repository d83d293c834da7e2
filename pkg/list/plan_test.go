package list

import "testing"

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

package domain_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

var (
	epoch   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	later   = epoch.Add(time.Hour)
	profile = domain.Profile{Name: "Ann", Email: "ann@example.org", Address: "Street 1"}
)

func TestVersionGrowsOnlyWithAChange(t *testing.T) {
	a := domain.New(7, profile, epoch)
	if a.Version != 1 || a.CreatedAt != epoch || a.UpdatedAt != epoch {
		t.Fatalf("New = %+v", a)
	}
	if same, fields := a.WithProfile(profile, later); fields != nil || same != a {
		t.Errorf("the same profile changed %v: %+v", fields, same)
	}
	b, fields := a.WithProfile(domain.Profile{Name: "Ann", Email: "b@example.org", Address: "Street 2"}, later)
	if diff := cmp.Diff([]string{"email", "address"}, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if b.Version != 2 || b.CreatedAt != epoch || b.UpdatedAt != later || a.Version != 1 {
		t.Errorf("WithProfile = %+v from %+v", b, a)
	}
}

func TestImageChangesByItsContent(t *testing.T) {
	a := domain.New(7, profile, epoch)
	if _, fields := a.WithImage(nil, later); fields != nil {
		t.Errorf("no image instead of none changed %v", fields)
	}
	b, fields := a.WithImage(&domain.Image{Object: "one", SHA256: "aa"}, later)
	if len(fields) != 1 || fields[0] != "image" || b.Version != 2 {
		t.Errorf("a first image changed %v, version %d", fields, b.Version)
	}
	if same, fields := b.WithImage(&domain.Image{Object: "two", SHA256: "aa"}, later); fields != nil || same.Image.Object != "one" {
		t.Errorf("the same content again changed %v", fields)
	}
	if c, fields := b.WithImage(nil, later); len(fields) != 1 || c.Image != nil || c.Version != 3 {
		t.Errorf("no image changed %v, version %d", fields, c.Version)
	}
}

func TestTimeOfAnUpdateNeverGoesBack(t *testing.T) {
	a, _ := domain.New(7, profile, epoch).WithImage(&domain.Image{SHA256: "aa"}, later)
	b, fields := a.WithImage(nil, epoch) // by a replica whose clock is behind
	if fields == nil || b.Version != 3 || b.UpdatedAt != later {
		t.Errorf("WithImage = %+v, changed %v", b, fields)
	}
}

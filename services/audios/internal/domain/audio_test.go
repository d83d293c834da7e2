package domain_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

var (
	epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	later = epoch.Add(time.Hour)
)

func TestNewGoesOnFromTheLastVersion(t *testing.T) {
	s, err := draft(func(*domain.Draft) {}).Session()
	if err != nil {
		t.Fatal(err)
	}
	for last, want := range map[int64]int64{0: 1, 6: 7} {
		a := domain.New(s, domain.File{Object: "one"}, last, epoch)
		if a.Version != want || a.CreatedAt != epoch || a.UpdatedAt != epoch || a.File.Object != "one" {
			t.Errorf("New after version %d = %+v", last, a)
		}
	}
}

func TestVersionGrowsOnlyWithAChange(t *testing.T) {
	s, err := draft(func(d *domain.Draft) { d.AccountID = new(int64(5)) }).Session()
	if err != nil {
		t.Fatal(err)
	}
	a := domain.New(s, domain.File{Object: "one", SHA256: "aa"}, 0, epoch)
	for _, c := range []struct {
		name string
		edit func(*domain.Session, *domain.File)
		want []string
	}{
		{"nothing", func(*domain.Session, *domain.File) {}, nil},
		{"the same as other pointers and objects", func(s *domain.Session, f *domain.File) {
			s.AccountID, f.Object = new(int64(5)), "two"
		}, nil},
		{"other bytes", func(_ *domain.Session, f *domain.File) { f.SHA256 = "bb" }, []string{"file_url"}},
		{"another account", func(s *domain.Session, _ *domain.File) { s.AccountID = new(int64(6)) }, []string{"account_id"}},
		{"another account, and the same content in another object", func(s *domain.Session, f *domain.File) {
			s.AccountID, f.Object = new(int64(6)), "two"
		}, []string{"account_id"}},
		{"no account", func(s *domain.Session, _ *domain.File) { s.AccountID = nil }, []string{"account_id"}},
		{"the last bit of a tick", func(s *domain.Session, _ *domain.File) { s.Ticks[14] += 1e-14 }, []string{"ticks"}},
		{"everything", func(s *domain.Session, f *domain.File) {
			s.AccountID, s.SelectedTick, s.StepCount, f.SHA256 = nil, 0, 0, "bb"
			s.Ticks[0] = -10
		}, []string{"account_id", "ticks", "selected_tick", "step_count", "file_url"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, file := a.Session, domain.File{Object: "one", SHA256: "aa"}
			c.edit(&next, &file)
			changed, fields := a.WithSession(next, file, later)
			if diff := cmp.Diff(c.want, fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			want := a
			if file.SHA256 == a.File.SHA256 {
				file = a.File
			}
			if c.want != nil {
				want = domain.Audio{Session: next, File: file, Meta: resource.Meta{Version: 2, CreatedAt: epoch, UpdatedAt: later}}
			}
			if diff := cmp.Diff(want, changed); diff != "" {
				t.Errorf("audio (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTimeOfAnUpdateNeverGoesBack(t *testing.T) {
	s, err := draft(func(*domain.Draft) {}).Session()
	if err != nil {
		t.Fatal(err)
	}
	a := domain.New(s, domain.File{SHA256: "aa"}, 0, later)
	b, fields := a.WithSession(s, domain.File{SHA256: "bb"}, epoch) // by a replica whose clock is behind
	if fields == nil || b.Version != 2 || b.UpdatedAt != later {
		t.Errorf("WithSession = %+v, changed %v", b, fields)
	}
}

package domain_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func TestPatchChecksWhatItChanges(t *testing.T) {
	none := (*int64)(nil)
	for _, c := range []struct {
		name  string
		patch domain.Patch
		want  []string // pointers
	}{
		{"nothing", domain.Patch{}, nil},
		{"all", domain.Patch{new(new(int64(5))), new(slices.Repeat([]float64{-50}, 15)), new(int64(14)), new(int64(9))}, nil},
		{"no account", domain.Patch{AccountID: &none}, nil},
		{"account 0", domain.Patch{AccountID: new(new(int64(0)))}, []string{"/account_id"}},
		{"no ticks", domain.Patch{Ticks: new([]float64(nil))}, []string{"/ticks"}},
		{"a loud tick", domain.Patch{Ticks: new(append(slices.Repeat([]float64{-50}, 14), -9))}, []string{"/ticks/14"}},
		{"numbers", domain.Patch{SelectedTick: new(int64(15)), StepCount: new(int64(-1))}, []string{"/selected_tick", "/step_count"}},
	} {
		var got []string
		if f, ok := errors.AsType[*fault.Error](c.patch.Validate()); ok {
			for _, v := range f.Violations {
				got = append(got, v.Pointer)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: pointers (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestWithPatch(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	sent := domain.New(domain.Session{SessionID: 7, AccountID: new(int64(5)), StepCount: 1}, domain.File{Object: "o", SizeBytes: 1, SHA256: "00"}, 0, now)
	for i := range sent.Ticks {
		sent.Ticks[i] = -50.25
	}
	patch := func(a domain.Audio, p domain.Patch, wantFields ...string) domain.Audio {
		t.Helper()
		next, fields, err := a.WithPatch(p, now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantFields, fields); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
		version, at := a.Version, a.UpdatedAt
		if wantFields != nil {
			version, at = version+1, now.Add(time.Hour)
		}
		if next.Version != version || !next.UpdatedAt.Equal(at) {
			t.Errorf("version %d of %v, want %d of %v", next.Version, next.UpdatedAt, version, at)
		}
		return next
	}
	same := patch(sent, domain.Patch{AccountID: new(new(int64(5))), StepCount: new(int64(1)), Ticks: new(slices.Repeat([]float64{-50.25}, 15))})
	if diff := cmp.Diff(sent, same); diff != "" {
		t.Errorf("the same values (-want +got):\n%s", diff)
	}
	none := (*int64)(nil)
	if moved := patch(sent, domain.Patch{AccountID: &none}, "account_id"); moved.File != sent.File || moved.AccountID != nil {
		t.Errorf("without its account it is %+v", moved)
	}
	changed := patch(sent, domain.Patch{StepCount: new(int64(2))}, "step_count", "file_url")
	wantRendered(t, changed, `{"session_id":7,"account_id":5,"ticks":[-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25],"selected_tick":0,"step_count":2}`,
		"a00ad2c5b90b7a5e88481cf0d6866c33ea07774cf8634702cc099f40ebd3b9da")
	moved := patch(changed, domain.Patch{AccountID: &none}, "account_id", "file_url")
	wantRendered(t, moved, `{"session_id":7,"ticks":[-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25,-50.25],"selected_tick":0,"step_count":2}`,
		"846ceaee52dad963800457cd65420a50ca21b3f88a7f67d7beba32d02274f3a5")
	patch(moved, domain.Patch{StepCount: new(int64(2))})
	if _, _, err := moved.WithPatch(domain.Patch{StepCount: new(int64(10))}, now); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("WithPatch = %v, want fault.Invalid", err)
	}
}

func wantRendered(t *testing.T, a domain.Audio, document, sha256 string) {
	t.Helper()
	if got := string(a.Document()); got != document {
		t.Errorf("the document is %s, want %s", got, document)
	}
	if want := (domain.File{SizeBytes: int64(len(document)), SHA256: sha256}); a.File != want {
		t.Errorf("the file is %+v, want %+v", a.File, want)
	}
}

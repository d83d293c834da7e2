package app_test

import (
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func TestPatch(t *testing.T) {
	w := newWorld(t)
	a, err := w.Create(t.Context(), session(t, 7, of(5)), []byte("as it was sent"), idempotency.Request{})
	if err != nil {
		t.Fatal(err)
	}
	patch := func(p domain.Patch) {
		t.Helper()
		if a, err = w.Patch(t.Context(), 7, p, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.CollectFiles(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
	}
	file := func() string {
		t.Helper()
		_, content, err := w.File(t.Context(), 7, func(domain.File) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = content.Close() }()
		document, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		return string(document)
	}
	none := (*int64)(nil)
	patch(domain.Patch{AccountID: &none})
	if got := file(); got != "as it was sent" {
		t.Errorf("the file is %q after a move", got)
	}
	patch(domain.Patch{StepCount: new(int64(9))})
	if got := file(); got != string(a.Document()) || a.StepCount != 9 {
		t.Errorf("the file is %q after a change, of %+v", got, a)
	}
	w.wantObjects(t)
	patch(domain.Patch{StepCount: new(int64(9))})
	if a.Version != 3 {
		t.Errorf("version %d, want 3", a.Version)
	}
	var got [][]any
	for _, e := range w.told(t)[1:] {
		got = append(got, []any{e[1], e[3]})
	}
	want := [][]any{{int64(2), []string{"account_id"}}, {int64(3), []string{"step_count", "file_url"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	if err := w.RemoveAccount(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		id    int64
		patch domain.Patch
		check app.Condition
		want  error
	}{
		"of what is not there":  {8, domain.Patch{}, nil, domain.ErrNotFound},
		"to a deleted account":  {7, domain.Patch{AccountID: new(new(int64(5)))}, nil, domain.ErrAccountDeleted},
		"on a condition":        {7, domain.Patch{StepCount: new(int64(1))}, refuseAt(1), errCondition},
		"that changes nothing":  {7, domain.Patch{}, nil, nil},
		"that changes no value": {7, domain.Patch{StepCount: new(int64(9))}, nil, nil},
	} {
		if _, err := w.Patch(t.Context(), c.id, c.patch, c.check); !errors.Is(err, c.want) {
			t.Errorf("a patch %s: %v, want %v", name, err, c.want)
		}
	}
	if again, err := w.Get(t.Context(), 7); err != nil || again != a {
		t.Errorf("the audio is %+v, %v; want it unchanged", again, err)
	}
}

func TestReplaceKeepsTheAccountIfAsked(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Create(t.Context(), session(t, 7, of(5)), []byte("one"), idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
	a, err := w.Replace(t.Context(), session(t, 7), []byte("two"), true, nil)
	if err != nil || a.AccountID == nil || *a.AccountID != 5 {
		t.Errorf("the audio is %+v, %v; want it with its account", a, err)
	}
	a, err = w.Replace(t.Context(), session(t, 7), []byte("two"), false, nil)
	if err != nil || a.AccountID != nil || a.Version != 3 {
		t.Errorf("the audio is %+v, %v; want it without an account", a, err)
	}
}

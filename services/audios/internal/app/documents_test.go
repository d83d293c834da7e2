package app_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// wantFile checks the document of a session, and that it is in want objects.
func (w *world) wantFile(t *testing.T, id int64, document []byte, objects int) {
	t.Helper()
	file, content, err := w.File(t.Context(), id, func(domain.File) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = content.Close() }()
	if got, err := io.ReadAll(content); err != nil || !bytes.Equal(got, document) || file.SizeBytes != int64(len(document)) {
		t.Errorf("File of %d bytes, %v; want %d", len(got), err, len(document))
	}
	if err := w.CollectFiles(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := w.objects(t); len(got) != objects {
		t.Errorf("objects %q, want %d", got, objects)
	}
}

func TestSmallDocumentsAreNoObjects(t *testing.T) {
	w := newWorld(t)
	small, largest := []byte(`{"a":"document"}`), bytes.Repeat([]byte{' '}, domain.MaxKept)
	s := session(t, 7)
	if _, err := w.Create(t.Context(), s, small, idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
	w.wantFile(t, 7, small, 0)
	for _, c := range []struct {
		document []byte
		objects  int
	}{{largest, 0}, {append(largest, ' '), 1}, {large("another"), 1}, {small, 0}, {small, 0}} {
		if _, err := w.Replace(t.Context(), s, c.document, false, nil); err != nil {
			t.Fatal(err)
		}
		w.wantFile(t, 7, c.document, c.objects)
	}
	account, step := new(int64(5)), int64(9)
	if _, err := w.Patch(t.Context(), 7, domain.Patch{AccountID: &account}, nil); err != nil {
		t.Fatal(err)
	}
	w.wantFile(t, 7, small, 0) // the account is not part of what was sent
	a, err := w.Patch(t.Context(), 7, domain.Patch{StepCount: &step}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.wantFile(t, 7, a.Document(), 0)
}

// Only documents that are objects are stored before the transaction of a batch.
func TestABatchOfSmallDocumentsStoresNoObject(t *testing.T) {
	w := newWorld(t)
	s := w.service(w.store, full{w.files})
	items := []app.Item{{Session: session(t, 1), Document: []byte("one")}, {Session: session(t, 2), Document: []byte("two")}}
	once := idempotency.Request{Key: [32]byte{1}, Body: [32]byte{2}}
	for range 2 {
		if _, err := s.CreateAll(t.Context(), items, once); err != nil {
			t.Fatal(err)
		}
	}
	w.wantFile(t, 1, items[0].Document, 0)
	if _, err := w.CreateAll(t.Context(), []app.Item{{Session: session(t, 3), Document: []byte("three")}, {Session: session(t, 4), Document: large("four")}}, idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
	w.wantFile(t, 3, []byte("three"), 1)
	w.wantFile(t, 4, large("four"), 1)
}

func TestDocumentsOfOthersAreMissing(t *testing.T) {
	w := newWorld(t)
	ada := caller.With(t.Context(), &caller.Caller{ID: "ada", Scopes: caller.AudiosOwn})
	if _, err := w.Create(ada, session(t, 7), []byte("hers"), idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
	bob := caller.With(t.Context(), &caller.Caller{ID: "bob", Scopes: caller.AudiosOwn})
	if _, _, err := w.File(bob, 7, func(domain.File) bool { return true }); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("File of another = %v, want ErrNotFound", err)
	}
}

func TestMissingObjectIsLost(t *testing.T) {
	w := newWorld(t)
	a := w.create(t, session(t, 7))
	if err := w.files.Delete(t.Context(), a.File.Object); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.File(t.Context(), 7, func(domain.File) bool { return true })
	if fault.KindOf(err) != fault.Lost {
		t.Errorf("File = %v, want fault.Lost", err)
	}
	if again, err := w.Replace(t.Context(), session(t, 7), large("document"), false, nil); err != nil || again.Version != a.Version {
		t.Errorf("Replace by the same = version %d, %v", again.Version, err)
	}
	if _, content, err := w.File(t.Context(), 7, func(domain.File) bool { return true }); err != nil {
		t.Errorf("File after it was sent again: %v", err)
	} else {
		_ = content.Close()
	}
}

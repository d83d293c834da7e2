package storetest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// keptFile returns a file whose content is to be kept.
func keptFile(content string) domain.File {
	return domain.File{Kept: true, Content: content, SizeBytes: int64(len(content)), SHA256: fmt.Sprintf("%064x", content[:min(len(content), 16)])}
}

// wantDocument checks an audio and its document, also without the document.
func wantDocument(t *testing.T, b Backend, a domain.Audio, content string) {
	t.Helper()
	a.File.Content = ""
	want(t, b, a)
	got, err := b.WithDocument(t.Context(), a.SessionID)
	if err != nil {
		t.Fatalf("WithDocument: %v", err)
	}
	a.File.Content = content
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("audio with its document (-want +got):\n%s", diff)
	}
}

func testDocuments(t *testing.T, b Backend) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	largest := strings.Repeat("x", domain.MaxKept-32) + "\x00" + rand.Text()
	for _, content := range []string{" ", "{\n}", string(all), largest} {
		a := newAudio()
		a.File = keptFile(content)
		created := mustCreate(t, b, a)
		if created.File.Content != "" {
			t.Error("Create returns the content")
		}
		a.Version = 1
		wantDocument(t, b, a, content)
	}
}

func testNoDocument(t *testing.T, b Backend) {
	if _, err := b.WithDocument(t.Context(), newID()); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("WithDocument = %v, want ErrNotFound", err)
	}
}

// testDocumentReplaced replaces each kind of file by each.
func testDocumentReplaced(t *testing.T, b Backend) {
	kinds := []func(id int64) domain.File{
		func(int64) domain.File { return keptFile(rand.Text()) },
		newFile,
		func(int64) domain.File { return domain.File{SizeBytes: 1, SHA256: strings.Repeat("a", 64)} },
	}
	a := newAudio()
	a.File = keptFile("first")
	a = mustCreate(t, b, a)
	for _, from := range kinds {
		for _, to := range kinds {
			for _, file := range []domain.File{from(a.SessionID), to(a.SessionID)} {
				updated, err := update(t.Context(), b, a.Session, func(a *domain.Audio) { a.File = file })
				if err != nil {
					t.Fatalf("Update: %v", err)
				}
				wantDocument(t, b, updated, file.Content)
				if updated, err = update(t.Context(), b, a.Session, func(a *domain.Audio) { a.StepCount = 9 - a.StepCount }); err != nil {
					t.Fatalf("Update: %v", err)
				}
				wantDocument(t, b, updated, file.Content) // it stays
			}
		}
	}
}

func testDocumentDeleted(t *testing.T, b Backend) {
	for name, remove := range map[string]func(*testing.T, domain.Audio){
		"the audio": func(t *testing.T, a domain.Audio) { mustDelete(t, b, a.SessionID) },
		"the account": func(t *testing.T, a domain.Audio) {
			if _, err := b.RemoveAccount(t.Context(), *a.AccountID, 10, deletion); err != nil {
				t.Fatalf("RemoveAccount: %v", err)
			}
		},
	} {
		a := newAudioOf(newID())
		a.File = keptFile("personal")
		mustCreate(t, b, a)
		remove(t, a)
		if got, err := b.WithDocument(t.Context(), a.SessionID); !errors.Is(err, domain.ErrNotFound) || got.File.Content != "" {
			t.Errorf("%s deleted: WithDocument = %+v, %v; want ErrNotFound", name, got, err)
		}
		wantDiscarded(t, b, a.SessionID)
		a.AccountID = nil
		a.File = keptFile("another")
		a.File.Content = "" // an audio with a document would take over the one that was deleted
		a = mustCreate(t, b, a)
		wantDocument(t, b, a, "")
	}
}

func testDocumentsOfMany(t *testing.T, b Backend) {
	var sessions []domain.Session
	var files []domain.File
	for i := range 30 {
		sessions = append(sessions, newAudio().Session)
		files = append(files, keptFile(fmt.Sprintf("document %d", i)))
	}
	sessions[29] = sessions[0] // refused
	files = append(files[:20], append([]domain.File{newFile(sessions[20].SessionID)}, files[21:]...)...)
	once := newOnce("many")
	for range 2 {
		outcomes, err := b.CreateAll(t.Context(), sessions, caller.Everything(), once, func(i int, last int64) (domain.Audio, events.Event, error) {
			a := domain.New(sessions[i], files[i], last, epoch)
			return a, event(events.AudioCreatedV1, a.SessionID, a.Version), nil
		}, accept)
		if err != nil {
			t.Fatalf("CreateAll: %v", err)
		}
		for i, o := range outcomes[:29] {
			wantDocument(t, b, o.Result, files[i].Content)
		}
	}
}

// testDocumentAtOnce reads a document while it is replaced.
func testDocumentAtOnce(t *testing.T, b Backend) {
	a := newAudio()
	a.File = keptFile("0")
	a = mustCreate(t, b, a)
	var writer sync.WaitGroup
	done := make(chan struct{})
	writer.Go(func() {
		defer close(done)
		for i := range 30 {
			if _, err := update(t.Context(), b, a.Session, func(a *domain.Audio) { a.File = keptFile(fmt.Sprint(i)) }); err != nil {
				t.Errorf("Update: %v", err)
			}
		}
	})
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		got, err := b.WithDocument(t.Context(), a.SessionID)
		if err != nil || got.File != keptFile(got.File.Content) {
			t.Fatalf("WithDocument = %+v, %v; want a file and its content", got.File, err)
		}
	}
	writer.Wait()
}

package sqlitestore

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/backend/embedded/embeddedtest"
	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/app/storetest"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func TestStore(t *testing.T) {
	t.Parallel()
	o := embeddedtest.Open(t, Migrations())
	store := New(o.DB, o.Log, o.Keys)
	storetest.Run(t, storetest.Backend{Database: store, Log: o.Log})
	wantDocuments(t, store, "after the suite", `SELECT count(*) FROM audios WHERE file_content IS NOT NULL`)
}

// wantDocuments checks that all stored documents are those of sessions, whose
// number is that of the query.
func wantDocuments(t *testing.T, s *Store, when, query string) {
	t.Helper()
	var sessions, stored, found int
	if err := s.db.QueryRow(t.Context(), `SELECT (`+query+`),
		(SELECT count(*) FROM file_contents) + (SELECT count(*) FROM documents),
		(SELECT count(*) FROM audios WHERE file_content IN (SELECT id FROM file_contents)
			OR session_id IN (SELECT session_id FROM documents))`).Scan(&sessions, &stored, &found); err != nil {
		t.Fatal(err)
	}
	if stored != sessions || found != sessions {
		t.Errorf("%s: %d documents are stored, of %d sessions; want those of %d", when, stored, found, sessions)
	}
}

// earlier writes as the releases did that know only the table documents.
type earlier struct {
	*testing.T
	*Store
}

func (e earlier) exec(query string, args ...any) {
	e.Helper()
	if err := e.db.Write(e.Context(), func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}); err != nil {
		e.Fatal(err)
	}
}

func (e earlier) create(id int64, content string) {
	e.Helper()
	e.exec(`INSERT INTO audios (`+columns+`) VALUES (?, NULL, ?, 1, 2, ?, 1, '', NULL, 1, 0, 0)`, id, toBlob([domain.TickCount]float64{}), keptName(id))
	e.put(id, content)
}

func (e earlier) put(id int64, content string) {
	e.Helper()
	e.exec(`INSERT INTO documents (session_id, content) VALUES (?, ?)
		ON CONFLICT (session_id) DO UPDATE SET content = excluded.content`, id, []byte(content))
}

func (e earlier) remove(id int64) {
	e.Helper()
	e.exec(`DELETE FROM documents WHERE session_id = ?`, id)
	e.exec(`DELETE FROM audios WHERE session_id = ?`, id)
}

// TestDocumentsOfEarlierReleases has this release, R, and an earlier one, E, take
// turns: each replaces and deletes the documents of both, and R serves them.
func TestDocumentsOfEarlierReleases(t *testing.T) {
	t.Parallel()
	o := embeddedtest.Open(t, Migrations())
	s := New(o.DB, o.Log, o.Keys)
	old := earlier{t, s}
	const id = 7
	creations, version := map[byte]func(string){
		'E': func(content string) { old.create(id, content) },
		'R': func(content string) { createKept(t, s, id, content) },
	}, int64(100)
	puts := map[byte]func(string){
		'E': func(content string) { old.put(id, content) },
		'R': func(content string) { version++; putKept(t, s, id, version, content) },
	}
	removals := map[byte]func(){
		'E': func() { old.remove(id) },
		'R': func() {
			if err := s.Delete(t.Context(), id, func(a domain.Audio) (events.Event, error) {
				return events.Event{Type: events.AudioDeletedV1, Subject: "audio/7", Version: 1000 + version, Data: []byte("{}")}, nil
			}); err != nil {
				t.Fatal(err)
			}
		},
	}
	for _, turns := range []string{"EE", "ER", "RE", "RR", "ERE", "ERR", "RER", "RRE", "EER", "REE", "ERER", "RERE"} {
		var content string
		for i, who := range []byte(turns[:len(turns)-1]) {
			content = rand.Text()
			if i == 0 {
				creations[who](content)
			} else {
				puts[who](content)
			}
			if a, err := s.WithDocument(t.Context(), id); err != nil || a.File.Content != content {
				t.Errorf("%s, turn %d: the document is %q, %v; want %q", turns, i, a.File.Content, err, content)
			}
			wantDocuments(t, s, turns, `SELECT 1`)
		}
		removals[turns[len(turns)-1]]()
		wantDocuments(t, s, turns+" deleted", `SELECT 0`)
		old.exec(`DELETE FROM deleted_audios`)
		old.exec(`DELETE FROM event_log`)
	}
}

func createKept(t *testing.T, s *Store, id int64, content string) {
	t.Helper()
	session := domain.Session{SessionID: id}
	if _, err := s.Create(t.Context(), session, caller.Everything(), idempotency.Request{}, func(int64) (domain.Audio, events.Event, error) {
		return domain.New(session, domain.File{Kept: true, Content: content}, 0, time.Unix(0, 0)),
			events.Event{Type: events.AudioCreatedV1, Subject: "audio/7", Version: 1, Data: []byte("{}")}, nil
	}); err != nil {
		t.Fatal(err)
	}
}

func putKept(t *testing.T, s *Store, id, version int64, content string) {
	t.Helper()
	if _, err := s.Update(t.Context(), id, app.AccountOf{Reach: caller.Everything()}, func(a domain.Audio) (domain.Audio, events.Event, error) {
		a.File, a.Version = domain.File{Kept: true, Content: content}, version
		return a, events.Event{Type: events.AudioUpdatedV1, Subject: "audio/7", Version: version, Data: []byte("{}")}, nil
	}); err != nil {
		t.Fatal(err)
	}
}

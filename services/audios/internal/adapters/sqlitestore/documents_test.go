package sqlitestore

import (
	"crypto/rand"
	"fmt"
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
	wantDocuments(t, store, "after the suite")
}

// wantDocuments checks that each stored document is that of a session.
func wantDocuments(t *testing.T, s *Store, when string) {
	t.Helper()
	var stored, sessions int
	if err := s.db.QueryRow(t.Context(), `SELECT
		(SELECT count(*) FROM file_contents) + (SELECT count(*) FROM documents),
		(SELECT count(*) FROM audios WHERE file_object = session_id || '/kept.json' AND
			(file_content_id IN (SELECT id FROM file_contents) OR session_id IN (SELECT session_id FROM documents)))`).Scan(&stored, &sessions); err != nil {
		t.Fatal(err)
	}
	if stored != sessions {
		t.Errorf("%s: %d documents are stored, of %d sessions", when, stored, sessions)
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

func (e earlier) putObject(id int64) {
	e.Helper()
	e.exec(`UPDATE audios SET file_object = '7/object.json' WHERE session_id = ?`, id)
	e.exec(`DELETE FROM documents WHERE session_id = ?`, id)
}

func (e earlier) remove(id int64) {
	e.Helper()
	e.exec(`DELETE FROM documents WHERE session_id = ?`, id)
	e.exec(`DELETE FROM audios WHERE session_id = ?`, id)
}

// TestDocumentsOfEarlierReleases has this release, R, and an earlier one, E, take
// turns: one creates a session, each replaces its document, and one deletes it. R
// serves the document of both.
func TestDocumentsOfEarlierReleases(t *testing.T) {
	t.Parallel()
	o := embeddedtest.Open(t, Migrations())
	s := New(o.DB, o.Log, o.Keys)
	old, this := earlier{t, s}, present{t, s}
	for n, turns := range []string{"EE", "ER", "RE", "RR", "ERE", "ERR", "RER", "RRE", "EER", "REE", "ERER", "RERE"} {
		id, last := int64(n), len(turns)-1
		for i, who := range turns[:last] {
			content := rand.Text()
			switch {
			case who == 'E' && i == 0:
				old.create(id, content)
			case who == 'E':
				old.put(id, content)
			case i == 0:
				this.create(id, content)
			default:
				this.put(id, content)
			}
			if a, err := s.WithDocument(t.Context(), id); err != nil || a.File.Content != content {
				t.Errorf("%s, turn %d: the document is %q, %v; want %q", turns, i, a.File.Content, err, content)
			}
			wantDocuments(t, s, turns)
		}
		if turns[last] == 'E' {
			old.remove(id)
		} else {
			this.remove(id)
		}
		wantDocuments(t, s, turns+" deleted")
	}
	this.create(100, "small")
	old.putObject(100)
	wantDocuments(t, s, "replaced by an object")
}

// present writes as this release does.
type present struct {
	*testing.T
	*Store
}

func event(kind string, a domain.Audio) events.Event {
	return events.Event{Type: kind, Subject: fmt.Sprintf("audio/%d", a.SessionID), Version: a.Version, Data: []byte("{}")}
}

func (p present) create(id int64, content string) {
	p.Helper()
	session := domain.Session{SessionID: id}
	if _, err := p.Create(p.Context(), session, caller.Everything(), idempotency.Request{}, func(int64) (domain.Audio, events.Event, error) {
		a := domain.New(session, domain.File{Kept: true, Content: content}, 0, time.Unix(0, 0))
		return a, event(events.AudioCreatedV1, a), nil
	}); err != nil {
		p.Fatal(err)
	}
}

func (p present) put(id int64, content string) {
	p.Helper()
	if _, err := p.Update(p.Context(), id, app.AccountOf{Reach: caller.Everything()}, func(a domain.Audio) (domain.Audio, events.Event, error) {
		a.File = domain.File{Kept: true, Content: content}
		a.Version++
		return a, event(events.AudioUpdatedV1, a), nil
	}); err != nil {
		p.Fatal(err)
	}
}

func (p present) remove(id int64) {
	p.Helper()
	if err := p.Delete(p.Context(), id, func(a domain.Audio) (events.Event, error) {
		a.Version++
		return event(events.AudioDeletedV1, a), nil
	}); err != nil {
		p.Fatal(err)
	}
}

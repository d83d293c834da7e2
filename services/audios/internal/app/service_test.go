package app_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/backend/embedded"
	"github.com/concha-labs/backend/pkg/backend/embedded/embeddedtest"
	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/audios/internal/adapters/sqlitestore"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// world is a service on the embedded adapters with a controlled clock.
type world struct {
	*app.Service
	backend embedded.Opened
	store   *sqlitestore.Store
	files   blob.Store
	log     *sqlitelog.Log
	now     time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	o := embeddedtest.Open(t, sqlitestore.Migrations())
	w := &world{backend: o, store: sqlitestore.New(o.DB, o.Log, o.Keys), files: o.Objects, log: o.Log, now: time.Now()}
	w.Service = w.service(w.store, w.files)
	return w
}

func (w *world) service(db app.Database, files app.Files) *app.Service {
	return app.New(db, files, app.Sources{
		Now:     func() time.Time { return w.now },
		NewName: rand.Text,
	})
}

func (w *world) objects(t *testing.T) (names []string) {
	t.Helper()
	return embeddedtest.Objects(t, w.backend)
}

func (w *world) wantObjects(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.objects(t)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

// told returns the data of all events in the log, oldest first.
func (w *world) told(t *testing.T) (told [][]any) {
	t.Helper()
	page, err := w.log.Page(t.Context(), eventlog.Position{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Records {
		var change events.Change[events.Audio]
		if err := json.Unmarshal(e.Data, &change); err != nil {
			t.Fatal(err)
		}
		told = append(told, []any{e.Type, e.Version, change.Resource.Version, change.ChangedFields, change.RequestID, e.Traceparent})
	}
	return told
}

func session(t *testing.T, id int64, edit ...func(*domain.Draft)) domain.Session {
	t.Helper()
	d := domain.Draft{SessionID: id, Ticks: slices.Repeat([]float64{-50.25}, 15), SelectedTick: 3, StepCount: 4}
	for _, edit := range edit {
		edit(&d)
	}
	s, err := d.Session()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// large returns a document that is kept as an object.
func large(text string) []byte {
	return append([]byte(text), make([]byte, domain.MaxKept+1-len(text))...)
}

func of(account int64) func(*domain.Draft) {
	return func(d *domain.Draft) { d.AccountID = &account }
}

func (w *world) create(t *testing.T, s domain.Session) domain.Audio {
	t.Helper()
	a, err := w.Create(t.Context(), s, large("document"), idempotency.Request{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestEventsTellOfEveryChange(t *testing.T) {
	w := newWorld(t)
	ctx := events.WithOrigin(t.Context(), events.Origin{RequestID: "req-1", Traceparent: "00-a-b-01"})
	if _, err := w.Create(ctx, session(t, 7), []byte("one"), idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		session  domain.Session
		document string
	}{
		{session(t, 7), "one"}, // changes nothing
		{session(t, 7), "two"},
		{session(t, 7, of(5)), "three"},
	} {
		if _, err := w.Replace(ctx, c.session, []byte(c.document), false, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Create(ctx, session(t, 8, of(5)), []byte("one"), idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
	want := [][]any{
		{events.AudioCreatedV1, int64(1), int64(1), []string{"session_id", "ticks", "selected_tick", "step_count", "file_url"}, "req-1", "00-a-b-01"},
		{events.AudioUpdatedV1, int64(2), int64(2), []string{"file_url"}, "req-1", "00-a-b-01"},
		{events.AudioUpdatedV1, int64(3), int64(3), []string{"account_id", "file_url"}, "req-1", "00-a-b-01"},
		{events.AudioCreatedV1, int64(1), int64(1), []string{"session_id", "account_id", "ticks", "selected_tick", "step_count", "file_url"}, "req-1", "00-a-b-01"},
	}
	if diff := cmp.Diff(want, w.told(t)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestVersionGoesOnAfterADeletion(t *testing.T) {
	w := newWorld(t)
	w.create(t, session(t, 0))
	if err := w.Remove(t.Context(), 0, nil); err != nil {
		t.Fatal(err)
	}
	if again := w.create(t, session(t, 0)); again.Version != 3 {
		t.Errorf("version %d after the deletion, want 3", again.Version)
	}
	page, err := w.log.Page(t.Context(), eventlog.Position{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if deleted := page.Records[1]; deleted.ID() != "audio/0/2" || string(deleted.Data) != `{"session_id":0}` {
		t.Errorf("deleted event %s: %s", deleted.ID(), deleted.Data)
	}
}

func TestReplacedAndRemovedFilesAreCollected(t *testing.T) {
	w := newWorld(t)
	s := session(t, 7)
	current := w.create(t, s)
	for i := range 2 {
		var err error
		if current, err = w.Replace(t.Context(), s, large(fmt.Sprint(i)), false, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.objects(t)); n != 3 {
		t.Fatalf("%d objects before the collection, want 3", n)
	}
	for range 2 { // idempotent
		if err := w.CollectFiles(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
	}
	w.wantObjects(t, current.File.Object)
	if err := w.Remove(t.Context(), 7, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.CollectFiles(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	w.wantObjects(t)
}

var errCondition = fault.New(fault.Precondition, "condition", "the condition does not hold")

// refuseAt returns a check that refuses its nth call.
func refuseAt(n int) app.Condition {
	return func(domain.Audio) error {
		n--
		if n == 0 {
			return errCondition
		}
		return nil
	}
}

func TestRefusedWritesLeaveNoObject(t *testing.T) {
	w := newWorld(t)
	a := w.create(t, session(t, 7))
	if err := w.RemoveAccount(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	document := large("another")
	create := func(ctx context.Context, s domain.Session, document []byte) (domain.Audio, error) {
		return w.Create(ctx, s, document, idempotency.Request{})
	}
	replace := func(check app.Condition) func(context.Context, domain.Session, []byte) (domain.Audio, error) {
		return func(ctx context.Context, s domain.Session, document []byte) (domain.Audio, error) {
			return w.Replace(ctx, s, document, false, check)
		}
	}
	for name, c := range map[string]struct {
		write func(context.Context, domain.Session, []byte) (domain.Audio, error)
		s     domain.Session
		want  error
	}{
		"session taken":                 {create, session(t, 7), domain.ErrSessionTaken},
		"session of a deleted account":  {create, session(t, 8, of(5)), domain.ErrAccountDeleted},
		"replace what is not there":     {replace(nil), session(t, 8), domain.ErrNotFound},
		"replace for a deleted account": {replace(nil), session(t, 7, of(5)), domain.ErrAccountDeleted},
		"replace on a condition":        {replace(refuseAt(1)), session(t, 7), errCondition},
		"replace that meets a change":   {replace(refuseAt(2)), session(t, 7), errCondition},
	} {
		if _, err := c.write(t.Context(), c.s, document); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := w.Replace(t.Context(), a.Session, large("document"), false, nil); err != nil { // the same again
		t.Fatal(err)
	}
	w.wantObjects(t, a.File.Object)
	if again, err := w.Get(t.Context(), 7); err != nil || again.Version != 1 {
		t.Errorf("the audio is %+v, %v; want it unchanged", again, err)
	}
}

// unsure is a store that commits and then loses its connection.
type unsure struct{ app.Database }

var errLost = fault.New(fault.Unavailable, "lost", "the connection was lost")

func (u unsure) Create(ctx context.Context, s domain.Session, accounts caller.Reach, once idempotency.Request, decide func(int64) (domain.Audio, events.Event, error)) (domain.Audio, error) {
	if _, err := u.Database.Create(ctx, s, accounts, once, decide); err != nil {
		return domain.Audio{}, err
	}
	return domain.Audio{}, errLost
}

func TestAnUnsureWriteKeepsItsObject(t *testing.T) {
	w := newWorld(t)
	s := w.service(unsure{w.store}, w.files)
	if _, err := s.Create(t.Context(), session(t, 7), large("document"), idempotency.Request{}); !errors.Is(err, errLost) {
		t.Fatalf("Create = %v, want the store's error", err)
	}
	a, err := w.Get(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	w.wantObjects(t, a.File.Object)
}

// full is an object store without space.
type full struct{ app.Files }

func (full) Put(context.Context, string, string, io.Reader) error { return errLost }

func TestNoAudioWithoutItsFile(t *testing.T) {
	w := newWorld(t)
	if _, err := w.service(w.store, full{w.files}).Create(t.Context(), session(t, 7), large(""), idempotency.Request{}); !errors.Is(err, errLost) {
		t.Fatalf("Create = %v, want the object store's error", err)
	}
	if _, err := w.Get(t.Context(), 7); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
}

func TestRemoveAccountRemovesEverySession(t *testing.T) {
	w := newWorld(t)
	const sessions = 230 // more than two batches
	var wg sync.WaitGroup
	for id := range int64(sessions) {
		s := session(t, id, of(5))
		wg.Go(func() {
			if _, err := w.Create(t.Context(), s, nil, idempotency.Request{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.create(t, session(t, sessions, of(6)))
	ctx := events.WithOrigin(t.Context(), events.Origin{Traceparent: "00-a-b-01"})
	for range 2 { // idempotent
		if err := w.RemoveAccount(ctx, 5); err != nil {
			t.Fatal(err)
		}
	}
	left, err := w.List(t.Context(), app.Query{Options: list.Options{Limit: 10}})
	if err != nil || left.Next != nil || len(left.Items) != 1 || left.Items[0].SessionID != sessions {
		t.Errorf("left are %+v, %v", left, err)
	}
	deleted := 0
	for _, e := range w.told(t) {
		if e[0] == events.AudioDeletedV1 {
			deleted++
			if e[1] != int64(2) || e[5] != "00-a-b-01" {
				t.Fatalf("deleted event %v", e)
			}
		}
	}
	if deleted != sessions {
		t.Errorf("%d deleted events, want %d", deleted, sessions)
	}
}

func TestListTellsWhetherThereIsMoreAndHowMany(t *testing.T) {
	w := newWorld(t)
	for id := range int64(3) {
		w.create(t, session(t, id))
	}
	for limit, want := range map[int]struct {
		count int
		more  bool
	}{2: {2, true}, 3: {3, false}, 4: {3, false}} {
		page, err := w.List(t.Context(), app.Query{Options: list.Options{Limit: limit, Total: true}})
		if err != nil || len(page.Items) != want.count || (page.Next != nil) != want.more || *page.Total != (list.Total{Count: 3, Exact: true}) {
			t.Errorf("List of %d: %+v, %v", limit, page, err)
		}
	}
}

func TestReferenced(t *testing.T) {
	w := newWorld(t)
	a := w.create(t, session(t, 5))
	want := map[string]bool{a.File.Object: true, "OTHER/5.json": false, "5/OTHER.json": false, "999/OTHER.json": false}
	names := append(slices.Collect(maps.Keys(want)), "foreign/NOTES.json", "1/IMAGE.png", "NOTES.json")
	for about, service := range map[string]*app.Service{"whole pages": w.Service, "a page that ends early": w.service(&early{Database: w.store}, w.files)} {
		got, err := service.Referenced(t.Context(), names)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("referenced, with %s (-want +got):\n%s", about, diff)
		}
	}
}

// early is a store whose first page ends before its first item.
type early struct {
	app.Database

	listed bool
}

func (e *early) List(ctx context.Context, q app.Query) (app.Page, error) {
	if !e.listed {
		e.listed = true
		return app.Page{Next: &list.Place{}}, nil
	}
	return e.Database.List(ctx, q)
}

// replacing is an object store that replaces the file just before the object
// is opened.
type replacing struct {
	app.Files
	replace func()
}

func (r *replacing) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	if replace := r.replace; replace != nil {
		r.replace = nil
		replace()
	}
	return r.Files.Open(ctx, name)
}

func TestFileReplacedWhileItIsOpened(t *testing.T) {
	w := newWorld(t)
	files := &replacing{Files: w.files}
	s := w.service(w.store, files)
	a := w.create(t, session(t, 7))
	files.replace = func() {
		if _, err := s.Replace(t.Context(), a.Session, large("the new document"), false, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.CollectFiles(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
	}
	file, content, err := s.File(t.Context(), 7, func(domain.File) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = content.Close() }()
	if got, err := io.ReadAll(content); err != nil || !bytes.Equal(got, large("the new document")) || file.SizeBytes != int64(len(got)) {
		t.Errorf("got %q of %d bytes, %v; want the new document", got[:min(len(got), 20)], file.SizeBytes, err)
	}
}

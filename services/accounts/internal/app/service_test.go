package app_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/backend/embedded"
	"github.com/concha-labs/backend/pkg/backend/embedded/embeddedtest"
	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/imaging"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/sqlitestore"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// world is a service on the embedded adapters with a controlled clock.
type world struct {
	*app.Service
	backend embedded.Opened
	store   *sqlitestore.Store
	images  blob.Store
	log     *sqlitelog.Log
	now     time.Time
	ids     []int64 // the next ids; random ones follow
}

func newWorld(t *testing.T) *world {
	t.Helper()
	o := embeddedtest.Open(t, sqlitestore.Migrations())
	w := &world{backend: o, store: sqlitestore.New(o.DB, o.Log, o.Keys), images: o.Objects, log: o.Log, now: time.Now()}
	w.Service = w.service(w.store, w.images)
	return w
}

func (w *world) service(db app.Database, images app.Images) *app.Service {
	return app.New(db, images, imaging.New(), app.Sources{
		Now: func() time.Time { return w.now },
		NewID: func() int64 {
			if len(w.ids) > 0 {
				id := w.ids[0]
				w.ids = w.ids[1:]
				return id
			}
			return mathrand.Int64N(domain.MaxID) + 1
		},
		NewName: rand.Text,
	})
}

func (w *world) register(t *testing.T, email string) domain.Account {
	t.Helper()
	a, err := w.Register(t.Context(), profile(t, email), idempotency.Request{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w *world) objects(t *testing.T) (names []string) {
	t.Helper()
	return embeddedtest.Objects(t, w.backend)
}

func profile(t *testing.T, email string) domain.Profile {
	t.Helper()
	p, err := domain.NewProfile("Ann", email, "Street 1")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func picture(t *testing.T, width int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, 10))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEventsTellOfEveryChange(t *testing.T) {
	w := newWorld(t)
	ctx := events.WithOrigin(t.Context(), events.Origin{RequestID: "req-1", Traceparent: "00-a-b-01"})
	a, err := w.Register(ctx, profile(t, "a@b"), idempotency.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ChangeProfile(ctx, a.ID, profile(t, "a@b"), nil); err != nil { // changes nothing
		t.Fatal(err)
	}
	if _, err := w.ChangeProfile(ctx, a.ID, profile(t, "c@d"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.AttachImage(ctx, a.ID, "", bytes.NewReader(picture(t, 10)), idempotency.Request{}, nil); err != nil {
		t.Fatal(err)
	}
	page, err := w.log.Page(t.Context(), eventlog.Position{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]any
	for _, e := range page.Records {
		var change events.Change[events.Account]
		if err := json.Unmarshal(e.Data, &change); err != nil {
			t.Fatal(err)
		}
		got = append(got, []any{e.Type, e.Version, change.Resource.Version, change.ChangedFields, change.RequestID, e.Traceparent})
	}
	want := [][]any{
		{events.AccountCreatedV1, int64(1), int64(1), []string{"name", "email", "address"}, "req-1", "00-a-b-01"},
		{events.AccountUpdatedV1, int64(2), int64(2), []string{"email"}, "req-1", "00-a-b-01"},
		{events.AccountUpdatedV1, int64(3), int64(3), []string{"image"}, "req-1", "00-a-b-01"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestRegisterTakesAnotherIDWhenOneIsTaken(t *testing.T) {
	w := newWorld(t)
	first := w.register(t, "a@b")
	w.ids = []int64{first.ID, first.ID, 42}
	if second := w.register(t, "c@d"); second.ID != 42 {
		t.Errorf("id %d, want 42", second.ID)
	}
	w.ids = []int64{42, 42, 42, 42, 42}
	if _, err := w.Register(t.Context(), profile(t, "e@f"), idempotency.Request{}); !errors.Is(err, domain.ErrIDTaken) {
		t.Errorf("Register = %v, want ErrIDTaken after some attempts", err)
	}
}

func TestReplacedAndRemovedImagesAreCollected(t *testing.T) {
	w := newWorld(t)
	a := w.register(t, "a@b")
	for width := range 3 {
		if _, err := w.AttachImage(t.Context(), a.ID, "image/png", bytes.NewReader(picture(t, width+1)), idempotency.Request{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.objects(t)); n != 3 {
		t.Fatalf("%d objects before the collection, want 3", n)
	}
	for range 2 { // idempotent
		if err := w.CollectImages(t.Context(), a.ID); err != nil {
			t.Fatal(err)
		}
	}
	current, err := w.Get(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{current.Image.Object}, w.objects(t)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if err := w.Remove(t.Context(), a.ID, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.CollectImages(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	if left := w.objects(t); left != nil {
		t.Errorf("objects %v of a removed account", left)
	}
}

func TestTheSameImageAgainLeavesNoObject(t *testing.T) {
	w := newWorld(t)
	a := w.register(t, "a@b")
	for range 2 {
		if _, err := w.AttachImage(t.Context(), a.ID, "image/png", bytes.NewReader(picture(t, 5)), idempotency.Request{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.objects(t)); n != 1 {
		t.Errorf("%d objects, want 1", n)
	}
}

func TestReferenced(t *testing.T) {
	w := newWorld(t)
	a, bare := w.register(t, "a@b"), w.register(t, "c@d")
	attached, err := w.AttachImage(t.Context(), a.ID, "image/png", bytes.NewReader(picture(t, 5)), idempotency.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{
		attached.Image.Object: true, attached.Image.Scaled(64): true,
		fmt.Sprintf("%d/OTHER.png", a.ID): false, fmt.Sprintf("%d/OTHER.jpeg", bare.ID): false, "999/OTHER.png": false,
	}
	names := append(slices.Collect(maps.Keys(want)), "foreign/NOTES.png", "1/SESSION.json", "NOTES.png")
	for about, service := range map[string]*app.Service{"whole pages": w.Service, "a page that ends early": w.service(&early{Database: w.store}, w.images)} {
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

func scaledTo(t *testing.T, w *world, id int64, side int) []byte {
	t.Helper()
	_, content, err := w.Image(t.Context(), id, side, func(domain.Image) bool { return true })
	if err != nil {
		t.Error(err)
		return nil
	}
	defer func() { _ = content.Close() }()
	b, err := io.ReadAll(content)
	if err != nil {
		t.Error(err)
	}
	return b
}

func TestScaledImagesAreMadeOnceAndCollectedWithTheirOriginal(t *testing.T) {
	w := newWorld(t)
	a := w.register(t, "a@b")
	attach := func(width int) domain.Image {
		t.Helper()
		attached, err := w.AttachImage(t.Context(), a.ID, "image/png", bytes.NewReader(picture(t, width)), idempotency.Request{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return *attached.Image
	}
	img := attach(300)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { scaledTo(t, w, a.ID, 64) })
	}
	wg.Wait()
	scaledTo(t, w, a.ID, 1024) // larger than the image: no scaled object is stored
	if diff := cmp.Diff([]string{img.Scaled(64), img.Object}, w.objects(t)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	next := attach(200)
	if err := w.CollectImages(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{next.Object}, w.objects(t)); diff != "" {
		t.Errorf("objects after a replacement (-want +got):\n%s", diff)
	}
}

var errCondition = fault.New(fault.Precondition, "condition", "the condition does not hold")

// refuseAt returns a check that refuses its nth call.
func refuseAt(n int) app.Condition {
	return func(domain.Account) error {
		n--
		if n == 0 {
			return errCondition
		}
		return nil
	}
}

func TestAttachImageKeepsNothingOfWhatItRefuses(t *testing.T) {
	w := newWorld(t)
	a := w.register(t, "a@b")
	tooLong := append(picture(t, 5), make([]byte, domain.MaxImageBytes)...)
	for _, c := range []struct {
		id       int64
		declared string
		content  []byte
		want     error
		check    app.Condition
	}{
		{a.ID, "image/png", picture(t, 5), errCondition, refuseAt(1)},
		{a.ID, "image/png", picture(t, 5), errCondition, refuseAt(2)}, // changed since the first check
		{a.ID + 1, "image/png", picture(t, 5), domain.ErrNotFound, nil},
		{a.ID, "image/jpeg", picture(t, 5), domain.ErrImageMismatch, nil},
		{a.ID, "image/png", []byte("hello"), domain.ErrImageType, nil},
		{a.ID, "image/png", tooLong, domain.ErrImageBytes, nil},
	} {
		if _, err := w.AttachImage(t.Context(), c.id, c.declared, bytes.NewReader(c.content), idempotency.Request{}, c.check); !errors.Is(err, c.want) {
			t.Errorf("AttachImage = %v, want %v", err, c.want)
		}
	}
	if left := w.objects(t); left != nil {
		t.Errorf("objects %v are left", left)
	}
	if again, err := w.Get(t.Context(), a.ID); err != nil || again != a {
		t.Errorf("the account is %+v, %v; want it unchanged", again, err)
	}
}

// replacing is an object store that replaces the image just before the object
// is opened.
type replacing struct {
	app.Images
	replace func()
}

func (r *replacing) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	if replace := r.replace; replace != nil {
		r.replace = nil
		replace()
	}
	return r.Images.Open(ctx, name)
}

func TestImageReplacedWhileItIsOpened(t *testing.T) {
	w := newWorld(t)
	images := &replacing{Images: w.images}
	s := w.service(w.store, images)
	a := w.register(t, "a@b")
	attach := func(width int) {
		if _, err := s.AttachImage(t.Context(), a.ID, "image/png", bytes.NewReader(picture(t, width)), idempotency.Request{}, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.CollectImages(t.Context(), a.ID); err != nil {
			t.Fatal(err)
		}
	}
	attach(5)
	images.replace = func() { attach(7) }
	img, content, err := s.Image(t.Context(), a.ID, 0, func(domain.Image) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = content.Close() }()
	if got, err := io.ReadAll(content); err != nil || !bytes.Equal(got, picture(t, 7)) || img.Width != 7 {
		t.Errorf("got %d bytes, width %d, %v; want the new image", len(got), img.Width, err)
	}
}

func TestMissingObjectIsLost(t *testing.T) {
	w := newWorld(t)
	a := w.register(t, "a@b")
	a, err := w.AttachImage(t.Context(), a.ID, "image/png", bytes.NewReader(picture(t, 5)), idempotency.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.images.Delete(t.Context(), a.Image.Object); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.Image(t.Context(), a.ID, 0, func(domain.Image) bool { return true })
	if fault.KindOf(err) != fault.Lost {
		t.Errorf("Image = %v, want fault.Lost", err)
	}
	again, err := w.AttachImage(t.Context(), a.ID, "image/png", bytes.NewReader(picture(t, 5)), idempotency.Request{}, nil)
	if err != nil || again.Version != a.Version {
		t.Errorf("AttachImage of the same = version %d, %v", again.Version, err)
	}
	if _, content, err := w.Image(t.Context(), a.ID, 0, func(domain.Image) bool { return true }); err != nil {
		t.Errorf("Image after it was uploaded again: %v", err)
	} else {
		_ = content.Close()
	}
}

package rest_test

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/pkg/rest"
)

var (
	errNoThing = fault.New(fault.NotFound, "no-such-thing", "there is no such thing")
	errTaken   = fault.New(fault.Conflict, "thing-taken", "the thing exists")
)

type thing struct {
	id int64
	resource.Meta
}

func (t thing) Key() int64 { return t.id }

type thingQuery struct{ list.Options }

// things are use cases with the things 1, 2 and so on, each at version 7. A page
// has at most two.
type things int64

func (n things) Get(_ context.Context, id int64) (thing, error) {
	if id > int64(n) {
		return thing{}, errNoThing
	}
	return thing{id, resource.Meta{Version: 7}}, nil
}

func (n things) Exists(ctx context.Context, id int64) error {
	_, err := n.Get(ctx, id)
	return err
}

func (n things) List(ctx context.Context, q thingQuery) (page list.Page[thing], err error) {
	after := cmp.Or(q.After, &list.Place{})
	for id := after.ID + 1; id <= min(int64(n), after.ID+2); id++ {
		t, _ := n.Get(ctx, id)
		page.Items = append(page.Items, t)
	}
	if last := after.ID + 2; last < int64(n) {
		page.Next = &list.Place{ID: last}
	}
	return page, nil
}

func (n things) From(ctx context.Context, q thingQuery, page list.Page[thing]) iter.Seq2[[]thing, error] {
	return list.From(page, func(after list.Place) (list.Page[thing], error) {
		q.After = &after
		return n.List(ctx, q)
	})
}

func (n things) Remove(ctx context.Context, id int64, cond resource.Condition[thing]) error {
	_, err := n.change(ctx, id, "", cond)
	return err
}

func (n things) Subject(int64) string { return "" }

func (n things) change(ctx context.Context, id int64, _ string, cond resource.Condition[thing]) (thing, error) {
	t, err := n.Get(ctx, id)
	if err == nil {
		err = cond(t)
	}
	t.Version++
	return t, err
}

func (n things) create(_ context.Context, ids []int64, _ idempotency.Request) ([]idempotency.Outcome[thing], error) {
	outcomes := make([]idempotency.Outcome[thing], len(ids))
	for i, id := range ids {
		if id <= int64(n) {
			outcomes[i].Refused = errTaken
		} else {
			outcomes[i].Result = thing{id, resource.Meta{Version: 1}}
		}
	}
	return outcomes, nil
}

// noFeed answers histories with their subjects' existence.
type noFeed struct{}

func (noFeed) Pin(c *gin.Context, _ *rest.Query, _ list.Position) string {
	c.Header("Pinned", "true")
	return ""
}

func (noFeed) History(c *gin.Context, _ caller.Kind, _ string, exists func(context.Context) error) error {
	c.Status(http.StatusNoContent)
	return exists(c.Request.Context())
}

func TestResource(t *testing.T) {
	service := things(5)
	r := &rest.Resource[thing, gin.H, thingQuery, *thingQuery]{
		Service: service, Feed: noFeed{}, Type: "things", ID: "id", MinID: 1, MaxID: 9, Missing: errNoThing,
		Filters: func(q *rest.Query) thingQuery { return thingQuery{q.Selection(list.ByID)} },
		Body:    func(t thing, origin string) gin.H { return gin.H{"id": t.id, "v": t.Version, "at": origin} },
	}
	text := func(c *gin.Context) (string, error) {
		body, err := rest.ReadJSON(c)
		return string(body), err
	}
	e, handle := httpserver.NewEngine(), httpserver.Handle
	httpserver.Get(e, "/v1/things", handle(r.List))
	httpserver.Get(e, `/v1/things\:export`, handle(r.Export))
	e.POST(`/v1/things\:batch`, handle(rest.Batch(r, func(item []byte) (int64, error) { return int64(item[0] - '0'), nil }, service.create)))
	httpserver.Get(e, "/v1/things/:id", handle(r.Get))
	e.PATCH("/v1/things/:id", handle(rest.Change(r, text, service.change)))
	e.DELETE("/v1/things/:id", handle(r.Remove))
	httpserver.Get(e, "/v1/things/:id/events", handle(r.History))
	for _, test := range []struct {
		request, header, body string
		code                  int
		want                  string // in the answer
	}{
		{"GET /v1/things/3", "", "", http.StatusOK, `{"at":"http://example.com","id":3,"v":7}`},
		{"GET /v1/things/3", `If-None-Match: "7"`, "", http.StatusNotModified, ""},
		{"GET /v1/things/6", "", "", http.StatusNotFound, "no such thing"},
		{"GET /v1/things/0", "", "", http.StatusNotFound, "no such thing"},
		{"GET /v1/things/10", "", "", http.StatusNotFound, "no such thing"},
		{"GET /v1/things/03", "", "", http.StatusNotFound, "no such thing"},
		{"GET /v1/things/x", "", "", http.StatusNotFound, "no such thing"},
		{"GET /v1/things?page_size=2", "", "", http.StatusOK, `"resource_type":"things"`},
		{"GET /v1/things?size=2", "", "", http.StatusBadRequest, "is not a parameter"},
		{"GET /v1/things:export?include_count=true", "", "", http.StatusOK, `"id":5,"v":7}` + "\n" + `{"count":5}`},
		{"GET /v1/things:export?page_size=2", "", "", http.StatusBadRequest, "is not a parameter"},
		{"PATCH /v1/things/3", `If-Match: "7"`, "{}", http.StatusOK, `"v":8`},
		{"PATCH /v1/things/3", `If-Match: "6"`, "{}", http.StatusPreconditionFailed, "is at ETag"},
		{"PATCH /v1/things/3", "If-Match: 7", "{}", http.StatusBadRequest, "If-Match"},
		{"PATCH /v1/things/6", "", "{}", http.StatusNotFound, "no such thing"},
		{"DELETE /v1/things/3", "", "", http.StatusNoContent, ""},
		{"DELETE /v1/things/3", `If-Match: "6"`, "", http.StatusPreconditionFailed, ""},
		{"DELETE /v1/things/6", "", "", http.StatusNotFound, "no such thing"},
		{"DELETE /v1/things/6?allow_missing=true", "", "", http.StatusNoContent, ""},
		{"DELETE /v1/things/x?allow_missing=true", "", "", http.StatusNoContent, ""},
		{"DELETE /v1/things/3?allow_missing=1", "", "", http.StatusBadRequest, "allow_missing"},
		{"GET /v1/things/3/events", "", "", http.StatusNoContent, ""},
		{"GET /v1/things/6/events", "", "", http.StatusNotFound, "no such thing"},
		{"POST /v1/things:batch", "", "[8, 1]", http.StatusOK, `"location":"http://example.com/v1/things/8"`},
		{"POST /v1/things:batch", "", "[8, 1]", http.StatusOK, "the thing exists"},
	} {
		method, path, _ := strings.Cut(test.request, " ")
		req := httptest.NewRequest(method, path, strings.NewReader(test.body))
		if test.body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		if name, value, ok := strings.Cut(test.header, ": "); ok {
			req.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, req)
		if w.Code != test.code || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s, %s: %d %s, want %d with %q", test.request, test.header, w.Code, w.Body, test.code, test.want)
		}
		if lists := test.code == http.StatusOK && (strings.Contains(path, "export") || strings.Contains(path, "page_size")); lists != (w.Header().Get("Pinned") != "") {
			t.Errorf("%s is pinned to the feed: %t", test.request, !lists)
		}
	}
}

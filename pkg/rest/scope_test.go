package rest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
)

func TestServiceChecksScopes(t *testing.T) {
	e := httpserver.NewEngine()
	e.Use(rest.RequireScope(caller.Accounts))
	ok := func(c *gin.Context) { c.Status(http.StatusOK) }
	for _, path := range []string{"/livez", "/v1/accounts", "/v1/accounts/:id/events", "/v1/events/accounts"} {
		httpserver.Get(e, path, ok)
	}
	e.POST("/v1/accounts", ok)
	for _, test := range []struct {
		method, path string
		scopes       caller.Scopes
		want         int
	}{
		{"GET", "/livez", 0, 200},
		{"GET", "/v1/accounts", 0, 403},
		{"GET", "/v1/accounts", caller.AccountsRead, 200},
		{"HEAD", "/v1/accounts", caller.AccountsRead, 200},
		{"GET", "/v1/accounts", caller.AccountsWrite | caller.AudiosRead, 403},
		{"GET", "/v1/accounts", caller.AccountsOwn, 200},
		{"GET", "/v1/accounts", caller.AudiosOwn, 403},
		{"POST", "/v1/accounts", caller.AccountsRead, 403},
		{"POST", "/v1/accounts", caller.AccountsWrite, 200},
		{"POST", "/v1/accounts", caller.AccountsOwn, 200},
		{"GET", "/v1/accounts/7/events", caller.AccountsRead, 200},
		{"GET", "/v1/accounts/7/events", caller.EventsRead, 200},
		{"GET", "/v1/accounts/7/events", caller.AccountsOwn, 200},
		{"GET", "/v1/accounts/7/events", caller.AccountsWrite, 403},
		{"GET", "/v1/events/accounts", caller.AccountsOwn | caller.AudiosOwn, 403},
		{"GET", "/v1/events/accounts", caller.AccountsRead, 403},
		{"GET", "/v1/events/accounts", caller.EventsRead, 200},
	} {
		r := httptest.NewRequestWithContext(caller.With(t.Context(), &caller.Caller{ID: "key:a", Scopes: test.scopes}), test.method, test.path, http.NoBody)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s %s with %q: %d, want %d", test.method, test.path, test.scopes, w.Code, test.want)
		}
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/accounts", http.NoBody))
	if w.Code != http.StatusOK {
		t.Errorf("without access control: %d", w.Code)
	}
}

package e2e

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestPagesAmongWrites pages through many accounts of one name while others of
// it are created, changed and deleted, and some of the many are changed: in an
// order that no change moves them in, the pages have each of the many exactly
// once, and in that of changes at least once.
func TestPagesAmongWrites(t *testing.T) {
	t.Parallel()
	p := paging{t: t, handler: newHandler(t), name: "Name " + uniqueEmail(), page: make(chan struct{})}
	there := p.fill()
	var writers, readers sync.WaitGroup
	for range 4 {
		writers.Go(func() { p.write(there) })
	}
	for _, order := range []string{"id", "id desc", "created_at", "created_at desc", "updated_at"} {
		readers.Go(func() {
			count := p.read(order)
			missing, repeated := 0, 0
			for _, id := range there {
				switch n := count[id]; {
				case n == 0:
					missing++
				case n > 1:
					repeated++
				}
			}
			if missing > 0 || (repeated > 0 && order != "updated_at") {
				t.Errorf("by %s: of %d, the pages lack %d and repeat %d", order, len(there), missing, repeated)
			}
		})
	}
	readers.Wait()
	close(p.page)
	writers.Wait()
}

// paging is a system with accounts of one name.
type paging struct {
	t       *testing.T
	handler http.Handler
	name    string
	page    chan struct{} // one for each page, that something is written beside it
}

// do returns the body of an answer and reports one of another status.
func (p *paging) do(method, target, body string, status int) []byte {
	header := http.Header{"Content-Type": {"application/json"}}
	if method == http.MethodPatch {
		header.Set("Content-Type", "application/merge-patch+json")
	}
	rec := httptest.NewRecorder()
	p.handler.ServeHTTP(rec, directRequest(context.WithoutCancel(p.t.Context()), method, target, header, []byte(body)))
	if rec.Code != status {
		p.t.Errorf("%s %s: answered %d, want %d: %.500s", method, target, rec.Code, status, rec.Body)
	}
	return rec.Body.Bytes()
}

// fill creates the accounts that stay, and returns their ids.
func (p *paging) fill() (ids []string) {
	const batch = 1000
	all := make([][]string, manyRows/batch)
	atOnce(8, len(all), func(i int) {
		items := make([]string, batch)
		for j := range items {
			items[j] = profile(p.name, uniqueEmail(), "")
		}
		all[i] = accountIDs(p.do(http.MethodPost, "/v1/accounts:batch", array(items), http.StatusOK))
	})
	distinct := map[string]bool{}
	for _, some := range all {
		for _, id := range some {
			distinct[id] = true
		}
	}
	ids = slices.Collect(maps.Keys(distinct))
	if len(ids) != manyRows {
		p.t.Fatalf("%d accounts are created, want %d", len(ids), manyRows)
	}
	return ids
}

// write makes, changes and deletes accounts of the name, and changes some of
// those that stay, beside each page that is read.
func (p *paging) write(stay []string) {
	var own []string // in the order of creation
	n := 0
	for range p.page {
		own = append(own, accountIDs(p.do(http.MethodPost, "/v1/accounts", profile(p.name, uniqueEmail(), ""), http.StatusCreated))...)
		p.do(http.MethodPut, "/v1/accounts/"+own[len(own)/2], profile(p.name, uniqueEmail(), "new"), http.StatusOK)
		p.do(http.MethodPatch, "/v1/accounts/"+stay[n%len(stay)], `{"address":"`+uniqueEmail()+`"}`, http.StatusOK)
		n++
		if n%2 == 0 {
			p.do(http.MethodDelete, "/v1/accounts/"+own[0], "", http.StatusNoContent)
			own = own[1:]
		}
	}
}

// read follows the list of the name in an order, and counts each id. It filters
// by the name only in the orders of ids, because in other orders each page
// would sort all rows.
func (p *paging) read(order string) map[string]int {
	count := map[string]int{}
	query := url.Values{"order_by": {order}, "page_size": {"1000"}}
	if strings.HasPrefix(order, "id") {
		query.Set("name", p.name)
	}
	first := "/v1/accounts?" + query.Encode()
	for next := first; next != "" && !p.t.Failed(); {
		p.page <- struct{}{}
		body := p.do(http.MethodGet, next, "", http.StatusOK)
		for _, id := range accountIDs(body) {
			count[id]++
		}
		next = ""
		if _, token, more := strings.Cut(string(body), `"next_page_token":"`); more {
			if token, _, _ = strings.Cut(token, `"`); token != "" {
				next = first + "&page_token=" + token
			}
		}
	}
	return count
}

// accountIDs returns the ids of the accounts in a body: to decode all that is in
// the bodies takes longer than to make them.
func accountIDs(body []byte) (ids []string) {
	_, rest, found := bytes.Cut(body, []byte(`{"id":`)) // which no text in JSON holds
	for found {
		var id []byte
		id, rest, _ = bytes.Cut(rest, []byte(","))
		ids = append(ids, string(id))
		_, rest, found = bytes.Cut(rest, []byte(`{"id":`))
	}
	return ids
}

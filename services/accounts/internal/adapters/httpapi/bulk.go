package httpapi

import (
	"crypto/sha256"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// exportPage is how many accounts an export holds in memory.
const exportPage = 500

// createAll registers the accounts of a batch, and tells of each what became of
// it.
func (a api) createAll(c *gin.Context) error {
	key, err := httpserver.IdempotencyKey(c)
	if err != nil {
		return err
	}
	items, body, err := httpserver.ReadItems(c)
	if err != nil {
		return err
	}
	land, err := a.batches.Begin(key)
	if err != nil {
		return err
	}
	defer land()
	results := make([]httpserver.Result[events.Account], len(items))
	var profiles []domain.Profile
	var places []int // of profiles among the results
	for i, item := range items {
		profile, err := fromItem(item)
		if err != nil {
			results[i] = httpserver.Refused[events.Account](c.Request, err)
			continue
		}
		profiles, places = append(profiles, profile), append(places, i)
	}
	registered, err := a.service.RegisterAll(c.Request.Context(), profiles, app.Once{Key: key, Body: sha256.Sum256(body)})
	if err != nil {
		return err
	}
	origin := httpserver.PublicURL(c.Request)
	for i, r := range registered {
		if r.Refused != nil {
			results[places[i]] = httpserver.Refused[events.Account](c.Request, r.Refused)
		} else {
			results[places[i]] = httpserver.Created(location(r.Account, origin), toAccount(r.Account, origin))
		}
	}
	httpserver.ServeResults(c, results)
	return nil
}

func (a api) export(c *gin.Context) error {
	params, err := httpserver.ReadQuery(c.Request)
	if err != nil {
		return err
	}
	query := fromFilters(params)
	if err := params.Err(); err != nil {
		return err
	}
	query.Limit = exportPage
	ctx := c.Request.Context()
	first, err := a.service.List(ctx, query)
	if err != nil {
		return err
	}
	a.feed.Pin(c, params, eventlog.Position(first.Head))
	origin := httpserver.PublicURL(c.Request)
	httpserver.ServeLines(c, a.service.From(ctx, query, first), func(a domain.Account) any { return toAccount(a, origin) })
	return nil
}

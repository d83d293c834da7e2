package httpapi

import (
	"crypto/sha256"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// exportPage is how many audios an export holds in memory.
const exportPage = 500

// createAll creates the sessions of a batch, and tells of each what became of it.
func (a api) createAll(c *gin.Context) error {
	key, err := httpserver.IdempotencyKey(c)
	if err != nil {
		return err
	}
	documents, body, err := httpserver.ReadItems(c)
	if err != nil {
		return err
	}
	land, err := a.batches.Begin(key)
	if err != nil {
		return err
	}
	defer land()
	results := make([]httpserver.Result[events.Audio], len(documents))
	var items []app.Item
	var places []int // of items among the results
	for i, document := range documents {
		item, err := fromItem(document)
		if err != nil {
			results[i] = httpserver.Refused[events.Audio](c.Request, err)
			continue
		}
		items, places = append(items, item), append(places, i)
	}
	outcomes, err := a.service.CreateAll(c.Request.Context(), items, app.Once{Key: key, Body: sha256.Sum256(body)})
	if err != nil {
		return err
	}
	origin := httpserver.PublicURL(c.Request)
	for i, o := range outcomes {
		if o.Refused != nil {
			results[places[i]] = httpserver.Refused[events.Audio](c.Request, o.Refused)
		} else {
			results[places[i]] = httpserver.Created(location(o.Audio, origin), toAudio(o.Audio, origin))
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
	httpserver.ServeLines(c, a.service.From(ctx, query, first), func(a domain.Audio) any { return toAudio(a, origin) })
	return nil
}

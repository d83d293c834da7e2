package httpapi

import (
	"crypto/sha256"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// exportPage is the number of audios that an export holds in memory.
const exportPage = 500

// createAll creates the sessions of a batch and reports the result of each.
func (a api) createAll(c *gin.Context) error {
	origin := httpserver.PublicURL(c.Request)
	return rest.ServeBatch(c, a.batches, fromItem, func(items []app.Item, key, body [sha256.Size]byte) ([]rest.Result[events.Audio], error) {
		outcomes, err := a.service.CreateAll(c.Request.Context(), items, idempotency.Request{Key: key, Body: body})
		results := make([]rest.Result[events.Audio], len(outcomes))
		for i, o := range outcomes {
			if o.Refused != nil {
				results[i] = rest.Refused[events.Audio](c.Request, o.Refused)
			} else {
				results[i] = rest.Created(location(o.Audio, origin), toAudio(o.Audio, origin))
			}
		}
		return results, err
	})
}

func (a api) export(c *gin.Context) error {
	params, err := rest.ReadQuery(c.Request)
	if err != nil {
		return err
	}
	query := fromFilters(params)
	params.Bool("include_count") // see rest.ServeLines
	if err := params.Err(); err != nil {
		return err
	}
	query.Limit = exportPage
	ctx := c.Request.Context()
	first, err := a.service.List(ctx, query)
	if err != nil {
		return err
	}
	a.feed.Pin(c, params, first.Head)
	origin := httpserver.PublicURL(c.Request)
	return rest.ServeLines(c, a.service.From(ctx, query, first), func(a domain.Audio) any { return toAudio(a, origin) })
}

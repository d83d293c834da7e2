package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// page is the v1 body of a list.
type page struct {
	ResourceType  string         `json:"resource_type"`
	Count         int            `json:"count"`
	Items         []events.Audio `json:"items"`
	NextPageToken string         `json:"next_page_token"` // "" at the end
}

// fromUpload reads the session in a JSON document, which it returns as well,
// and has check judge it. The error lists the members of a wrong type and those
// that break a rule together.
func fromUpload(c *gin.Context, check func(domain.Draft) (domain.Session, error)) (session domain.Session, document []byte, err error) {
	if document, err = upload(c); err != nil {
		return domain.Session{}, nil, err
	}
	object, err := httpserver.ParseObject(document)
	if err != nil {
		return domain.Session{}, nil, err
	}
	session, err = check(domain.Draft{
		SessionID: object.Int("session_id"), AccountID: object.OptionalInt("account_id"), Ticks: object.Floats("ticks"),
		SelectedTick: object.Int("selected_tick"), StepCount: object.Int("step_count"),
	})
	return session, document, object.Err(err)
}

// fromListQuery reads the query parameters of a list, and the canonical form of
// its filters, to which page tokens are bound.
func fromListQuery(c *gin.Context) (q app.Query, binding string, err error) {
	filters := url.Values{}
	params, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return app.Query{}, "", httpserver.ErrMalformed.Detailf("the query cannot be read").Wrap(err)
	}
	var violations []fault.Violation
	integer := func(name string) *int64 {
		if !params.Has(name) {
			return nil
		}
		value, err := strconv.ParseInt(params.Get(name), 10, 64)
		if err != nil {
			violations = append(violations, fault.Violation{Pointer: name, Detail: "must be an integer"})
		}
		filters.Set(name, strconv.FormatInt(value, 10))
		return &value
	}
	q.SessionID, q.AccountID = integer("session_id"), integer("account_id")
	q.SelectedTick, q.StepCount = integer("selected_tick"), integer("step_count")
	q.Limit, err = httpserver.PageSize(params.Get("page_size"))
	if invalid, ok := errors.AsType[*fault.Error](err); ok {
		violations = append(violations, invalid.Violations...)
	}
	if err := fault.Invalidate(violations...); err != nil {
		return app.Query{}, "", err
	}
	binding = filters.Encode()
	if token := params.Get("page_token"); token != "" {
		from, err := httpserver.DecodePageToken(binding, token)
		if err != nil {
			return app.Query{}, "", err
		}
		if q.FromID, err = strconv.ParseInt(from, 10, 64); err != nil {
			return app.Query{}, "", httpserver.ErrPageToken.Wrap(err)
		}
	}
	return q, binding, nil
}

func answer(c *gin.Context, status int, a domain.Audio) {
	httpserver.SetETag(c, a.Version)
	c.PureJSON(status, toAudio(a, httpserver.PublicURL(c.Request)))
}

func answerCreated(c *gin.Context, a domain.Audio) {
	c.Header("Location", httpserver.PublicURL(c.Request)+"/v1/audios/"+strconv.FormatInt(a.SessionID, 10))
	answer(c, http.StatusCreated, a)
}

func answerList(c *gin.Context, audios []domain.Audio, more bool, binding string) {
	body := page{ResourceType: "audios", Count: len(audios), Items: make([]events.Audio, len(audios))}
	origin := httpserver.PublicURL(c.Request)
	for i, a := range audios {
		body.Items[i] = toAudio(a, origin)
	}
	if more {
		body.NextPageToken = httpserver.EncodePageToken(binding, strconv.FormatInt(audios[len(audios)-1].SessionID+1, 10))
		httpserver.LinkNext(c, body.NextPageToken)
	}
	c.PureJSON(http.StatusOK, body)
}

// toAudio returns the v1 body with absolute URLs.
func toAudio(a domain.Audio, origin string) events.Audio {
	body := app.Resource(a)
	body.FileURL = origin + body.FileURL
	return body
}

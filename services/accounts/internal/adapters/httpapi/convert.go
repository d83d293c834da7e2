package httpapi

import (
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// page is the v1 body of a list.
type page struct {
	ResourceType  string           `json:"resource_type"`
	Count         int              `json:"count"`
	Items         []events.Account `json:"items"`
	NextPageToken string           `json:"next_page_token"` // "" at the end
}

// fromProfile reads the profile in a JSON body. The error lists the members of
// a wrong type and those that break a rule together.
func fromProfile(c *gin.Context) (domain.Profile, error) {
	object, err := httpserver.ReadObject(c)
	if err != nil {
		return domain.Profile{}, err
	}
	profile, err := domain.NewProfile(object.String("name"), object.String("email"), object.String("address"))
	return profile, object.Err(err)
}

// fromListQuery reads the query parameters of a list, and the canonical form of
// its filters, to which page tokens are bound.
func fromListQuery(c *gin.Context) (q app.Query, binding string, err error) {
	filters := url.Values{}
	params, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return app.Query{}, "", httpserver.ErrMalformed.Detailf("the query cannot be read").Wrap(err)
	}
	text := func(name string) *string {
		if !params.Has(name) {
			return nil
		}
		value := params.Get(name)
		filters.Set(name, value)
		return &value
	}
	q.Name, q.Address = text("name"), text("address")
	if email := text("email"); email != nil {
		normal := domain.NormalizeEmail(*email)
		q.Email = &normal
	}
	if q.Limit, err = httpserver.PageSize(params.Get("page_size")); err != nil {
		return app.Query{}, "", err
	}
	binding = filters.Encode()
	if token := params.Get("page_token"); token != "" {
		after, err := httpserver.DecodePageToken(binding, token)
		if err != nil {
			return app.Query{}, "", err
		}
		if q.AfterID, err = strconv.ParseInt(after, 10, 64); err != nil {
			return app.Query{}, "", httpserver.ErrPageToken.Wrap(err)
		}
	}
	return q, binding, nil
}

func answer(c *gin.Context, status int, a domain.Account) {
	httpserver.SetETag(c, a.Version)
	c.PureJSON(status, toAccount(a, httpserver.PublicURL(c.Request)))
}

func answerList(c *gin.Context, accounts []domain.Account, more bool, binding string) {
	body := page{ResourceType: "accounts", Count: len(accounts), Items: make([]events.Account, len(accounts))}
	origin := httpserver.PublicURL(c.Request)
	for i, a := range accounts {
		body.Items[i] = toAccount(a, origin)
	}
	if more {
		body.NextPageToken = httpserver.EncodePageToken(binding, strconv.FormatInt(accounts[len(accounts)-1].ID, 10))
		httpserver.LinkNext(c, body.NextPageToken)
	}
	c.PureJSON(200, body)
}

// toAccount returns the v1 body with absolute URLs.
func toAccount(a domain.Account, origin string) events.Account {
	body := app.Resource(a)
	if body.Image != nil {
		body.Image.URL = origin + body.Image.URL
	}
	return body
}

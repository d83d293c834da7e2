package httpapi

import (
	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// fromProfile reads the profile in a JSON body, and also returns the body. The
// error lists members of the wrong type together with those that break a rule.
func fromProfile(c *gin.Context) (profile domain.Profile, body []byte, err error) {
	if body, err = rest.ReadJSON(c); err != nil {
		return domain.Profile{}, nil, err
	}
	object, err := rest.ParseObject(body)
	if err != nil {
		return domain.Profile{}, nil, err
	}
	profile, err = fromObject(object)
	return profile, body, err
}

// fromBody is fromProfile for a caller that does not need the body itself.
func fromBody(c *gin.Context) (domain.Profile, error) {
	profile, _, err := fromProfile(c)
	return profile, err
}

func fromObject(object *rest.Object) (domain.Profile, error) {
	profile, err := domain.NewProfile(object.String("name"), object.String("email"), object.String("address"))
	return profile, object.Err(err)
}

// fromItem reads an item of a batch, with the same errors as fromProfile.
func fromItem(item []byte) (domain.Profile, error) {
	object, err := rest.ParseItem(item)
	if err != nil {
		return domain.Profile{}, err
	}
	return fromObject(object)
}

// fromPatch reads a merge patch of the profile, with the same errors as
// fromProfile.
func fromPatch(c *gin.Context) (domain.ProfilePatch, error) {
	object, err := rest.ReadPatch(c)
	if err != nil {
		return domain.ProfilePatch{}, err
	}
	object.ReadOnly("id", "image", "owner", "version", "etag", "created_at", "updated_at")
	text := func(name string) *string { return rest.Given(object, name, (*rest.Object).String) }
	patch, err := domain.NewProfilePatch(text("name"), text("email"), text("address"))
	return patch, object.Err(err)
}

// fromFilters reads the filters and the order of a list.
func fromFilters(params *rest.Query) app.Query {
	q := app.Query{
		Name:    params.Text("name"),
		Address: params.Text("address"),
		IDs:     params.IDs("ids"),
		Options: params.Selection(list.ByID),
	}
	if email := params.Text("email"); email != nil {
		q.Email = new(domain.NormalizeEmail(*email))
	}
	return q
}

// toAccount returns the v1 body with absolute URLs.
func toAccount(a domain.Account, origin string) events.Account {
	body := app.Body(a)
	if body.Image != nil {
		body.Image.URL = origin + body.Image.URL
	}
	return body
}

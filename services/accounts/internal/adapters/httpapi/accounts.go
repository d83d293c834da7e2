package httpapi

import (
	"crypto/sha256"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

func (a api) create(c *gin.Context) error {
	key, err := rest.IdempotencyKey(c)
	if err != nil {
		return err
	}
	profile, body, err := fromProfile(c)
	if err != nil {
		return err
	}
	account, err := a.service.Register(c.Request.Context(), profile, idempotency.Request{Key: key, Body: sha256.Sum256(body)})
	if err != nil {
		return err
	}
	c.Header("Location", location(account, httpserver.PublicURL(c.Request)))
	answer(c, http.StatusCreated, account)
	return nil
}

func (a api) get(c *gin.Context) error {
	id, err := accountID(c)
	if err != nil {
		return err
	}
	account, err := a.service.Get(c.Request.Context(), id)
	if err != nil {
		return err
	}
	if !rest.Conditional(c, rest.ETag(account.Version)) {
		answer(c, http.StatusOK, account)
	}
	return nil
}

func (a api) list(c *gin.Context) error {
	query, params, err := fromListQuery(c)
	if err != nil {
		return err
	}
	page, err := a.service.List(c.Request.Context(), query)
	if err != nil {
		return err
	}
	origin := httpserver.PublicURL(c.Request)
	rest.ServeList(c, params, "accounts", page, a.feed.Pin(c, params, page.Head), func(a domain.Account) events.Account {
		return toAccount(a, origin)
	})
	return nil
}

func (a api) replace(c *gin.Context) error {
	id, err := accountID(c)
	if err != nil {
		return err
	}
	check, err := a.condition(c)
	if err != nil {
		return err
	}
	profile, _, err := fromProfile(c)
	if err != nil {
		return err
	}
	account, err := a.service.ChangeProfile(c.Request.Context(), id, profile, check)
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, account)
	return nil
}

func (a api) patch(c *gin.Context) error {
	id, err := accountID(c)
	if err != nil {
		return err
	}
	check, err := a.condition(c)
	if err != nil {
		return err
	}
	patch, err := fromPatch(c)
	if err != nil {
		return err
	}
	account, err := a.service.PatchProfile(c.Request.Context(), id, patch, check)
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, account)
	return nil
}

func (a api) remove(c *gin.Context) error {
	allowMissing, err := rest.Flag(c, "allow_missing")
	if err != nil {
		return err
	}
	check, err := a.condition(c)
	if err != nil {
		return err
	}
	id, err := accountID(c)
	if err == nil {
		err = a.service.Remove(c.Request.Context(), id, check)
	}
	if errors.Is(err, domain.ErrNotFound) && allowMissing {
		err = nil
	}
	if err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

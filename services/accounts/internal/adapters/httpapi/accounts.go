package httpapi

import (
	"crypto/sha256"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/rest"
)

func (a *api) create(c *gin.Context) error {
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
	a.AnswerCreated(c, account)
	return nil
}

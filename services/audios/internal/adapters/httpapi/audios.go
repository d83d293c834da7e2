package httpapi

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/longwork"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func (a *api) create(c *gin.Context) error {
	key, err := rest.IdempotencyKey(c)
	if err != nil {
		return err
	}
	upload, err := fromUpload(c, domain.Draft.Session)
	if err != nil {
		return err
	}
	audio, err := a.service.Create(c.Request.Context(), upload.Session, upload.document, idempotency.Request{Key: key, Body: longwork.Sum256(upload.document)})
	if err != nil {
		return err
	}
	a.AnswerCreated(c, audio)
	return nil
}

func (a *api) replace(c *gin.Context) error {
	id, err := a.PathID(c)
	if err != nil {
		return err
	}
	cond, err := rest.WriteCondition(c, a.RequireIfMatch)
	if err != nil {
		return err
	}
	upload, err := fromUpload(c, func(d domain.Draft) (domain.Session, error) { return d.Replacement(id) })
	if err != nil {
		return err
	}
	if cond.Creates() {
		return a.createThere(c, upload, cond)
	}
	audio, err := a.service.Replace(c.Request.Context(), upload.Session, upload.document, upload.keepAccount, rest.VersionCondition[domain.Audio](cond))
	if err != nil {
		return err
	}
	a.Answer(c, http.StatusOK, audio)
	return nil
}

// createThere creates a session at its own path if it does not exist.
func (a *api) createThere(c *gin.Context, upload sent, cond rest.Condition) error {
	audio, err := a.service.Create(c.Request.Context(), upload.Session, upload.document, idempotency.Request{})
	if errors.Is(err, domain.ErrSessionTaken) {
		err = httpserver.ErrPrecondition.Wrap(err) // without an ETag, if the session is another caller's
		if current, getErr := a.service.Writable(c.Request.Context(), upload.SessionID); getErr == nil {
			err = rest.VersionCondition[domain.Audio](cond)(current)
		}
	}
	if err != nil {
		return err
	}
	a.AnswerCreated(c, audio)
	return nil
}

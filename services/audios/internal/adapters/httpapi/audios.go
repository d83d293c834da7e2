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
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func (a api) create(c *gin.Context) error {
	key, err := rest.IdempotencyKey(c)
	if err != nil {
		return err
	}
	upload, err := fromUpload(c, domain.Draft.Session)
	if err != nil {
		return err
	}
	audio, err := a.service.Create(c.Request.Context(), upload.Session, upload.document, idempotency.Request{Key: key, Body: sha256.Sum256(upload.document)})
	if err != nil {
		return err
	}
	answerCreated(c, audio)
	return nil
}

func (a api) get(c *gin.Context) error {
	id, err := sessionID(c)
	if err != nil {
		return err
	}
	audio, err := a.service.Get(c.Request.Context(), id)
	if err != nil {
		return err
	}
	if !rest.Conditional(c, rest.ETag(audio.Version)) {
		answer(c, http.StatusOK, audio)
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
	rest.ServeList(c, params, "audios", page, a.feed.Pin(c, params, page.Head), func(a domain.Audio) events.Audio {
		return toAudio(a, origin)
	})
	return nil
}

func (a api) replace(c *gin.Context) error {
	id, err := sessionID(c)
	if err != nil {
		return err
	}
	cond, err := rest.WriteCondition(c, a.requireIfMatch)
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
	audio, err := a.service.Replace(c.Request.Context(), upload.Session, upload.document, upload.keepAccount, condition(cond))
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, audio)
	return nil
}

// createThere creates a session at its own path if it does not exist.
func (a api) createThere(c *gin.Context, upload sent, cond rest.Condition) error {
	audio, err := a.service.Create(c.Request.Context(), upload.Session, upload.document, idempotency.Request{})
	if errors.Is(err, domain.ErrSessionTaken) {
		err = httpserver.ErrPrecondition.Wrap(err) // without an ETag, if the session is another caller's
		if current, getErr := a.service.Writable(c.Request.Context(), upload.SessionID); getErr == nil {
			err = condition(cond)(current)
		}
	}
	if err != nil {
		return err
	}
	answerCreated(c, audio)
	return nil
}

// condition returns a Condition for the conditions of a request.
func condition(cond rest.Condition) app.Condition {
	return func(current domain.Audio) error { return cond.Require(rest.ETag(current.Version)) }
}

func (a api) patch(c *gin.Context) error {
	id, err := sessionID(c)
	if err != nil {
		return err
	}
	cond, err := rest.WriteCondition(c, a.requireIfMatch)
	if err != nil {
		return err
	}
	patch, err := fromPatch(c)
	if err != nil {
		return err
	}
	audio, err := a.service.Patch(c.Request.Context(), id, patch, condition(cond))
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, audio)
	return nil
}

func (a api) remove(c *gin.Context) error {
	allowMissing, err := rest.Flag(c, "allow_missing")
	if err != nil {
		return err
	}
	cond, err := rest.WriteCondition(c, a.requireIfMatch)
	if err != nil {
		return err
	}
	id, err := sessionID(c)
	if err == nil {
		err = a.service.Remove(c.Request.Context(), id, condition(cond))
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

package httpapi

import (
	"crypto/sha256"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func (a api) create(c *gin.Context) {
	key, err := httpserver.IdempotencyKey(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	upload, err := fromUpload(c, domain.Draft.Session)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	audio, err := a.service.Create(c.Request.Context(), upload.Session, upload.document, app.Once{Key: key, Body: sha256.Sum256(upload.document)})
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	answerCreated(c, audio)
}

func (a api) get(c *gin.Context) {
	id, err := sessionID(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	audio, err := a.service.Get(c.Request.Context(), id)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	if !httpserver.NotModified(c, httpserver.ETag(audio.Version)) {
		answer(c, http.StatusOK, audio)
	}
}

func (a api) list(c *gin.Context) {
	query, params, err := fromListQuery(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	page, err := a.service.List(c.Request.Context(), query)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	a.answerList(c, query, params, page)
}

func (a api) replace(c *gin.Context) {
	id, err := sessionID(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	cond, err := httpserver.WriteCondition(c, a.requireIfMatch)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	upload, err := fromUpload(c, func(d domain.Draft) (domain.Session, error) { return d.Replacement(id) })
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	if cond.Creates() {
		a.createThere(c, upload, cond)
		return
	}
	keepAccount := !upload.namesAccount && c.Query("keep_account") == "true"
	audio, err := a.service.Replace(c.Request.Context(), upload.Session, upload.document, keepAccount, check(cond))
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	answer(c, http.StatusOK, audio)
}

// createThere creates a session at its own path, on the condition that there is
// none.
func (a api) createThere(c *gin.Context, upload sent, cond httpserver.Condition) {
	audio, err := a.service.Create(c.Request.Context(), upload.Session, upload.document, app.Once{})
	if errors.Is(err, domain.ErrSessionTaken) {
		err = httpserver.ErrPrecondition.Wrap(err)
		if current, getErr := a.service.Get(c.Request.Context(), upload.SessionID); getErr == nil {
			err = check(cond)(current)
		}
	}
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	answerCreated(c, audio)
}

// check returns what judges an audio by the conditions of a request.
func check(cond httpserver.Condition) app.Check {
	return func(current domain.Audio) error { return cond.Check(httpserver.ETag(current.Version)) }
}

func (a api) patch(c *gin.Context) {
	id, err := sessionID(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	cond, err := httpserver.WriteCondition(c, a.requireIfMatch)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	patch, err := fromPatch(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	audio, err := a.service.Patch(c.Request.Context(), id, patch, check(cond))
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	answer(c, http.StatusOK, audio)
}

func (a api) remove(c *gin.Context) {
	allowMissing, err := httpserver.AllowMissing(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	cond, err := httpserver.WriteCondition(c, a.requireIfMatch)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	id, err := sessionID(c)
	if err == nil {
		err = a.service.Remove(c.Request.Context(), id, check(cond))
	}
	if errors.Is(err, domain.ErrNotFound) && allowMissing {
		err = nil
	}
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

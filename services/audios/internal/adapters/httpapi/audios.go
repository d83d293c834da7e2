package httpapi

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func (a api) create(c *gin.Context) {
	session, document, err := fromUpload(c, domain.Draft.Session)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	audio, err := a.service.Create(c.Request.Context(), session, document)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	c.Header("Location", httpserver.PublicURL(c.Request)+"/v1/audios/"+strconv.FormatInt(audio.SessionID, 10))
	answer(c, http.StatusCreated, audio)
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
	query, binding, err := fromListQuery(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	page, more, err := a.service.List(c.Request.Context(), query)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	answerList(c, page, more, binding)
}

func (a api) replace(c *gin.Context) {
	id, err := sessionID(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	session, document, err := fromUpload(c, func(d domain.Draft) (domain.Session, error) { return d.Replacement(id) })
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	audio, err := a.service.Replace(c.Request.Context(), session, document)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	answer(c, http.StatusOK, audio)
}

func (a api) remove(c *gin.Context) {
	id, err := sessionID(c)
	if err == nil {
		err = a.service.Remove(c.Request.Context(), id)
	}
	if errors.Is(err, domain.ErrNotFound) && c.Query("allow_missing") == "true" {
		err = nil
	}
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

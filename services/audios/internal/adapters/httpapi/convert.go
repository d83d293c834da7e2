package httpapi

import (
	"math"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// sent is a session with its document.
type sent struct {
	domain.Session
	document    []byte
	keepAccount bool // the document has no account_id
}

// fromUpload reads the session in a JSON document and validates it with check.
// The error lists members of the wrong type together with those that break a
// rule.
func fromUpload(c *gin.Context, check func(domain.Draft) (domain.Session, error)) (sent, error) {
	keepAccount, err := rest.Flag(c, "keep_account")
	if err != nil {
		return sent{}, err
	}
	document, err := upload(c)
	if err != nil {
		return sent{}, err
	}
	object, err := rest.ParseObject(document)
	if err != nil {
		return sent{}, err
	}
	session, err := fromObject(object, keepAccount, check)
	return sent{session, document, keepAccount}, err
}

func fromObject(object *rest.Object, keepAccount bool, check func(domain.Draft) (domain.Session, error)) (domain.Session, error) {
	draft := domain.Draft{SessionID: object.Int("session_id")}
	if !keepAccount {
		draft.AccountID = object.OptionalInt("account_id")
	}
	draft.Ticks, draft.SelectedTick, draft.StepCount = object.Floats("ticks"), object.Int("selected_tick"), object.Int("step_count")
	session, err := check(draft)
	return session, object.Err(err)
}

// fromItem reads an item of a batch, with the same errors as fromUpload.
func fromItem(document []byte) (app.Item, error) {
	object, err := rest.ParseItem(document)
	if err != nil {
		return app.Item{}, err
	}
	session, err := fromObject(object, false, domain.Draft.Session)
	return app.Item{Session: session, Document: document}, err
}

// fromPatch reads a merge patch of a session, with the same errors as
// fromUpload.
func fromPatch(c *gin.Context) (domain.Patch, error) {
	object, err := rest.ReadPatch(c)
	if err != nil {
		return domain.Patch{}, err
	}
	object.ReadOnly("session_id", "file_url", "owner", "version", "etag", "created_at", "updated_at")
	patch := domain.Patch{
		AccountID:    rest.Given(object, "account_id", (*rest.Object).OptionalInt),
		Ticks:        rest.Given(object, "ticks", (*rest.Object).Floats),
		SelectedTick: rest.Given(object, "selected_tick", (*rest.Object).Int),
		StepCount:    rest.Given(object, "step_count", (*rest.Object).Int),
	}
	return patch, object.Err(patch.Validate())
}

// fromFilters reads the filters and the order of a list.
func fromFilters(params *rest.Query) app.Query {
	q := app.Query{
		SessionID:    fromRange(params, "session_id"),
		SessionIDs:   params.IDs("ids"),
		AccountID:    fromRange(params, "account_id"),
		SelectedTick: fromRange(params, "selected_tick"),
		StepCount:    fromRange(params, "step_count"),
		Options:      params.Selection(list.ByID, "session_id"),
	}
	return q
}

// fromRange reads the parameters name, name_min and name_max. It returns nil if
// all are absent.
func fromRange(params *rest.Query, name string) *app.Range {
	exact, low, high := params.Int(name), params.Int(name+"_min"), params.Int(name+"_max")
	if exact == nil && low == nil && high == nil {
		return nil
	}
	r := app.Range{Min: math.MinInt64, Max: math.MaxInt64}
	if exact != nil {
		r = app.Range{Min: *exact, Max: *exact}
	}
	if low != nil {
		r.Min = max(r.Min, *low)
	}
	if high != nil {
		r.Max = min(r.Max, *high)
	}
	return &r
}

// toAudio returns the v1 body with absolute URLs.
func toAudio(a domain.Audio, origin string) events.Audio {
	body := app.Body(a)
	body.FileURL = origin + body.FileURL
	return body
}

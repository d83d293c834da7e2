package rest

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/priority"
	"github.com/concha-labs/backend/pkg/resource"
)

// UseCases are those of resource.UseCases that the handlers of Resource call.
type UseCases[T resource.Resource, Q any] interface {
	Get(ctx context.Context, id int64) (T, error)
	Exists(ctx context.Context, id int64) error
	List(ctx context.Context, q Q) (list.Page[T], error)
	From(ctx context.Context, q Q, page list.Page[T]) iter.Seq2[[]T, error]
	Remove(ctx context.Context, id int64, cond resource.Condition[T]) error
	Subject(id int64) string
}

// Feed is the feed of events; see feed.Feed.
type Feed interface {
	Pin(c *gin.Context, q *Query, head list.Position) (cursor string)
	History(c *gin.Context, kind caller.Kind, subject string, exists func(context.Context) error) error
}

// Resource has the handlers that all kinds of resources have, for
// httpserver.Handle. Its v1 body is B, and Q is the query of its lists.
type Resource[T resource.Resource, B, Q any, P list.Query[Q]] struct {
	Service UseCases[T, Q]
	Feed    Feed
	Scopes  caller.Kind
	Type    string       // the resource_type of lists, and the part of the path below /v1
	ID      string       // the parameter of the path that has the id
	MinID   int64        // the smallest id
	MaxID   int64        // the largest id
	Missing *fault.Error // the error for a resource that does not exist
	// RequireIfMatch is whether changes require If-Match.
	RequireIfMatch bool
	Filters        func(*Query) Q             // reads the filters and the order of a list
	Body           func(a T, origin string) B // returns the v1 body, with absolute URLs
}

// PathID returns the id in the path. A malformed id is answered like one of no
// resource. Errors: Missing.
func (r *Resource[T, B, Q, P]) PathID(c *gin.Context) (int64, error) {
	text := c.Param(r.ID)
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < r.MinID || id > r.MaxID || strconv.FormatInt(id, 10) != text {
		return 0, r.Missing
	}
	return id, nil
}

// VersionCondition returns the condition that cond is for the ETag of a resource.
func VersionCondition[T resource.Resource](cond Condition) resource.Condition[T] {
	return func(current T) error { return cond.Require(ETag(current.Metadata().Version)) }
}

// Condition returns the conditions of a request that changes a resource. Errors:
// those of WriteCondition.
func (r *Resource[T, B, Q, P]) Condition(c *gin.Context) (resource.Condition[T], error) {
	cond, err := WriteCondition(c, r.RequireIfMatch)
	return VersionCondition[T](cond), err
}

// Answer answers with a resource and its ETag.
func (r *Resource[T, B, Q, P]) Answer(c *gin.Context, status int, a T) {
	SetETag(c, a.Metadata().Version)
	c.PureJSON(status, r.Body(a, httpserver.PublicURL(c.Request)))
}

// AnswerCreated answers with a resource that the request has created.
func (r *Resource[T, B, Q, P]) AnswerCreated(c *gin.Context, a T) {
	c.Header("Location", r.location(a, httpserver.PublicURL(c.Request)))
	r.Answer(c, http.StatusCreated, a)
}

func (r *Resource[T, B, Q, P]) location(a T, origin string) string {
	return origin + "/v1/" + r.Type + "/" + strconv.FormatInt(a.Key(), 10)
}

// Get answers with the resource of a path.
func (r *Resource[T, B, Q, P]) Get(c *gin.Context) error {
	id, err := r.PathID(c)
	if err != nil {
		return err
	}
	a, err := r.Service.Get(c.Request.Context(), id)
	if err != nil {
		return err
	}
	if !Conditional(c, ETag(a.Metadata().Version)) {
		r.Answer(c, http.StatusOK, a)
	}
	return nil
}

// List answers with a page of a list.
func (r *Resource[T, B, Q, P]) List(c *gin.Context) error {
	params, err := ReadQuery(c.Request)
	if err != nil {
		return err
	}
	q := r.Filters(params)
	options := P(&q).PageOptions()
	*options = params.Paging(*options)
	if err := params.Err(); err != nil {
		return err
	}
	page, err := r.Service.List(c.Request.Context(), q)
	if err != nil {
		return err
	}
	origin := httpserver.PublicURL(c.Request)
	ServeList(c, params, r.Type, page, r.Feed.Pin(c, params, page.Head), func(a T) B { return r.Body(a, origin) })
	return nil
}

// exportPage is the number of resources that an export holds in memory.
const exportPage = 500

// Export answers with all resources of a list, one per line.
func (r *Resource[T, B, Q, P]) Export(c *gin.Context) error {
	params, err := ReadQuery(c.Request)
	if err != nil {
		return err
	}
	q := r.Filters(params)
	params.Bool(includeCount) // see ServeLines
	if err := params.Err(); err != nil {
		return err
	}
	P(&q).PageOptions().Limit = exportPage
	ctx := priority.Low(c.Request.Context())
	first, err := r.Service.List(ctx, q)
	if err != nil {
		return err
	}
	r.Feed.Pin(c, params, first.Head)
	origin := httpserver.PublicURL(c.Request)
	return ServeLines(c, r.Service.From(ctx, q, first), func(a T) any { return r.Body(a, origin) })
}

// Remove deletes the resource of a path.
func (r *Resource[T, B, Q, P]) Remove(c *gin.Context) error {
	allowMissing, err := Flag(c, "allow_missing")
	if err != nil {
		return err
	}
	cond, err := r.Condition(c)
	if err != nil {
		return err
	}
	id, err := r.PathID(c)
	if err == nil {
		err = r.Service.Remove(c.Request.Context(), id, cond)
	}
	if err != nil && (!allowMissing || !errors.Is(err, r.Missing)) {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// History answers with the events of the resource of a path, even after it was
// deleted.
func (r *Resource[T, B, Q, P]) History(c *gin.Context) error {
	id, err := r.PathID(c)
	if err != nil {
		return err
	}
	return r.Feed.History(c, r.Scopes, r.Service.Subject(id), func(ctx context.Context) error { return r.Service.Exists(ctx, id) })
}

// Change returns a handler that changes the resource of a path: read reads the
// change that the body describes, and apply is the use case.
func Change[C any, T resource.Resource, B, Q any, P list.Query[Q]](r *Resource[T, B, Q, P], read func(*gin.Context) (C, error),
	apply func(ctx context.Context, id int64, change C, cond resource.Condition[T]) (T, error),
) func(*gin.Context) error {
	return func(c *gin.Context) error {
		id, err := r.PathID(c)
		if err != nil {
			return err
		}
		cond, err := r.Condition(c)
		if err != nil {
			return err
		}
		change, err := read(c)
		if err != nil {
			return err
		}
		a, err := apply(c.Request.Context(), id, change, cond)
		if err != nil {
			return err
		}
		r.Answer(c, http.StatusOK, a)
		return nil
	}
}

// Batch returns a handler that creates resources: parse reads an item of the
// batch, and create is the use case, which returns an outcome for each item. See
// ServeBatch.
func Batch[I any, T resource.Resource, B, Q any, P list.Query[Q]](r *Resource[T, B, Q, P], parse func(item []byte) (I, error),
	create func(ctx context.Context, items []I, once idempotency.Request) ([]idempotency.Outcome[T], error),
) func(*gin.Context) error {
	underWay := new(Flights)
	return func(c *gin.Context) error {
		origin := httpserver.PublicURL(c.Request)
		return ServeBatch(c, underWay, parse, func(items []I, once idempotency.Request) ([]Result[B], error) {
			outcomes, err := create(c.Request.Context(), items, once)
			results := make([]Result[B], len(outcomes))
			for i, o := range outcomes {
				if o.Refused != nil {
					results[i] = Refused[B](c.Request, o.Refused)
				} else {
					results[i] = Created(r.location(o.Result, origin), r.Body(o.Result, origin))
				}
			}
			return results, err
		})
	}
}

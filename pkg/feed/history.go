package feed

import (
	"context"
	"encoding/json"
	"math"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
)

// History answers with the events of a subject, a resource of a kind, oldest
// first. exists reports whether the resource exists for the caller. It is called
// if the log has no event that the caller may read; its error is returned. Pass
// History to httpserver.Handle.
func (f *Feed) History(c *gin.Context, kind caller.Kind, subject string, exists func(context.Context) error) error {
	q, err := rest.ReadQuery(c.Request)
	if err != nil {
		return err
	}
	after := int64(integer(q, "after_version", 0, math.MaxInt64, 0))
	limit := integer(q, "limit", 1, maxLimit, defaultLimit)
	if err := q.Err(); err != nil {
		return err
	}
	ctx := c.Request.Context()
	reach, err := caller.From(ctx).History(kind)
	if err != nil {
		return err
	}
	var records []eventlog.Record
	if owner, restricted := reach.Owner(); restricted {
		records, err = f.owned(ctx, owner, subject, after, limit, exists)
	} else if records, err = f.log.History(ctx, subject, after, limit); err == nil && len(records) == 0 {
		err = f.known(ctx, subject, exists)
	}
	if err != nil {
		return err
	}
	b, err := f.encode(eventlog.Page{Records: records}, httpserver.PublicURL(c.Request))
	if err != nil {
		return err
	}
	if len(records) == limit {
		link(c, "after_version", strconv.FormatInt(records[limit-1].Version, 10))
	}
	b.answer(c)
	return nil
}

func (f *Feed) known(ctx context.Context, subject string, exists func(context.Context) error) error {
	records, err := f.log.History(ctx, subject, 0, 1)
	if err != nil || len(records) > 0 {
		return err
	}
	return exists(ctx)
}

// owned returns the events of a resource that owner owns now, as seenBy shows
// them. It skips those of earlier resources of the same subject. They have been
// redacted, and belonged to anybody. It reads on only if the resource exists for
// the caller, so that the history of another's resource costs as much as that of
// none.
func (f *Feed) owned(ctx context.Context, owner, subject string, after int64, limit int, exists func(context.Context) error) ([]eventlog.Record, error) {
	owned := []eventlog.Record{}
	for size := limit; ; size = maxLimit {
		records, err := f.log.History(ctx, subject, after, size)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			after = r.Version
			if data, ok := seenBy(owner, r.Data); ok && len(owned) < limit {
				r.Data, r.Position = data, eventlog.Position{} // only a follower learns places in the log
				owned = append(owned, r)
			}
		}
		if len(owned) == 0 {
			if err := exists(ctx); err != nil {
				return nil, err
			}
		}
		if len(owned) == limit || len(records) < size {
			return owned, nil
		}
	}
}

// seenBy returns the data of an event as owner sees it: without an actor who is
// somebody else. It returns false unless the data is that of a resource of owner
// which exists.
func seenBy(owner string, data json.RawMessage) (json.RawMessage, bool) {
	var change struct {
		Resource struct {
			Owner string `json:"owner"`
		} `json:"resource"`
		Actor string `json:"actor"`
	}
	if err := json.Unmarshal(data, &change); err != nil || change.Resource.Owner != owner {
		return nil, false
	}
	if change.Actor == "" || change.Actor == owner {
		return data, true
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, false
	}
	members["actor"] = json.RawMessage("null")
	seen, err := json.Marshal(members)
	return seen, err == nil
}

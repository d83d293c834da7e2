// Package events is the event contract: the types, the versioned payloads, and
// the CloudEvents 1.0 attributes of every change. Decode reads events, and
// Consumer implements the rule that every subscriber has to follow. The package
// also has the context value that carries the identity of a request to the use
// cases. Golden files pin each published version.
package events

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// The topics that the services publish to unless a setting names another.
const (
	AccountsTopic = "account-events-v1"
	AudiosTopic   = "audio-events-v1"
)

// The event types. A payload that old consumers could not read gets a new
// version, which is published beside the old one.
const (
	AccountCreatedV1 = "concha.account.created.v1"
	AccountUpdatedV1 = "concha.account.updated.v1"
	AccountDeletedV1 = "concha.account.deleted.v1"
	AudioCreatedV1   = "concha.audio.created.v1"
	AudioUpdatedV1   = "concha.audio.updated.v1"
	AudioDeletedV1   = "concha.audio.deleted.v1"
)

// Event is one change of one resource.
type Event struct {
	// Type is one of the constants above.
	Type string
	// Subject names the resource: "account/<id>" or "audio/<session_id>".
	// Events of one subject are delivered in the order of their versions.
	Subject string
	// Version is the version of the resource after the change. Versions start
	// at 1 and have no gaps.
	Version int64
	// Time is the commit time. The log sets it; it is zero before.
	Time time.Time
	// Data is the payload, a JSON object: a Change for created and updated
	// events, the key of the resource for deleted events.
	Data json.RawMessage
	// Traceparent is the W3C trace context of the request that made the change,
	// or "".
	Traceparent string
}

// ID returns the id of the event, such as "account/123/7". It is deterministic,
// so an event that is published again has the same id.
func (e Event) ID() string {
	return e.Subject + "/" + strconv.FormatInt(e.Version, 10)
}

// Source returns the CloudEvents source: "/accounts" or "/audios".
func (e Event) Source() string {
	kind, _, _ := strings.Cut(e.Subject, "/")
	return "/" + kind + "s"
}

// ContentType is the media type of every payload.
const ContentType = "application/json"

// SchemaPath returns the path of the JSON Schema of a type's data in the API.
func SchemaPath(eventType string) string { return "/schemas/" + eventType + ".json" }

// Attributes returns the Pub/Sub message attributes of the event in the
// CloudEvents binary mode (google-cloudevents, docs/spec/pubsub.md). origin is
// the origin of the API, such as "https://api.example.com"; CloudEvents does
// not allow a relative dataschema.
func (e Event) Attributes(origin string) map[string]string {
	a := map[string]string{
		"ce-specversion":     "1.0",
		"ce-id":              e.ID(),
		"ce-source":          e.Source(),
		"ce-subject":         e.Subject,
		"ce-type":            e.Type,
		"ce-time":            e.Time.UTC().Format(TimeLayout),
		"ce-dataschema":      origin + SchemaPath(e.Type),
		"ce-partitionkey":    e.Subject,
		"ce-resourceversion": strconv.FormatInt(e.Version, 10),
		"content-type":       ContentType,
		// The CloudEvents SDK for Go reads this name alone. As headers, the two are
		// one. The name ce-datacontenttype is not allowed as a header.
		"Content-Type": ContentType,
	}
	if e.Traceparent != "" {
		a["ce-traceparent"] = e.Traceparent
	}
	return a
}

// Origin identifies the request that causes a change. Events carry it to
// subscribers.
type Origin struct {
	RequestID   string
	Traceparent string
}

type originKey struct{}

// WithOrigin returns a context that carries o.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginFrom returns the Origin in ctx, or the zero Origin.
func OriginFrom(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// Package events is the event contract: the types, the versioned payloads and
// the CloudEvents 1.0 attributes of every change that the services tell of.
// Decode reads them back, and Consumer keeps what a subscriber does with them
// right. The package also has the context value by which a use case knows the
// request that it runs for. Golden files pin each published version.
package events

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// The event types. A change of a payload that old consumers cannot read gets
// a new version, published beside the old.
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
	// Version of the resource after the change, from 1 without gaps.
	Version int64
	// Time of the commit. Set by the log; zero before.
	Time time.Time
	// Data is the payload, a JSON object: Change for created and updated, the
	// resource's key for deleted.
	Data json.RawMessage
	// Traceparent is the W3C trace context of the request that made the
	// change, "" if it had none.
	Traceparent string
}

// ID is deterministic, so a republished event keeps it: "account/123/7".
func (e Event) ID() string {
	return e.Subject + "/" + strconv.FormatInt(e.Version, 10)
}

// Source is the CloudEvents source: "/accounts" or "/audios".
func (e Event) Source() string {
	kind, _, _ := strings.Cut(e.Subject, "/")
	return "/" + kind + "s"
}

// ContentType is the media type of every payload.
const ContentType = "application/json"

// SchemaPath returns where the API has the JSON Schema of a type's data.
func SchemaPath(eventType string) string { return "/schemas/" + eventType + ".json" }

// Attributes returns the event as Pub/Sub message attributes in the
// CloudEvents binary mode (google-cloudevents, docs/spec/pubsub.md). origin is
// that of the API, such as "https://api.example.com": CloudEvents takes no
// relative dataschema.
func (e Event) Attributes(origin string) map[string]string {
	a := map[string]string{
		"ce-specversion":     "1.0",
		"ce-id":              e.ID(),
		"ce-source":          e.Source(),
		"ce-subject":         e.Subject,
		"ce-type":            e.Type,
		"ce-time":            e.Time.UTC().Format(time.RFC3339Nano),
		"ce-dataschema":      origin + SchemaPath(e.Type),
		"ce-partitionkey":    e.Subject,
		"ce-resourceversion": strconv.FormatInt(e.Version, 10),
		"content-type":       ContentType,
	}
	if e.Traceparent != "" {
		a["ce-traceparent"] = e.Traceparent
	}
	return a
}

// Origin is the request that causes a change; events carry it so that a
// subscriber can tell which call it stems from.
type Origin struct {
	RequestID   string
	Traceparent string
}

type originKey struct{}

// WithOrigin returns a context that carries o to the use cases.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginFrom returns what WithOrigin put in, or the zero Origin.
func OriginFrom(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

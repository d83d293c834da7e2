package events

import "time"

// Package schemas generates the published JSON Schemas from these types,
// including their tags and the comments of their fields.

// Body is the v1 body of a resource, in HTTP answers and in events.
type Body interface{ Account | Audio }

// Change is the payload of created and updated events.
type Change[R Body] struct {
	// The v1 body of the resource after the change. URLs in it are relative to
	// the API's origin.
	Resource R `json:"resource"`
	// The members of the resource that the change set, in the order of the body;
	// of a created event, all that the client sent.
	ChangedFields []string `json:"changed_fields"`
	// Id of the request that made the change, "" if none did.
	RequestID string `json:"request_id"`
	// The caller that made the change: "key:" and the id of its API key, or the
	// issuer and the subject of its token with a | between them. It is null if
	// the change was made without credentials, and absent from older events.
	Actor *string `json:"actor" jsonschema:"nullable"`
}

// Account is the v1 body of an account, in HTTP answers and in events.
type Account struct {
	ID      int64  `json:"id" jsonschema:"minimum=1,maximum=9007199254740991"`
	Name    string `json:"name" jsonschema:"maxLength=1024"`
	Email   string `json:"email" jsonschema:"maxLength=320"`
	Address string `json:"address" jsonschema:"maxLength=1024"`
	Image   *Image `json:"image" jsonschema:"nullable"` // null until there is one
	// The caller that created the account, as in actor; null if it was created
	// without credentials, absent from older events.
	Owner     *string `json:"owner" jsonschema:"nullable"`
	Version   int64   `json:"version" jsonschema:"minimum=1"`
	ETag      string  `json:"etag"` // as in the ETag header, with its quotes
	CreatedAt Time    `json:"created_at"`
	UpdatedAt Time    `json:"updated_at"`
}

// Image describes the profile image of an account.
type Image struct {
	URL         string `json:"url" jsonschema:"format=uri-reference"` // changes with the content
	ContentType string `json:"content_type" jsonschema:"enum=image/jpeg,enum=image/png"`
	Width       int    `json:"width" jsonschema:"minimum=1"`  // pixels
	Height      int    `json:"height" jsonschema:"minimum=1"` // pixels
	SizeBytes   int64  `json:"size_bytes" jsonschema:"minimum=1"`
	SHA256      string `json:"sha256" jsonschema:"pattern=^[0-9a-f]{64}$"`
}

// AccountKey is the payload of concha.account.deleted.v1.
type AccountKey struct {
	ID int64 `json:"id" jsonschema:"minimum=1,maximum=9007199254740991"`
}

// Audio is the v1 body of an audio session, in HTTP answers and in events.
type Audio struct {
	SessionID    int64     `json:"session_id" jsonschema:"minimum=0,maximum=9007199254740991"`
	AccountID    *int64    `json:"account_id" jsonschema:"nullable"` // null if it belongs to no account
	Ticks        []float64 `json:"ticks" jsonschema:"minItems=15,maxItems=15,minimum=-100,maximum=-10"`
	SelectedTick int       `json:"selected_tick" jsonschema:"minimum=0,maximum=14"` // index into ticks
	StepCount    int       `json:"step_count" jsonschema:"minimum=0,maximum=9"`
	FileURL      string    `json:"file_url" jsonschema:"format=uri-reference"` // the document as it was sent
	// The caller that created the session, as in actor; null if it was created
	// without credentials, absent from older events.
	Owner     *string `json:"owner" jsonschema:"nullable"`
	Version   int64   `json:"version" jsonschema:"minimum=1"`
	ETag      string  `json:"etag"` // as in the ETag header, with its quotes
	CreatedAt Time    `json:"created_at"`
	UpdatedAt Time    `json:"updated_at"`
}

// AudioKey is the payload of concha.audio.deleted.v1.
type AudioKey struct {
	SessionID int64 `json:"session_id" jsonschema:"minimum=0,maximum=9007199254740991"`
}

// CallerID returns the value of Actor or Owner for the id of a caller: a pointer
// to it, or nil for "".
func CallerID(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

// Redacted is the payload that replaces the payloads of a resource's earlier
// events when the resource is deleted. The versions remain known, their content
// does not.
const Redacted = `{"redacted":true}`

// TimeLayout is the layout of all times, which are in UTC. The number of decimals
// is fixed, so that times sort as text.
const TimeLayout = "2006-01-02T15:04:05.000000Z"

// Time is a time.Time whose JSON has TimeLayout. It reads any RFC 3339 time.
type Time struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	// AppendFormat is fast for RFC 3339 only, and a page has 200 times.
	b := t.UTC().AppendFormat(append(make([]byte, 0, len(TimeLayout)+2), '"'), time.RFC3339)
	b[len(b)-1] = '.' // instead of the Z
	for micros, unit := t.Nanosecond()/1000, 100_000; unit > 0; unit /= 10 {
		b = append(b, byte('0'+micros/unit%10))
	}
	return append(b, 'Z', '"'), nil
}

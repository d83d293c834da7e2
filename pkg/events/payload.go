package events

import "time"

// Change is the payload of created and updated events.
type Change[R Account | Audio] struct {
	// Resource is the v1 body of the resource after the change. URLs in it are
	// relative to the API's origin.
	Resource R `json:"resource"`
	// ChangedFields are the members of Resource that the change set, in the
	// order of the body; of a created event, all that the client sent.
	ChangedFields []string `json:"changed_fields"`
	// RequestID of the call that made the change, "" if none did.
	RequestID string `json:"request_id"`
}

// Account is the v1 body of an account, in HTTP answers and in events.
type Account struct {
	ID        int64     `json:"id"` // 1..2^53-1
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	Address   string    `json:"address"`
	Image     *Image    `json:"image"` // null until there is one
	Version   int64     `json:"version"`
	ETag      string    `json:"etag"` // as in the ETag header, with its quotes
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Image describes the profile image of an account.
type Image struct {
	URL         string `json:"url"`          // changes with the content
	ContentType string `json:"content_type"` // image/jpeg or image/png
	Width       int    `json:"width"`        // pixels
	Height      int    `json:"height"`       // pixels
	SizeBytes   int64  `json:"size_bytes"`
	SHA256      string `json:"sha256"` // lower-case hex
}

// AccountKey is the payload of concha.account.deleted.v1.
type AccountKey struct {
	ID int64 `json:"id"`
}

// Audio is the v1 body of an audio session, in HTTP answers and in events.
type Audio struct {
	SessionID    int64     `json:"session_id"` // 0..2^53-1
	AccountID    *int64    `json:"account_id"` // null if it belongs to no account
	Ticks        []float64 `json:"ticks"`      // 15 levels, -100.0..-10.0
	SelectedTick int       `json:"selected_tick"`
	StepCount    int       `json:"step_count"`
	FileURL      string    `json:"file_url"` // the document as it was sent
	Version      int64     `json:"version"`
	ETag         string    `json:"etag"` // as in the ETag header, with its quotes
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// AudioKey is the payload of concha.audio.deleted.v1.
type AudioKey struct {
	SessionID int64 `json:"session_id"`
}

// Redacted is the payload of the events of a resource that has been deleted
// since: that there was a version stays known, what was in it does not.
const Redacted = `{"redacted":true}`

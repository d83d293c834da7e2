// Package eventstest has one event of every type, and the message it is
// published as, for tests of subscribers.
package eventstest

import (
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/concha-labs/backend/pkg/events"
)

// Origin is the origin of the API in the golden messages.
const Origin = "https://api.example.com"

// Message is a published event.
type Message struct {
	OrderingKey string            `json:"ordering_key"`
	Attributes  map[string]string `json:"attributes"`
	Data        json.RawMessage   `json:"data"`
}

// The golden files are the published contract: one message of each event type,
// as a subscriber in any language sees it.
//
//go:embed testdata/*.json
var golden embed.FS

// Golden returns the published message of the event with that type in Events.
func Golden(eventType string) (Message, error) {
	var m Message
	text, err := golden.ReadFile(goldenFile(eventType))
	if err != nil {
		return m, err
	}
	err = json.Unmarshal(text, &m)
	return m, err
}

func goldenFile(eventType string) string { return "testdata/" + eventType + ".json" }

// Events returns one event of each type.
func Events() []events.Event {
	committed := events.Time{Time: time.Date(2026, 3, 14, 9, 26, 53, 589793000, time.UTC)}
	created := events.Time{Time: committed.Add(-time.Hour)}
	owner, actor := "https://issuer.example.com|zoe", "key:import"
	account := events.Account{
		ID: 4503599627370497, Name: "Zoë <&> \u2028 Ltd", Email: "zoe@example.com", Address: "1 Main St", Owner: &owner,
		Version: 1, ETag: `"1"`, CreatedAt: created, UpdatedAt: created,
	}
	pictured := account
	pictured.Version, pictured.ETag, pictured.UpdatedAt = 2, `"2"`, committed
	pictured.Image = &events.Image{
		URL: "/v1/accounts/4503599627370497/image?v=2", ContentType: "image/png", Width: 640, Height: 480,
		SizeBytes: 12345, SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	}
	audio := events.Audio{
		SessionID: 0, AccountID: &account.ID,
		Ticks:        []float64{-96.33, -96.33, -93.47, -89.03999999999999, -84.61, -80.18, -75.75, -71.32, -66.89, -62.46, -58.03, -53.6, -49.17, -44.74, -40.31},
		SelectedTick: 5, StepCount: 1, FileURL: "/v1/audios/0/file", Owner: &owner,
		Version: 1, ETag: `"1"`, CreatedAt: created, UpdatedAt: created,
	}
	stepped := audio
	stepped.StepCount, stepped.Version, stepped.ETag, stepped.UpdatedAt = 2, 2, `"2"`, committed
	const subjectA, subjectB = "account/4503599627370497", "audio/0"
	list := []events.Event{
		{Type: events.AccountCreatedV1, Subject: subjectA, Version: 1, Data: payload(events.Change[events.Account]{
			Resource: account, ChangedFields: []string{"name", "email", "address"}, RequestID: "req-1", Actor: &owner,
		})},
		{Type: events.AccountUpdatedV1, Subject: subjectA, Version: 2, Data: payload(events.Change[events.Account]{
			Resource: pictured, ChangedFields: []string{"image"}, RequestID: "req-2", Actor: &actor,
		})},
		{Type: events.AccountDeletedV1, Subject: subjectA, Version: 3, Data: payload(events.AccountKey{ID: account.ID})},
		{Type: events.AudioCreatedV1, Subject: subjectB, Version: 1, Data: payload(events.Change[events.Audio]{
			Resource: audio, ChangedFields: []string{"session_id", "account_id", "ticks", "selected_tick", "step_count"}, RequestID: "req-3", Actor: &owner,
		})},
		{Type: events.AudioUpdatedV1, Subject: subjectB, Version: 2, Data: payload(events.Change[events.Audio]{
			Resource: stepped, ChangedFields: []string{"step_count"}, RequestID: "req-4",
		})},
		{Type: events.AudioDeletedV1, Subject: subjectB, Version: 3, Data: payload(events.AudioKey{SessionID: 0})},
	}
	for i := range list {
		list[i].Time = committed.Time
		if i%2 == 0 {
			list[i].Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		}
	}
	return list
}

func payload(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode a sample event: %v", err))
	}
	return text
}

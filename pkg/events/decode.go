package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Decoded is an event with its typed payload: an AccountChanged,
// AccountDeleted, AudioChanged, AudioDeleted or Redaction.
type Decoded interface {
	// Envelope returns the event itself.
	Envelope() Event
	decoded()
}

// Changed is a created or updated event; Type distinguishes them. In both cases
// Resource is the whole resource, so most consumers can treat them alike.
type Changed[R Account | Audio] struct {
	Event
	Change[R]
}

// Deleted is a deleted event.
type Deleted[K AccountKey | AudioKey] struct {
	Event
	Key K
}

// Redaction is an event whose payload was erased because the resource was
// deleted later. The deletion is an event of its own and follows.
type Redaction struct {
	Event
}

type (
	// AccountChanged is an account that was created or updated.
	AccountChanged = Changed[Account]
	// AccountDeleted is an account that was deleted.
	AccountDeleted = Deleted[AccountKey]
	// AudioChanged is an audio session that was created or updated.
	AudioChanged = Changed[Audio]
	// AudioDeleted is an audio session that was deleted.
	AudioDeleted = Deleted[AudioKey]
)

// Envelope implements Decoded.
func (e Event) Envelope() Event { return e }

func (Changed[R]) decoded() {}
func (Deleted[K]) decoded() {}
func (Redaction) decoded()  {}

// UnknownTypeError means that the package does not know the type, or the
// version of the type, of an event. A consumer skips such an event. It misses
// nothing that it depends on: either a known type reports the same change, or
// the next event of the resource shows a gap.
type UnknownTypeError struct {
	ID   string // id of the event
	Type string
}

func (e *UnknownTypeError) Error() string {
	return fmt.Sprintf("event %q has the unknown type %q", e.ID, e.Type)
}

// ErrMalformed means that an event breaks the contract of its type. Delivering
// it again does not help.
var ErrMalformed = errors.New("malformed event")

// Decode decodes a message in the CloudEvents binary mode from its attributes
// and data. For an unwrapped push these are the headers, with names in lower
// case, and the body. Unknown attributes and members of the payload are
// ignored. Errors: *UnknownTypeError, ErrMalformed.
func Decode(attributes map[string]string, data []byte) (Decoded, error) {
	decode, ok := decoders[attributes["ce-type"]]
	if !ok {
		return nil, &UnknownTypeError{ID: attributes["ce-id"], Type: attributes["ce-type"]}
	}
	d, err := decodeAs(decode, attributes, data)
	if err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrMalformed, attributes["ce-id"], err)
	}
	return d, nil
}

// DecodeJSON decodes one event in the CloudEvents JSON format, which the feed
// and the histories of the API use. Errors: as for Decode.
func DecodeJSON(event []byte) (Decoded, error) {
	attributes, data, err := Binary(event)
	if err != nil {
		return nil, err
	}
	return Decode(attributes, data)
}

// Binary converts an event of any type from the CloudEvents JSON format to the
// binary mode. The data is returned byte for byte. Events of the feed also have
// the attribute "ce-cursor". Errors: ErrMalformed.
func Binary(event []byte) (attributes map[string]string, data []byte, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(event, &members); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	attributes = make(map[string]string, len(members))
	for name, value := range members {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value) // a number or a boolean
		}
		switch name {
		case "data":
		case "datacontenttype":
			attributes["content-type"], attributes["Content-Type"] = text, text
		default:
			attributes["ce-"+name] = text
		}
	}
	return attributes, members["data"], nil
}

type decoder func(Event) (Decoded, error)

var decoders = map[string]decoder{
	AccountCreatedV1: decodeChange[Account],
	AccountUpdatedV1: decodeChange[Account],
	AccountDeletedV1: decodeDeletion[AccountKey],
	AudioCreatedV1:   decodeChange[Audio],
	AudioUpdatedV1:   decodeChange[Audio],
	AudioDeletedV1:   decodeDeletion[AudioKey],
}

func decodeAs(decode decoder, attributes map[string]string, data []byte) (Decoded, error) {
	if v := attributes["ce-specversion"]; v != "1.0" {
		return nil, fmt.Errorf("ce-specversion is %q, not 1.0", v)
	}
	e := Event{
		Type:        attributes["ce-type"],
		Subject:     attributes["ce-subject"],
		Data:        data,
		Traceparent: attributes["ce-traceparent"],
	}
	if kind, id, _ := strings.Cut(e.Subject, "/"); id == "" || !strings.HasPrefix(e.Type, "concha."+kind+".") {
		return nil, fmt.Errorf("ce-subject %q names no resource of the type %s", e.Subject, e.Type)
	}
	var err error
	if e.Version, err = strconv.ParseInt(attributes["ce-resourceversion"], 10, 64); err != nil {
		return nil, fmt.Errorf("ce-resourceversion: %w", err)
	}
	if e.Version < 1 {
		return nil, fmt.Errorf("ce-resourceversion %d is below 1", e.Version)
	}
	if e.Time, err = time.Parse(time.RFC3339Nano, attributes["ce-time"]); err != nil {
		return nil, fmt.Errorf("ce-time: %w", err)
	}
	return decode(e)
}

func decodeChange[R Account | Audio](e Event) (Decoded, error) {
	var payload struct {
		Change[R]

		Resource *R   `json:"resource"` // shadows the other one, to detect its absence
		Redacted bool `json:"redacted"`
	}
	if err := json.Unmarshal(e.Data, &payload); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	switch {
	case payload.Redacted:
		return Redaction{e}, nil
	case payload.Resource == nil:
		return nil, errors.New("data: no resource")
	}
	payload.Change.Resource = *payload.Resource
	return Changed[R]{Event: e, Change: payload.Change}, isOf(e, payload.Change.Resource)
}

func decodeDeletion[K AccountKey | AudioKey](e Event) (Decoded, error) {
	var payload struct {
		Redacted bool `json:"redacted"`
	}
	var key *K
	if err := errors.Join(json.Unmarshal(e.Data, &payload), json.Unmarshal(e.Data, &key)); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	switch {
	case payload.Redacted:
		return Redaction{e}, nil
	case key == nil:
		return nil, errors.New("data: no key")
	}
	return Deleted[K]{Event: e, Key: *key}, isOf(e, *key)
}

// isOf returns an error unless the subject of e is the given resource, or the
// resource with the given key.
func isOf(e Event, resource any) error {
	var kind string
	var id int64
	switch r := resource.(type) {
	case Account:
		kind, id = "account", r.ID
	case AccountKey:
		kind, id = "account", r.ID
	case Audio:
		kind, id = "audio", r.SessionID
	case AudioKey:
		kind, id = "audio", r.SessionID
	}
	if subject := kind + "/" + strconv.FormatInt(id, 10); e.Subject != subject {
		return fmt.Errorf("data: of %s, not of %s", subject, e.Subject)
	}
	return nil
}

package eventstest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/concha-labs/backend/pkg/events"
)

// The official SDK accepts each message as a CloudEvent. It reads the message
// as an unwrapped push, in which the attributes are headers.
func TestMessagesAreCloudEvents(t *testing.T) {
	for _, e := range Events() {
		header := http.Header{}
		for name, value := range e.Attributes(Origin) {
			header.Set(name, value)
		}
		got, err := binding.ToEvent(t.Context(), cehttp.NewMessage(header, io.NopCloser(bytes.NewReader(e.Data))))
		if err != nil {
			t.Errorf("%s: %v", e.Type, err)
			continue
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
		if got.DataContentType() != events.ContentType || got.ID() != e.ID() || got.Type() != e.Type || !got.Time().Equal(e.Time) || !bytes.Equal(got.Data(), e.Data) {
			t.Errorf("%s is read as %v", e.ID(), got)
		}
	}
}

// The SDK reads a message that was pulled, too, with its media type.
func TestPulledMessagesAreCloudEvents(t *testing.T) {
	for _, e := range Events() {
		got, err := binding.ToEvent(t.Context(), pulled{e.Attributes(Origin), e.Data})
		if err != nil {
			t.Errorf("%s: %v", e.Type, err)
			continue
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
		if got.DataContentType() != events.ContentType || got.ID() != e.ID() || got.Extensions()["partitionkey"] != e.Subject {
			t.Errorf("%s is read as %v", e.ID(), got)
		}
		var data map[string]any
		if err := got.DataAs(&data); err != nil || len(data) == 0 { // needs the media type
			t.Errorf("%s: data %v, %v", e.Type, data, err)
		}
	}
}

// pulled is a message in the binary mode that is read as the SDK's binding for
// Pub/Sub does, which is a module of its own and imports the client of Pub/Sub.
type pulled struct {
	attributes map[string]string
	data       []byte
}

var versions = spec.WithPrefix("ce-")

func (pulled) ReadEncoding() binding.Encoding { return binding.EncodingBinary }

func (pulled) ReadStructured(context.Context, binding.StructuredWriter) error {
	return binding.ErrNotStructured
}

func (m pulled) ReadBinary(_ context.Context, w binding.BinaryWriter) error {
	version := versions.Version(m.attributes["ce-specversion"])
	for name, value := range m.attributes {
		var err error
		if attribute := version.Attribute(name); attribute != nil {
			err = w.SetAttribute(attribute, value)
		} else if name == "Content-Type" {
			err = w.SetAttribute(version.AttributeFromKind(spec.DataContentType), value)
		} else if extension, ok := strings.CutPrefix(name, "ce-"); ok {
			err = w.SetExtension(extension, value)
		}
		if err != nil {
			return err
		}
	}
	return w.SetData(bytes.NewReader(m.data))
}

// GetAttribute implements binding.MessageMetadataReader.
func (m pulled) GetAttribute(kind spec.Kind) (spec.Attribute, any) {
	attribute := versions.Version(m.attributes["ce-specversion"]).AttributeFromKind(kind)
	if kind == spec.DataContentType {
		return attribute, m.attributes["Content-Type"]
	}
	return attribute, m.attributes[attribute.PrefixedName()]
}

// GetExtension implements binding.MessageMetadataReader.
func (m pulled) GetExtension(name string) any { return m.attributes["ce-"+name] }

func (pulled) Finish(error) error { return nil }

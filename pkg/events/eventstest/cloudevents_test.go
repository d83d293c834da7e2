package eventstest

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
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
		if got.ID() != e.ID() || got.Type() != e.Type || !got.Time().Equal(e.Time) || !bytes.Equal(got.Data(), e.Data) {
			t.Errorf("%s is read as %v", e.ID(), got)
		}
	}
}

//go:build cloud

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/schemas"
)

// listener reads a topic from the emulator as any client may, through its REST
// interface, and keeps a mirror by it.
type listener struct {
	*mirror
	subscription string                        // URL
	origin       string                        // of the API
	types        map[string]string             // of the last event
	schemas      map[string]*jsonschema.Schema // of the data, by type
}

// listen subscribes to a topic until the test ends.
func (f *fleet) listen(t *testing.T, topic string) *listener {
	t.Helper()
	l := &listener{
		mirror:       newMirror(),
		subscription: "http://" + f.broker.emulator + "/v1/projects/" + f.project + "/subscriptions/test-of-" + topic,
		origin:       f.url("gateway"),
		types:        map[string]string{}, schemas: map[string]*jsonschema.Schema{},
	}
	l.call(t, http.MethodPut, "", map[string]any{"topic": "projects/" + f.project + "/topics/" + topic, "enableMessageOrdering": true}, nil)
	t.Cleanup(func() { l.call(t, http.MethodDelete, "", nil, nil) })
	return l
}

// renewSubscriptions replaces the subscriptions of the services by new ones. The
// emulator of Pub/Sub goes on delivering to streams whose connections have ended. A
// message that it sends there comes again after its deadline and a growing pause,
// perhaps on such a stream again, and the emulator uses a processor for that.
func (f *fleet) renewSubscriptions(t *testing.T) {
	t.Helper()
	f.deleteSubscriptions(t)
	f.run(t, "accounts", "provision")
	f.run(t, "audios", "provision")
}

// deleteSubscriptions deletes all subscriptions of the fleet.
func (f *fleet) deleteSubscriptions(t *testing.T) {
	t.Helper()
	var listed struct{ Subscriptions []struct{ Name string } }
	callBroker(t, http.MethodGet, "http://"+f.broker.emulator+"/v1/projects/"+f.project+"/subscriptions?pageSize=100", nil, &listed)
	for _, s := range listed.Subscriptions {
		callBroker(t, http.MethodDelete, "http://"+f.broker.emulator+"/v1/"+s.Name, nil, nil)
	}
}

// createTopic creates a topic beside those of the services.
func (f *fleet) createTopic(t *testing.T, topic string) {
	t.Helper()
	callBroker(t, http.MethodPut, "http://"+f.broker.emulator+"/v1/projects/"+f.project+"/topics/"+topic, map[string]any{}, nil)
}

func (l *listener) call(t *testing.T, method, verb string, request, response any) {
	t.Helper()
	callBroker(t, method, l.subscription+verb, request, response)
}

func callBroker(t *testing.T, method, url string, request, response any) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(encode(request)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s, %v: %s", method, req.URL, resp.Status, err, body)
	}
	if response != nil {
		if err := json.Unmarshal(body, response); err != nil {
			t.Fatalf("%s %s: %v: %s", method, req.URL, err, body)
		}
	}
}

type message struct {
	Attributes  map[string]string
	OrderingKey string
	Data        []byte
}

// read receives all available events and reports wrong ones.
func (l *listener) read(t *testing.T) {
	t.Helper()
	for _, m := range l.pull(t) {
		if err := l.event(t.Context(), m); err != nil {
			t.Errorf("event %v %s: %v", m.Attributes, m.Data, err)
		}
	}
}

// drain reads until nothing comes.
func (l *listener) drain(t *testing.T) {
	t.Helper()
	for taken := -1; taken != l.taken; {
		taken = l.taken
		l.read(t)
	}
}

// resumes reads until something comes, which may take so long.
func (l *listener) resumes(t *testing.T, limit time.Duration) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for taken := l.taken; taken == l.taken; l.read(t) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: no events", l.subscription)
		}
	}
}

// pull returns and acknowledges all available messages.
func (l *listener) pull(t *testing.T) (messages []message) {
	t.Helper()
	var pulled struct {
		ReceivedMessages []struct {
			AckID   string
			Message message
		}
	}
	l.call(t, http.MethodPost, ":pull", map[string]any{"maxMessages": 1000, "returnImmediately": true}, &pulled)
	if len(pulled.ReceivedMessages) == 0 {
		return nil
	}
	var acks []string
	for _, r := range pulled.ReceivedMessages {
		acks, messages = append(acks, r.AckID), append(messages, r.Message)
	}
	l.call(t, http.MethodPost, ":acknowledge", map[string]any{"ackIds": acks}, nil)
	return messages
}

// until reads until all of these versions have come.
func (l *listener) until(t *testing.T, kind string, versions map[string]int64) {
	t.Helper()
	begun := time.Now()
	for {
		l.read(t)
		missing := ""
		for subject, version := range versions {
			if strings.HasPrefix(subject, kind) && l.versions[subject] < version {
				missing = fmt.Sprintf("%s is at version %d, its events at %d", subject, version, l.versions[subject])
			}
		}
		if missing == "" {
			return
		}
		if time.Since(begun) > 2*time.Minute {
			t.Fatal(missing)
		}
	}
}

// event checks the rules for all events, and records the event.
func (l *listener) event(ctx context.Context, m message) error {
	a := m.Attributes
	subject := a["ce-subject"]
	version, err := strconv.ParseInt(a["ce-resourceversion"], 10, 64)
	if err != nil {
		return err
	}
	kind, key, _ := strings.Cut(subject, "/")
	for name, want := range map[string]string{
		"ce-specversion":  "1.0",
		"ce-id":           fmt.Sprintf("%s/%d", subject, version),
		"ce-source":       "/" + kind + "s",
		"ce-partitionkey": subject,
		"ce-dataschema":   l.origin + events.SchemaPath(a["ce-type"]),
		"content-type":    "application/json",
	} {
		if a[name] != want {
			return fmt.Errorf("%s is %q, want %q", name, a[name], want)
		}
	}
	if at, err := time.Parse(time.RFC3339Nano, a["ce-time"]); err != nil || time.Since(at).Abs() > time.Hour {
		return fmt.Errorf("ce-time is %q", a["ce-time"])
	}
	if m.OrderingKey != subject {
		return fmt.Errorf("the ordering key is %q", m.OrderingKey)
	}
	if err := checkPayload(m.Data, kind, key, version, a["ce-type"]); err != nil {
		return err
	}
	if err := l.conforms(m); err != nil {
		return err
	}
	if err := l.follows(subject, version, a["ce-type"]); err != nil {
		return err
	}
	change, err := events.Decode(m.Attributes, m.Data)
	if err != nil {
		return err
	}
	return l.take(ctx, change)
}

// conforms checks that the data of an event is as the schema says that it
// points at.
func (l *listener) conforms(m message) error {
	schema, ok := l.schemas[m.Attributes["ce-type"]]
	if !ok {
		text, err := schemas.Files.ReadFile(path.Base(m.Attributes["ce-dataschema"]))
		if err != nil {
			return err
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return err
		}
		compiler := jsonschema.NewCompiler()
		compiler.AssertFormat()
		if err := compiler.AddResource("https://api.example.com", document); err != nil {
			return err
		}
		if schema, err = compiler.Compile("https://api.example.com"); err != nil {
			return err
		}
		l.schemas[m.Attributes["ce-type"]] = schema
	}
	data, err := jsonschema.UnmarshalJSON(bytes.NewReader(m.Data))
	if err != nil {
		return err
	}
	return schema.Validate(data)
}

// follows checks that the type of an event fits the previous state, unless the
// event is a duplicate.
func (l *listener) follows(subject string, version int64, eventType string) error {
	if version <= l.versions[subject] {
		return nil
	}
	begins := l.versions[subject] == 0 || strings.HasSuffix(l.types[subject], ".deleted.v1")
	if created := strings.HasSuffix(eventType, ".created.v1"); created != begins {
		return fmt.Errorf("%s follows %q", eventType, l.types[subject])
	}
	l.types[subject] = eventType
	return nil
}

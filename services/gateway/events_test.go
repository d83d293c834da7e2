package gateway

import (
	"compress/gzip"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pb33f/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/eventstest"
)

// asyncAPI is the part of the event contract that the tests read.
type asyncAPI struct {
	Channels map[string]struct {
		Address  string
		Messages map[string]reference
	}
	Operations map[string]struct {
		Action  string
		Channel reference
	}
	Components struct {
		Messages map[string]struct {
			Headers, Payload reference
			Bindings         struct {
				PubSub struct {
					OrderingKey string `yaml:"orderingKey"`
				} `yaml:"googlepubsub"`
			}
		}
		Schemas struct {
			Attributes struct {
				Required   []string
				Properties map[string]any
			}
		}
	}
}

type reference struct {
	To string `yaml:"$ref"`
}

func loadEventContract(t *testing.T) (model asyncAPI, document map[string]any) {
	t.Helper()
	for _, v := range []any{&model, &document} {
		if err := yaml.Unmarshal(eventContract, v); err != nil {
			t.Fatal(err)
		}
	}
	return model, document
}

func compile(t *testing.T, url string, document any) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(url, document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(url)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// The schema is AsyncAPI's own: schemas/3.0.0.json of the npm package
// @asyncapi/specs 6.11.1 (Apache-2.0).
func TestEventContractIsValid(t *testing.T) {
	file, err := os.Open("testdata/asyncapi-3.0.0.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	specification, err := jsonschema.UnmarshalJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	schema := compile(t, "http://asyncapi.com/definitions/3.0.0/asyncapi.json", specification)
	_, document := loadEventContract(t)
	if err := schema.Validate(document); err != nil {
		t.Error(err)
	}
	delete(document, "info")
	if schema.Validate(document) == nil {
		t.Error("a document without info passes")
	}
}

func TestEventContractHasEveryTypeInItsChannel(t *testing.T) {
	model, _ := loadEventContract(t)
	want := map[string][]string{}
	for _, e := range eventstest.Events() {
		kind, _, _ := strings.Cut(e.Subject, "/")
		topic := kind + "-events-v1"
		want[topic] = append(want[topic], e.Type)

		message := model.Components.Messages[e.Type]
		if schema := events.SchemaPath(e.Type); message.Payload.To != schema {
			t.Errorf("%s has the payload %s, not %s", e.Type, message.Payload.To, schema)
		}
		if message.Headers.To != "#/components/schemas/attributes" {
			t.Errorf("%s has the headers %s", e.Type, message.Headers.To)
		}
		if key := message.Bindings.PubSub.OrderingKey; !strings.HasPrefix(key, kind+"/{") {
			t.Errorf("%s has the ordering key %s", e.Type, key)
		}
	}
	got, sent := map[string][]string{}, map[string]bool{}
	for name, channel := range model.Channels {
		for eventType, message := range channel.Messages {
			if message.To != "#/components/messages/"+eventType {
				t.Errorf("%s is %s", eventType, message.To)
			}
		}
		got[channel.Address] = slices.Sorted(maps.Keys(channel.Messages))
		sent["#/channels/"+name] = true
	}
	for _, types := range want {
		slices.Sort(types)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("channels (-types +documented):\n%s", diff)
	}
	if documented, types := len(model.Components.Messages), len(eventstest.Events()); documented != types {
		t.Errorf("%d messages for %d types", documented, types)
	}
	for name, operation := range model.Operations {
		if operation.Action != "send" || !sent[operation.Channel.To] {
			t.Errorf("%s is to %s %s", name, operation.Action, operation.Channel.To)
		}
	}
}

func TestEventContractHasEveryAttribute(t *testing.T) {
	model, document := loadEventContract(t)
	components := document["components"].(map[string]any)
	schema := compile(t, "https://api.example.com/attributes", components["schemas"].(map[string]any)["attributes"])
	seen, always := map[string]bool{}, map[string]int{}
	for i, e := range eventstest.Events() {
		attributes, sent := map[string]any{}, e.Attributes(eventstest.Origin)
		if i == 0 {
			sent["ce-replayed"] = "true"
		}
		for name, value := range sent {
			attributes[name], seen[name] = value, true
			always[name]++
		}
		if err := schema.Validate(attributes); err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
		for name := range attributes {
			broken := maps.Clone(attributes)
			broken[name] = 5
			if schema.Validate(broken) == nil {
				t.Errorf("%s: any %s passes", e.Type, name)
			}
		}
	}
	maps.DeleteFunc(always, func(_ string, n int) bool { return n < len(eventstest.Events()) })
	attributes := model.Components.Schemas.Attributes
	if diff := cmp.Diff(slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(attributes.Properties))); diff != "" {
		t.Errorf("attributes (-sent +documented):\n%s", diff)
	}
	slices.Sort(attributes.Required)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(always)), attributes.Required); diff != "" {
		t.Errorf("required attributes (-always sent +documented):\n%s", diff)
	}
}

// ce-dataschema refers to an existing schema, which matches the event's data.
func TestDataSchemasAreServed(t *testing.T) {
	h := engine(t, Config{}, nil, nil)
	for _, e := range eventstest.Events() {
		path := strings.TrimPrefix(e.Attributes(eventstest.Origin)["ce-dataschema"], eventstest.Origin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/schema+json" {
			t.Errorf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
			continue
		}
		document, err := jsonschema.UnmarshalJSON(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		data, err := jsonschema.UnmarshalJSON(strings.NewReader(string(e.Data)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compile(t, "https://api.example.com"+path, document).Validate(data); err != nil {
			t.Errorf("%s: %v", e.ID(), err)
		}
	}
}

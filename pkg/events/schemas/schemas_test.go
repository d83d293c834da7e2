package schemas_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	reflector "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/eventstest"
	"github.com/concha-labs/backend/pkg/events/schemas"
)

var update = flag.Bool("update", false, "write the schemas anew")

var payloads = map[string]any{
	events.AccountCreatedV1: events.Change[events.Account]{},
	events.AccountUpdatedV1: events.Change[events.Account]{},
	events.AccountDeletedV1: events.AccountKey{},
	events.AudioCreatedV1:   events.Change[events.Audio]{},
	events.AudioUpdatedV1:   events.Change[events.Audio]{},
	events.AudioDeletedV1:   events.AudioKey{},
}

// comments returns the comments of the fields in package events, keyed by names
// such as "Account.Image".
func comments(t *testing.T) map[string]string {
	t.Helper()
	var r reflector.Reflector
	if err := r.AddGoComments("events/schemas", "..", reflector.WithFullComment()); err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string, len(r.CommentMap))
	for name, text := range r.CommentMap {
		texts[strings.TrimPrefix(name, "events.")] = strings.ReplaceAll(text, "\n", " ")
	}
	return texts
}

// generate returns the schema of the data of an event type.
func generate(t *testing.T, eventType string) []byte {
	t.Helper()
	texts := comments(t)
	r := &reflector.Reflector{
		Anonymous: true, AllowAdditionalProperties: true, DoNotReference: true,
		LookupComment: func(of reflect.Type, field string) string {
			name, _, _ := strings.Cut(of.Name(), "[") // the name of a generic type without its argument
			return texts[name+"."+field]              // only comments of fields: those of types are about Go
		},
		Mapper: func(of reflect.Type) *reflector.Schema {
			if of == reflect.TypeFor[events.Time]() {
				return &reflector.Schema{Type: "string", Format: "date-time"}
			}
			return nil
		},
	}
	told := r.Reflect(payloads[eventType])
	relax(told)
	redacted := &reflector.Schema{
		Description: "In place of the payload once the resource has been deleted.",
		Type:        "object", Properties: reflector.NewProperties(), Required: []string{"redacted"},
	}
	redacted.Properties.Set("redacted", &reflector.Schema{Const: true})
	schema := &reflector.Schema{
		Version: told.Version, ID: reflector.ID(events.SchemaPath(eventType)), Title: "Data of " + eventType,
		OneOf: []*reflector.Schema{told, redacted},
	}
	told.Version = ""
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(schema); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// relax makes the members optional that older events of a type do not have.
func relax(told *reflector.Schema) {
	added := func(name string) bool { return name == "actor" || name == "owner" }
	told.Required = slices.DeleteFunc(told.Required, added)
	if resource, ok := told.Properties.Get("resource"); ok {
		resource.Required = slices.DeleteFunc(resource.Required, added)
	}
}

func TestSchemasAreThoseOfTheTypes(t *testing.T) {
	for eventType := range payloads {
		got := generate(t, eventType)
		if *update {
			if err := os.WriteFile(eventType+".json", got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := schemas.Files.ReadFile(eventType + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is no longer what its type says (-file +type):\n%s", eventType, diff)
		}
	}
	files, err := schemas.Files.ReadDir(".")
	if err != nil || len(files) != len(payloads) {
		t.Errorf("%d files for %d types, %v", len(files), len(payloads), err)
	}
}

// compiled returns the published schema of an event type.
func compiled(t *testing.T, eventType string) *jsonschema.Schema {
	t.Helper()
	file, err := schemas.Files.Open(eventType + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	document, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	const origin = "https://api.example.com"
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(origin+events.SchemaPath(eventType), document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(origin + events.SchemaPath(eventType))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t *testing.T, schema *jsonschema.Schema, data string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

func TestEveryPublishedEventMatchesItsSchema(t *testing.T) {
	for _, e := range eventstest.Events() {
		schema := compiled(t, e.Type)
		if err := validate(t, schema, string(e.Data)); err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
		later := strings.Replace(string(e.Data), "{", `{"later": 1, `, 1)
		if err := validate(t, schema, later); err != nil {
			t.Errorf("%s with a member more: %v", e.Type, err)
		}
		if err := validate(t, schema, events.Redacted); err != nil {
			t.Errorf("%s redacted: %v", e.Type, err)
		}
		for _, data := range []string{"null", "[]", "{}", `"x"`} {
			if validate(t, schema, data) == nil {
				t.Errorf("%s: %s passes", e.Type, data)
			}
		}
	}
}

func TestSchemasHaveTheRulesOfTheDomain(t *testing.T) {
	samples := map[string]string{}
	for _, e := range eventstest.Events() {
		samples[e.Type] = string(e.Data)
	}
	for _, test := range []struct{ eventType, from, to string }{
		{events.AccountUpdatedV1, `"id":4503599627370497`, `"id":0`},
		{events.AccountUpdatedV1, `"id":4503599627370497`, `"id":"4503599627370497"`},
		{events.AccountUpdatedV1, `"id":4503599627370497,`, ``},
		{events.AccountUpdatedV1, `"version":2`, `"version":0`},
		{events.AccountUpdatedV1, `image/png`, `image/gif`},
		{events.AccountUpdatedV1, `9f86`, `9F86`},
		{events.AccountUpdatedV1, `2026-03-14T`, `2026-03-14 `},
		{events.AccountUpdatedV1, `["image"]`, `"image"`},
		{events.AudioUpdatedV1, `-96.33,`, ``},
		{events.AudioUpdatedV1, `-96.33,`, `-9,`},
		{events.AudioUpdatedV1, `-96.33,`, `-101,`},
		{events.AudioUpdatedV1, `"selected_tick":5`, `"selected_tick":15`},
		{events.AudioUpdatedV1, `"step_count":2`, `"step_count":10`},
		{events.AudioUpdatedV1, `"step_count":2`, `"step_count":1.5`},
		{events.AudioUpdatedV1, `"session_id":0`, `"session_id":9007199254740992`},
		{events.AudioUpdatedV1, `"account_id":4503599627370497`, `"account_id":"a"`},
		{events.AudioDeletedV1, `0`, `-1`},
	} {
		data := strings.Replace(samples[test.eventType], test.from, test.to, 1)
		if data == samples[test.eventType] {
			t.Fatalf("%s has no %s", test.eventType, test.from)
		}
		if validate(t, compiled(t, test.eventType), data) == nil {
			t.Errorf("%s: %s passes", test.eventType, test.to)
		}
	}
	for _, added := range []string{`,"actor":"key:import"`, `"owner":"https://issuer.example.com|zoe",`} {
		older := strings.Replace(samples[events.AccountUpdatedV1], added, "", 1)
		if older == samples[events.AccountUpdatedV1] {
			t.Fatalf("%s has no %s", events.AccountUpdatedV1, added)
		}
		if err := validate(t, compiled(t, events.AccountUpdatedV1), older); err != nil {
			t.Errorf("an older event: %v", err)
		}
	}
	free := strings.Replace(samples[events.AudioUpdatedV1], `"account_id":4503599627370497`, `"account_id":null`, 1)
	if err := validate(t, compiled(t, events.AudioUpdatedV1), free); err != nil {
		t.Error(err)
	}
}

package main

import (
	"strings"
	"testing"
)

func TestNarrowed(t *testing.T) {
	const old = `{"type":"object","required":["resource","changed_fields"],"properties":{"resource":{"$ref":"#/$defs/account"},"changed_fields":{"type":"array","items":{"type":"string"}}},"$defs":{"account":{"properties":{"id":{"type":"integer"}}}}}`
	for name, m := range map[string]struct{ from, to, want string }{
		"nothing":               {"", "", ""},
		"a new member":          {`"id":{"type":"integer"}`, `"id":{"type":"integer"},"owner":{"type":"string"}`, ""},
		"a member is gone":      {`"id":{"type":"integer"}`, ``, "#/$defs/account/properties/id is gone"},
		"another type":          {`"integer"`, `"string"`, "type is string, was integer"},
		"another type of items": {`"items":{"type":"string"}`, `"items":{"type":"integer"}`, "/items: type is integer"},
		"no longer required":    {`["resource","changed_fields"]`, `["resource"]`, "changed_fields may be missing"},
		"another definition":    {"#/$defs/account\"}", "#/$defs/person\"}", "$ref"},
	} {
		t.Run(name, func(t *testing.T) {
			faults, err := narrowed([]byte(old), []byte(strings.Replace(old, m.from, m.to, 1)))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(faults, "\n"); (m.want == "") != (got == "") || !strings.Contains(got, m.want) {
				t.Errorf("got %q, want %q", got, m.want)
			}
		})
	}
}

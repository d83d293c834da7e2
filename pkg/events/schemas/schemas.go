// Package schemas has the JSON Schema (draft 2020-12) of the data of each event
// type: what ce-dataschema points at. They are made of the types of package
// events; "go test ./events/schemas -update" makes them anew.
package schemas

import "embed"

// Files holds, for each type, the file <type>.json. A schema that was published
// goes on taking all data that it took.
//
//go:embed *.json
var Files embed.FS

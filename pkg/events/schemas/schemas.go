// Package schemas has the JSON Schema (draft 2020-12) of the data of each event
// type, to which ce-dataschema refers. The schemas are generated from the types
// of package events; "go test ./pkg/events/schemas -update" generates them
// anew.
package schemas

import "embed"

// Files holds a file <type>.json for each type. A published schema must keep
// accepting all data that it accepted.
//
//go:embed *.json
var Files embed.FS

// Package operations lists the operations of openapi.yaml and the scopes that
// each needs. The list is generated, as reading the document would more than
// double the start of a process.
package operations

import (
	"slices"
	"strings"

	"github.com/concha-labs/backend/pkg/caller"
)

// Operation is one operation of the contract.
type Operation struct {
	ID     string // operationId
	Method string
	Path   string // as in the contract: "/v1/accounts/{id}"
	// Scopes are the alternatives: a caller needs all scopes of one of them, which
	// may be empty. If there are no alternatives, the operation is open to
	// everybody, and nobody is asked for credentials.
	Scopes []caller.Scopes
}

// Template returns the path in the form of gin: "/v1/accounts/:id".
func (o Operation) Template() string {
	segments := strings.Split(o.Path, "/")
	for i, segment := range segments {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			segments[i] = ":" + strings.TrimSuffix(name, "}")
		} else {
			segments[i] = strings.ReplaceAll(segment, ":", `\:`)
		}
	}
	return strings.Join(segments, "/")
}

// Allows reports whether a caller with these scopes may use the operation.
func (o Operation) Allows(scopes caller.Scopes) bool {
	return len(o.Scopes) == 0 || slices.ContainsFunc(o.Scopes, scopes.Has)
}

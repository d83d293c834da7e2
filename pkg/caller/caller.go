// Package caller identifies the sender of a request and its permissions. The
// gateway identifies callers; use cases read the caller from the context and
// decide.
package caller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/concha-labs/backend/pkg/fault"
)

// ErrForbidden reports that the caller lacks a scope. Its detail names the
// scope.
var ErrForbidden = fault.New(fault.Denied, "forbidden", "the credentials do not allow this operation")

// Caller is who made a request. The zero Caller is anonymous and may do
// nothing.
type Caller struct {
	// ID is Key or Subject of the credentials, or "" for an anonymous caller. It
	// is the owner of the resources that the caller creates.
	ID     string
	Scopes Scopes
}

const keyPrefix = "key:"

// Key returns the ID of a caller with an API key.
func Key(id string) string { return keyPrefix + id }

// Subject returns the ID of a caller with a token.
func Subject(issuer, subject string) string { return issuer + "|" + subject }

// system is the caller of a context that has none.
var system = Caller{Scopes: AllScopes}

// Logged returns the name of the caller for logs: the ID of an API key, and the
// hash of any other, which may name a person. It is "" for an anonymous caller.
func (c Caller) Logged() string {
	if c.ID == "" || strings.HasPrefix(c.ID, keyPrefix) {
		return c.ID
	}
	sum := sha256.Sum256([]byte(c.ID))
	return "jwt:" + hex.EncodeToString(sum[:8])
}

type contextKey struct{}

// With returns a context that carries c to the use cases. The caller must not
// change afterwards.
func With(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns the caller that With put into ctx. A context without one belongs
// to the system itself: to background work, or to any request of a process
// without access control. Its caller is anonymous and may do everything.
func From(ctx context.Context) Caller {
	if c, ok := Lookup(ctx); ok {
		return c
	}
	return system
}

// Lookup returns the caller that With put into ctx and whether there is one.
func Lookup(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(contextKey{}).(*Caller)
	if !ok {
		return Caller{}, false
	}
	return *c, true
}

// Kind is a kind of resources that scopes are about.
type Kind uint8

// The kinds.
const (
	Accounts Kind = iota
	Audios
)

var scopesOfKind = [...]struct{ read, write, own Scopes }{
	Accounts: {AccountsRead, AccountsWrite, AccountsOwn},
	Audios:   {AudiosRead, AudiosWrite, AudiosOwn},
}

// Reach is the part of the resources of one kind that a caller may use: all of
// them, or those of one owner. Other resources must appear not to exist. The
// zero Reach is empty.
type Reach struct {
	owner string
	all   bool
}

// Everything is the Reach of all resources.
func Everything() Reach { return Reach{all: true} }

// Of is the Reach of the resources of owner, which is not "".
func Of(owner string) Reach { return Reach{owner: owner} }

// Includes reports whether a resource of owner is within r. The owner "" stands
// for none.
func (r Reach) Includes(owner string) bool {
	return r.all || owner != "" && owner == r.owner
}

// Owner returns the only owner whose resources are within r, and false if all
// resources are.
func (r Reach) Owner() (owner string, restricted bool) { return r.owner, !r.all }

// Read returns which resources of a kind the caller may read.
// Errors: ErrForbidden if it may read none.
func (c Caller) Read(k Kind) (Reach, error) {
	return c.reach(scopesOfKind[k].read, scopesOfKind[k].own)
}

// Write returns which resources of a kind the caller may change. A caller with
// a Reach that is not empty may create resources; it owns them.
// Errors: ErrForbidden if it may change none.
func (c Caller) Write(k Kind) (Reach, error) {
	return c.reach(scopesOfKind[k].write, scopesOfKind[k].own)
}

func (c Caller) reach(all, own Scopes) (Reach, error) {
	switch {
	case c.Scopes.Has(all):
		return Everything(), nil
	case c.Scopes.Has(own) && c.ID != "":
		return Of(c.ID), nil
	}
	return Reach{}, ErrForbidden.Detailf("this operation needs the scope %s or %s", all, own)
}

// History returns the resources of a kind whose events the caller may read.
// Errors: ErrForbidden if it may read those of none.
func (c Caller) History(k Kind) (Reach, error) {
	if c.MayFollow() {
		return Everything(), nil
	}
	return c.Read(k)
}

// MayFollow reports whether the caller may read the feed of all events.
func (c Caller) MayFollow() bool { return c.Scopes.Has(EventsRead) }

// Package fault gives errors a kind that adapters map to their own protocol:
// HTTP to a status and a problem, a subscriber to "try again" or "drop".
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what sort of failure an error is.
type Kind uint8

// The kinds. An error that is no *Error is Internal.
const (
	Internal     Kind = iota // a bug or a broken invariant
	Invalid                  // the input breaks a rule; repeating it cannot help
	NotFound                 // what was named does not exist
	Conflict                 // clashes with what exists: a key is taken
	Precondition             // the caller's condition on the current state does not hold
	TooLarge                 // above a documented limit
	Unsupported              // a media type that is not taken here
	Unavailable              // a backend is down or overloaded; repeating may help
)

// Violation is one broken rule of an input.
type Violation struct {
	// Pointer is the RFC 6901 JSON Pointer of the member, "" for the whole
	// document; of a query parameter or header it is the bare name.
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// Error is a failure with a kind. Sentinels are made once with New; what is
// particular to an occurrence is added with Detailf or Wrap, which keep
// errors.Is true for the sentinel.
type Error struct {
	Kind Kind
	// Code names the failure, in kebab-case; two errors with one code are the
	// same to errors.Is.
	Code string
	// Detail is a sentence for whoever made the request. It never holds
	// anything internal.
	Detail     string
	Violations []Violation

	cause error
}

// New returns a sentinel.
func New(kind Kind, code, detail string) *Error {
	return &Error{Kind: kind, Code: code, Detail: detail}
}

// Invalidate returns an Invalid error that lists violations, or nil if there
// are none.
func Invalidate(violations ...Violation) error {
	if len(violations) == 0 {
		return nil
	}
	return &Error{
		Kind: Invalid, Code: "validation-error",
		Detail: "the request breaks the rules listed under errors", Violations: violations,
	}
}

// Detailf returns a copy of e with another detail.
func (e *Error) Detailf(format string, args ...any) *Error {
	c := *e
	c.Detail = fmt.Sprintf(format, args...)
	return &c
}

// Wrap returns a copy of e that has cause as its reason. The cause is for logs
// and is never shown to the requester.
func (e *Error) Wrap(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Detail)
	for _, v := range e.Violations {
		fmt.Fprintf(&b, "; %s: %s", v.Pointer, v.Detail)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	return b.String()
}

// Unwrap returns the cause, if any.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an *Error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// KindOf returns the kind of the first *Error in err's chain, or Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

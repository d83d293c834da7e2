// Package fault gives errors a kind, which adapters map to their protocol: HTTP
// to a status and a problem, a subscriber to a retry or a dead letter.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind classifies a failure.
type Kind uint8

// The kinds. An error that is not an *Error has the kind Internal.
const (
	Internal     Kind = iota // a bug or a broken invariant
	Invalid                  // the input breaks a rule; retrying cannot help
	NotFound                 // the named thing does not exist
	Conflict                 // the request clashes with existing data, such as a key that is taken
	Precondition             // a condition of the caller on the current state does not hold
	TooLarge                 // the input exceeds a documented limit
	Unsupported              // the media type is not supported
	Unavailable              // a backend is down or overloaded; retrying may help
	Denied                   // the caller is unknown or lacks a right
	Lost                     // something stored is gone that should be there; retrying cannot help
)

// Violation is one broken rule of an input.
type Violation struct {
	// Pointer is the RFC 6901 JSON Pointer of a member, "" for the whole
	// document, or the bare name of a query parameter or header.
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// Error is a failure with a kind. Sentinels are created once by New. Detailf
// and Wrap return a copy with the details of an occurrence, which still matches
// the sentinel with errors.Is.
type Error struct {
	Kind Kind
	// Code names the failure in kebab-case. Two errors with the same code match
	// with errors.Is.
	Code string
	// Detail is a sentence for the sender of the request. It never contains
	// internal information.
	Detail     string
	Violations []Violation
	// RetryAfter is how long to wait before the same request may succeed, of an
	// Unavailable error; 0 if that is not known.
	RetryAfter time.Duration

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

// After returns a copy of e with another RetryAfter.
func (e *Error) After(wait time.Duration) *Error {
	c := *e
	c.RetryAfter = wait
	return &c
}

// Wrap returns a copy of e with the given cause. The cause is for logs and is
// never shown to the sender of the request.
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

package idempotency

import (
	"time"

	"github.com/concha-labs/backend/pkg/fault"
)

// Refusal is the recorded form of a fault.Error, without its cause. The JSON
// names and the numbers of the kinds are a storage format: they never change.
type Refusal struct {
	Kind       uint8             `json:"Kind"`
	Code       string            `json:"Code"`
	Detail     string            `json:"Detail"`
	Violations []fault.Violation `json:"Violations"`
	RetryAfter time.Duration     `json:"RetryAfter"`
}

// OfError returns the recorded form of err; nil if err is nil.
func OfError(err *fault.Error) *Refusal {
	if err == nil {
		return nil
	}
	return &Refusal{uint8(err.Kind), err.Code, err.Detail, err.Violations, err.RetryAfter}
}

// Fault returns the error that was recorded; nil if r is nil.
func (r *Refusal) Fault() *fault.Error {
	if r == nil {
		return nil
	}
	return &fault.Error{Kind: fault.Kind(r.Kind), Code: r.Code, Detail: r.Detail, Violations: r.Violations, RetryAfter: r.RetryAfter}
}

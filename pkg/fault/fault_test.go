package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
)

var errTaken = fault.New(fault.Conflict, "email-taken", "the e-mail is taken")

func TestSentinelSurvivesDetailAndWrapping(t *testing.T) {
	err := fmt.Errorf("register: %w", errTaken.Detailf("%s is taken", "a@b").Wrap(io.ErrUnexpectedEOF))
	if !errors.Is(err, errTaken) {
		t.Error("errors.Is does not find the sentinel")
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("errors.Is does not find the cause")
	}
	if errors.Is(err, fault.New(fault.Conflict, "other", "")) {
		t.Error("errors.Is finds another code")
	}
	if got := fault.KindOf(err); got != fault.Conflict {
		t.Errorf("KindOf = %v, want Conflict", got)
	}
	if want := "register: a@b is taken: unexpected EOF"; err.Error() != want {
		t.Errorf("Error() = %q, want %q", err, want)
	}
	if errTaken.Detail != "the e-mail is taken" || errTaken.Unwrap() != nil {
		t.Error("Detailf or Wrap changed the sentinel")
	}
}

func TestAfterKeepsTheSentinel(t *testing.T) {
	busy := errTaken.After(7 * time.Second)
	if !errors.Is(busy.Detailf("later").Wrap(io.EOF), errTaken) || busy.Detailf("later").RetryAfter != 7*time.Second || errTaken.RetryAfter != 0 {
		t.Errorf("RetryAfter is %v of the copy and %v of the sentinel", busy.RetryAfter, errTaken.RetryAfter)
	}
}

func TestKindOfPlainErrorIsInternal(t *testing.T) {
	if got := fault.KindOf(io.EOF); got != fault.Internal {
		t.Errorf("KindOf = %v, want Internal", got)
	}
}

func TestInvalidateListsEveryViolation(t *testing.T) {
	if err := fault.Invalidate(); err != nil {
		t.Fatalf("Invalidate() = %v, want nil", err)
	}
	err := fault.Invalidate(fault.Violation{Pointer: "/name", Detail: "is required"}, fault.Violation{Pointer: "/email", Detail: "is required"})
	if fault.KindOf(err) != fault.Invalid {
		t.Errorf("KindOf = %v, want Invalid", fault.KindOf(err))
	}
	if want := "the request breaks the rules listed under errors; /name: is required; /email: is required"; err.Error() != want {
		t.Errorf("Error() = %q, want %q", err, want)
	}
}

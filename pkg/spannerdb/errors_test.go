package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"cloud.google.com/go/spanner"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concha-labs/backend/pkg/fault"
)

func spannerError(code codes.Code, message string) error {
	return spanner.ToSpannerError(status.Error(code, message))
}

var errBug = errors.New("a bug")

func TestTranslate(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	own := fault.New(fault.Conflict, "own", "an error of the application")
	for name, c := range map[string]struct {
		ctx  context.Context //nolint:containedctx // the case's own
		err  error
		kind fault.Kind
		is   error
	}{
		"down":                      {t.Context(), spannerError(codes.Unavailable, "connection refused"), fault.Unavailable, ErrUnavailable},
		"too slow":                  {t.Context(), spannerError(codes.DeadlineExceeded, "context deadline exceeded"), fault.Unavailable, ErrUnavailable},
		"too slow, outside Spanner": {t.Context(), fmt.Errorf("wait: %w", context.DeadlineExceeded), fault.Unavailable, context.DeadlineExceeded},
		"overloaded":                {t.Context(), spannerError(codes.ResourceExhausted, "quota"), fault.Unavailable, ErrUnavailable},
		"aborted to the end":        {t.Context(), spannerError(codes.Aborted, "aborted"), fault.Unavailable, ErrUnavailable},
		"no database":               {t.Context(), spannerError(codes.NotFound, "Database not found: projects/p"), fault.Unavailable, ErrUnavailable},
		"not allowed":               {t.Context(), spannerError(codes.PermissionDenied, "Caller is missing IAM permission"), fault.Unavailable, ErrUnavailable},
		"no token":                  {t.Context(), spannerError(codes.Unauthenticated, "credentials: 503"), fault.Unavailable, ErrUnavailable},
		"broken":                    {t.Context(), spannerError(codes.Internal, "stream terminated by RST_STREAM"), fault.Unavailable, ErrUnavailable},
		"broken in some other way":  {t.Context(), spannerError(codes.Unknown, "unexpected EOF"), fault.Unavailable, ErrUnavailable},
		"a wrong statement":         {t.Context(), spannerError(codes.InvalidArgument, "Syntax error"), fault.Internal, nil},
		"a bug of the application":  {t.Context(), errBug, fault.Internal, errBug},
		"cancelled by the caller":   {cancelled, spannerError(codes.Canceled, "context canceled"), fault.Internal, context.Canceled},
		"cancelled by the server":   {t.Context(), spannerError(codes.Canceled, "stream"), fault.Unavailable, ErrUnavailable},
		"no row":                    {t.Context(), spanner.ErrRowNotFound, fault.Internal, spanner.ErrRowNotFound},
		"the application's":         {cancelled, fmt.Errorf("decide: %w", own), fault.Conflict, own},
		"wrapped":                   {t.Context(), fmt.Errorf("append: %w", spannerError(codes.Unavailable, "x")), fault.Unavailable, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			err := translate(c.ctx, c.err)
			if fault.KindOf(err) != c.kind || c.is != nil && !errors.Is(err, c.is) || !errors.Is(err, c.err) {
				t.Errorf("translate = %v of kind %v, want %v of kind %v", err, fault.KindOf(err), c.is, c.kind)
			}
		})
	}
	if err := translate(cancelled, nil); err != nil {
		t.Errorf("translate(nil) = %v", err)
	}
}

func TestDuplicate(t *testing.T) {
	for message, want := range map[string]string{
		"Row [1] in table Accounts already exists":                                                                 "Accounts",
		"Table Accounts: Row {Int64(1)} already exists.":                                                           "Accounts",
		"Unique index violation on index ByEmail at index key [a@b]. It conflicts with row [1] in table Accounts.": "ByEmail",
		"UNIQUE violation on index ByEmail,  duplicate key: {String(\"table X\")} in this transaction.":            "ByEmail",
		"Failed to insert row with primary key ({pk#Id:1}) due to previously existing row":                         "",
	} {
		for _, err := range []error{
			spannerError(codes.AlreadyExists, message),
			fmt.Errorf("append to table Log: %w", spannerError(codes.AlreadyExists, message)),
		} {
			if name, ok := Duplicate(err); name != want || !ok {
				t.Errorf("Duplicate(%v) = %q, %v, want %q", err, name, ok, want)
			}
		}
	}
	for _, err := range []error{nil, errors.New("on index X"), spannerError(codes.NotFound, "on index X")} {
		if name, ok := Duplicate(err); ok {
			t.Errorf("Duplicate(%v) = %q", err, name)
		}
	}
}

package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"cloud.google.com/go/spanner"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concha-labs/backend/pkg/fault"
)

// ErrUnavailable means that the database cannot serve the request now.
var ErrUnavailable = fault.New(fault.Unavailable, "unavailable", "the database cannot take the request now; try again later")

// translate maps Spanner's errors to faults. ctx is the context of the caller.
// It does not change the errors for a missing row and for a duplicate, and
// errors that are not Spanner's.
func translate(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, spanner.ErrRowNotFound) {
		return err
	}
	switch codeOf(err) {
	case codes.Canceled:
		if errors.Is(ctx.Err(), context.Canceled) {
			return fmt.Errorf("%w: %w", context.Canceled, err)
		}
		return ErrUnavailable.Wrap(err)
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted,
		codes.Aborted,                                 // repeatedly, until the time limit
		codes.NotFound,                                // the database, or a table that a migration has to create
		codes.PermissionDenied, codes.Unauthenticated, // until somebody grants access, or the token is available again
		codes.Internal:
		return ErrUnavailable.Wrap(err)
	case codes.Unknown:
		if _, ok := status.FromError(err); ok { // not an error of the application
			return ErrUnavailable.Wrap(err)
		}
		return err
	default:
		return err
	}
}

// sessionGone reports whether err means that Spanner does not know the client's
// session. Only the text distinguishes it from other NotFound errors, because
// the client drops the details.
func sessionGone(err error) bool {
	return status.Code(err) == codes.NotFound && strings.Contains(spanner.ErrDesc(err), "Session not found")
}

func codeOf(err error) codes.Code {
	if code := status.Code(err); code != codes.Unknown {
		return code
	}
	return status.FromContextError(err).Code()
}

// Spanner names the duplicate key in a message without a fixed form. An index
// precedes its table:
//
//	Row [1] in table Accounts already exists
//	Unique index violation on index AccountsByEmail at index key [a@b]. It conflicts with row [1] in table Accounts.
//	UNIQUE violation on index AccountsByEmail, duplicate key: [a@b] in this transaction.
var taken = regexp.MustCompile(`(?i)\b(?:on index|table) (\w+)`)

// Duplicate reports whether err means that a key is taken. name is the unique
// index or, for a primary key, the table. It is "" if the message of Spanner
// does not contain it.
func Duplicate(err error) (name string, ok bool) {
	if status.Code(err) != codes.AlreadyExists {
		return "", false
	}
	if m := taken.FindStringSubmatch(spanner.ErrDesc(err)); m != nil {
		return m[1], true
	}
	return "", true
}

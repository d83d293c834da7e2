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

// ErrUnavailable is a database that cannot take the request now.
var ErrUnavailable = fault.New(fault.Unavailable, "unavailable", "the database cannot take the request now; try again later")

// translate turns Spanner's errors into faults; ctx is the caller's own. A row
// that is not there, a duplicate, and errors that are not Spanner's stay as
// they are.
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
		codes.Aborted,                                 // again and again until time was up
		codes.NotFound,                                // of the database, or of a table that a migration is to make
		codes.PermissionDenied, codes.Unauthenticated, // until somebody mends it, or the token is there again
		codes.Internal:
		return ErrUnavailable.Wrap(err)
	case codes.Unknown:
		if _, ok := status.FromError(err); ok { // and not an error of the application
			return ErrUnavailable.Wrap(err)
		}
		return err
	default:
		return err
	}
}

// sessionGone reports whether err says that Spanner does not know the client's
// session, which is told from other things not found by the text alone: the
// client drops an error's details.
func sessionGone(err error) bool {
	return status.Code(err) == codes.NotFound && strings.Contains(spanner.ErrDesc(err), "Session not found")
}

func codeOf(err error) codes.Code {
	if code := status.Code(err); code != codes.Unknown {
		return code
	}
	return status.FromContextError(err).Code()
}

// Spanner names what it found taken in a message that has no fixed form. An
// index comes before the table that it is of:
//
//	Row [1] in table Accounts already exists
//	Unique index violation on index AccountsByEmail at index key [a@b]. It conflicts with row [1] in table Accounts.
//	UNIQUE violation on index AccountsByEmail, duplicate key: [a@b] in this transaction.
var taken = regexp.MustCompile(`(?i)\b(?:on index|table) (\w+)`)

// Duplicate reports whether err says that a key is taken, and in which unique
// index or, for a primary key, in which table; that is "" if Spanner did not
// tell.
func Duplicate(err error) (name string, ok bool) {
	if status.Code(err) != codes.AlreadyExists {
		return "", false
	}
	if m := taken.FindStringSubmatch(spanner.ErrDesc(err)); m != nil {
		return m[1], true
	}
	return "", true
}

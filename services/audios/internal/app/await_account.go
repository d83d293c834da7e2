package app

import (
	"context"
	"errors"
	"time"

	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// accountWait is how long a write waits for the event of its account, which may
// have been created just before. It is the same for an account of somebody else,
// so that the time of the refusal does not show whether the account exists.
const accountWait = time.Second

// awaitAccount calls write until it does not fail with domain.ErrAccountUnknown,
// less and less often, for at most accountWait.
func awaitAccount(ctx context.Context, write func() (domain.Audio, error)) (domain.Audio, error) {
	limit, cancel := context.WithTimeout(ctx, accountWait)
	defer cancel()
	return awaitAccounts(limit, func(bool) (domain.Audio, error) { return write() })
}

// awaitAccounts calls write until it does not fail with domain.ErrAccountUnknown,
// less and less often, and for the last time after the end of limit.
func awaitAccounts[T any](limit context.Context, write func(last bool) (T, error)) (T, error) {
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		last := limit.Err() != nil
		result, err := write(last)
		if last || !errors.Is(err, domain.ErrAccountUnknown) {
			return result, err
		}
		next, done := context.WithTimeout(limit, pause)
		<-next.Done()
		done()
	}
}

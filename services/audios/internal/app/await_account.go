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
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		a, err := write()
		if !errors.Is(err, domain.ErrAccountUnknown) || limit.Err() != nil {
			return a, err
		}
		next, done := context.WithTimeout(limit, pause)
		<-next.Done()
		done()
	}
}

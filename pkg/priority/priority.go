// Package priority marks work that nobody waits for: exports, sweeps, upkeep.
package priority

import "context"

type low struct{}

// Low returns a context for work that gives way to other work. Spanner serves its
// calls with low priority.
func Low(ctx context.Context) context.Context { return context.WithValue(ctx, low{}, true) }

// IsLow reports whether ctx is a context of Low.
func IsLow(ctx context.Context) bool { return ctx.Value(low{}) != nil }

package gcp

import (
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/backend"
)

// Provide provides the adapters of a service with the settings C and the database
// D: describe describes its backend, and store returns the database in it. It
// needs a C.
func Provide[C, D any](describe func(C) Config, store func(Opened) D) fx.Option {
	return fx.Provide(fx.Private, func(cfg C, lc fx.Lifecycle, log *zap.Logger) (backend.Adapters[D], error) {
		o, err := Open(describe(cfg), log)
		if err != nil {
			return backend.Adapters[D]{}, err
		}
		lc.Append(fx.StopHook(o.Close))
		return backend.Adapters[D]{Backend: o.Backend, Database: store(o)}, nil
	})
}

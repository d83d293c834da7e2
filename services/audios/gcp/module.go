// Package gcp runs the audios service on Cloud Spanner, Cloud Storage and Pub/Sub.
package gcp

import (
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/backend/gcp"
	"github.com/concha-labs/backend/services/audios"
	"github.com/concha-labs/backend/services/audios/internal/adapters/spannerstore"
)

// Adapters provides the adapters for audios.Module.
func Adapters() fx.Option { return fx.Provide(fx.Private, open) }

func open(cfg audios.Config, lc fx.Lifecycle, logger *zap.Logger) (audios.Adapters, error) {
	o, err := gcp.Open(gcp.Config{
		Storage: cfg.Storage, Objects: "files", Migrations: spannerstore.Schema(),
		Topic: cfg.EventsTopic, Subscriptions: cfg.Subscriptions(),
	}, logger)
	if err != nil {
		return audios.Adapters{}, err
	}
	lc.Append(fx.StopHook(o.Close))
	return audios.Adapters{Backend: o.Backend, Database: spannerstore.New(o.DB, o.Log, o.Keys)}, nil
}

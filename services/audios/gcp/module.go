// Package gcp runs the audios service on Cloud Spanner, Cloud Storage and Pub/Sub.
package gcp

import (
	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/backend/gcp"
	"github.com/concha-labs/backend/services/audios"
	"github.com/concha-labs/backend/services/audios/internal/adapters/spannerstore"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

// Adapters provides the adapters for audios.Module.
func Adapters() fx.Option {
	return gcp.Provide(func(cfg audios.Config) gcp.Config {
		return gcp.Config{
			Storage: cfg.Storage, Objects: "files", Migrations: spannerstore.Schema(),
			Topic: cfg.EventsTopic, Subscriptions: cfg.Subscriptions(),
		}
	}, func(o gcp.Opened) app.Database { return spannerstore.New(o.DB, o.Log, o.Keys) })
}

// Package gcp runs the accounts service on Cloud Spanner, Cloud Storage and Pub/Sub.
package gcp

import (
	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/backend/gcp"
	"github.com/concha-labs/backend/services/accounts"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/spannerstore"
	"github.com/concha-labs/backend/services/accounts/internal/app"
)

// Adapters provides the adapters for accounts.Module.
func Adapters() fx.Option {
	return gcp.Provide(func(cfg accounts.Config) gcp.Config {
		return gcp.Config{
			Storage: cfg.Storage, Objects: "images", Migrations: spannerstore.Schema(),
			Topic: cfg.EventsTopic, Subscriptions: cfg.Subscriptions(),
		}
	}, func(o gcp.Opened) app.Database { return spannerstore.New(o.DB, o.Log, o.Keys) })
}

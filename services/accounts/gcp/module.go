// Package gcp runs the accounts service on Cloud Spanner, Cloud Storage and Pub/Sub.
package gcp

import (
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/backend/gcp"
	"github.com/concha-labs/backend/services/accounts"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/spannerstore"
)

// Adapters provides the adapters for accounts.Module.
func Adapters() fx.Option { return fx.Provide(fx.Private, open) }

func open(cfg accounts.Config, lc fx.Lifecycle, logger *zap.Logger) (accounts.Adapters, error) {
	o, err := gcp.Open(gcp.Config{
		Storage: cfg.Storage, Objects: "images", Migrations: spannerstore.Schema(),
		Topic: cfg.EventsTopic, Subscriptions: cfg.Subscriptions(),
	}, logger)
	if err != nil {
		return accounts.Adapters{}, err
	}
	lc.Append(fx.StopHook(o.Close))
	return accounts.Adapters{Backend: o.Backend, Database: spannerstore.New(o.DB, o.Log, o.Keys)}, nil
}

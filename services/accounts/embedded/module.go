// Package embedded runs the accounts service on SQLite, a folder and the bus of its
// process.
package embedded

import (
	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/backend/embedded"
	"github.com/concha-labs/backend/services/accounts"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/sqlitestore"
	"github.com/concha-labs/backend/services/accounts/internal/app"
)

// Adapters provides the adapters for accounts.Module. It needs a *membus.Bus.
func Adapters() fx.Option {
	return embedded.Provide(func(cfg accounts.Config) embedded.Config {
		return embedded.Config{
			Dir: cfg.DataDir, Database: "accounts.db", Objects: "images", Migrations: sqlitestore.Migrations(),
			Topic: cfg.EventsTopic, Subscriptions: cfg.Subscriptions(),
		}
	}, func(o embedded.Opened) app.Database { return sqlitestore.New(o.DB, o.Log, o.Keys) })
}

// Package embedded runs the audios service on SQLite, a folder and the bus of its
// process.
package embedded

import (
	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/backend/embedded"
	"github.com/concha-labs/backend/services/audios"
	"github.com/concha-labs/backend/services/audios/internal/adapters/sqlitestore"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

// Adapters provides the adapters for audios.Module. It needs a *membus.Bus.
func Adapters() fx.Option {
	return embedded.Provide(func(cfg audios.Config) embedded.Config {
		return embedded.Config{
			Dir: cfg.DataDir, Database: "audios.db", Objects: "files", Migrations: sqlitestore.Migrations(),
			Topic: cfg.EventsTopic, Subscriptions: cfg.Subscriptions(),
		}
	}, func(o embedded.Opened) app.Database { return sqlitestore.New(o.DB, o.Log, o.Keys) })
}

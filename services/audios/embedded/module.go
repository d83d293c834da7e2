// Package embedded runs the audios service on SQLite, a folder and the bus of its
// process.
package embedded

import (
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/backend/embedded"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/services/audios"
	"github.com/concha-labs/backend/services/audios/internal/adapters/sqlitestore"
)

// Adapters provides the adapters for audios.Module. It needs a *membus.Bus.
func Adapters() fx.Option { return fx.Provide(fx.Private, open) }

func open(cfg audios.Config, lc fx.Lifecycle, b *membus.Bus, logger *zap.Logger) (audios.Adapters, error) {
	o, err := embedded.Open(embedded.Config{
		Dir: cfg.DataDir, Database: "audios.db", Objects: "files", Migrations: sqlitestore.Migrations(),
		Topic: cfg.EventsTopic, Subscriptions: cfg.Subscriptions(),
	}, b, logger)
	if err != nil {
		return audios.Adapters{}, err
	}
	lc.Append(fx.StopHook(o.DB.Close))
	return audios.Adapters{Backend: o.Backend, Database: sqlitestore.New(o.DB, o.Log, o.Keys)}, nil
}

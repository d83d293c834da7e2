package subscriber

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/services/audios/internal/app"
)

var (
	reconciled = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "concha_reconciled_total",
		Help: "Effects of accounts' events that the subscription had not had: sessions of deleted accounts that were removed, and owners of accounts that were recorded.",
	}, []string{"effect"})
	reconciledAt = promauto.NewGauge(prometheus.GaugeOpts{
		Name: "concha_reconciled_timestamp_seconds",
		Help: "When this process last reconciled with the accounts' events, or found that another one does; seconds since 1970.",
	})
	reconciledSessions, reconciledOwners = reconciled.WithLabelValues("session_removed"), reconciled.WithLabelValues("owner_recorded")
)

// NewReconciler returns a task that applies the events of accounts whose messages
// the subscription has not handled, as app.Service.Reconcile does. It logs and
// counts them. The task returns the number of sessions that it removed.
func NewReconciler(service *app.Service, accounts app.AccountsService, log *zap.Logger) func(context.Context) (removed int64, err error) {
	return func(ctx context.Context) (int64, error) {
		repairs, err := service.Reconcile(ctx, accounts)
		reconciledSessions.Add(float64(repairs.Sessions))
		reconciledOwners.Add(float64(repairs.Owners))
		if err == nil {
			reconciledAt.SetToCurrentTime()
		}
		if repairs.Replaced {
			log.Warn("the accounts' events are not those of the last reconciliation: all that there are were applied; sessions of accounts that were lost with the others are kept")
		}
		if repairs.Sessions > 0 || repairs.Owners > 0 {
			log.Warn("applied events of accounts whose messages were lost or are late",
				zap.Int64("sessions_removed", repairs.Sessions), zap.Int64("owners_recorded", repairs.Owners))
		}
		return repairs.Sessions, err
	}
}

package telemetry

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/settings"
)

// Config holds the settings of a process's telemetry.
type Config struct {
	Service string // names the process
	Host    string // that the admin port listens on; "" for all addresses
	Port    int    // of /metrics and /debug/pprof/; 0 for none
	DataDir string // whose disk is measured; "" for none
	Traces  bool   // exports spans, as the OTEL_ variables say
}

// Module serves the admin port, and exports traces, for as long as the app
// runs. It belongs at the top level of fx.New, before the modules that it
// measures: so it starts before and stops after them.
func Module(cfg Config) fx.Option {
	return fx.Invoke(func(lc fx.Lifecycle, log *zap.Logger) error {
		buildInfo.WithLabelValues(cfg.Service, settings.Version(), runtime.Version()).Set(1)
		if cfg.Port != 0 {
			if cfg.DataDir != "" {
				if err := measureDisk(cfg.DataDir); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
					return err
				}
			}
			a := newAdmin(cfg, log)
			lc.Append(fx.StartStopHook(a.start, a.stop))
		}
		if !cfg.Traces {
			return nil
		}
		stop, err := export(context.Background(), cfg.Service, log)
		if err != nil {
			return err
		}
		lc.Append(fx.StopHook(stop))
		return nil
	})
}

type admin struct {
	address string
	server  *http.Server
	log     *zap.Logger
}

func newAdmin(cfg Config, log *zap.Logger) *admin {
	return &admin{
		address: net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)), log: log,
		server: &http.Server{
			Handler: adminHandler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute,
			ErrorLog: stdlog.New(noLog{}, "", 0),
		},
	}
}

// start returns once the port takes requests.
func (a *admin) start(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("the admin port %s is taken: stop the program that listens there, or set CONCHA_ADMIN_PORT to another port, or to 0 for none: %w", a.address, err)
	}
	if err != nil {
		return fmt.Errorf("listen on the admin port: %w", err)
	}
	a.log.Debug("serving metrics", zap.Stringer("addr", listener.Addr()))
	go func() {
		if err := a.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("the admin port died", zap.Error(err))
		}
	}()
	return nil
}

func (a *admin) stop() error { return a.server.Close() }

// noLog drops what net/http reports about single connections.
type noLog struct{}

func (noLog) Write(line []byte) (int, error) { return len(line), nil }

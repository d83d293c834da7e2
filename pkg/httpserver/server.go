package httpserver

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// ReadHeaderTimeout is how long a request's headers may take to arrive, and how
// long a new connection may stay without any.
const ReadHeaderTimeout = 5 * time.Second

// The other limits of a connection. An answer may take a little longer than its
// request, so that a body that came too slowly is still told so.
const (
	readTimeout    = 60 * time.Second
	writeTimeout   = 70 * time.Second
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 64 << 10
	drainTimeout   = 4 * time.Second
	noticeTimeout  = 2 * time.Second // of drainTimeout
)

// Server serves one handler, wrapped in Process, over HTTP/1.1 and unencrypted
// HTTP/2 on one port.
type Server struct {
	port                int
	log                 *zap.Logger
	http                *http.Server
	listener            net.Listener
	stopping            chan struct{}
	drainFor, noticeFor time.Duration

	draining atomic.Bool
	inFlight atomic.Int64  // requests; those for /readyz that come while draining do not count
	idle     chan struct{} // told, while draining, when none is in flight
}

// NewServer returns a server of h for port, 0 for any free one.
func NewServer(port int, h http.Handler, log *zap.Logger) *Server {
	s := &Server{port: port, log: log, stopping: make(chan struct{}), idle: make(chan struct{}, 1), drainFor: drainTimeout, noticeFor: noticeTimeout}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler:           Process(s.gate(h), log),
		Protocols:         &protocols,
		ReadHeaderTimeout: ReadHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          stdlog.New(errorLog{log.Named("http")}, "", 0),
		// OPTIONS * too gets what every answer has.
		DisableGeneralOptionsHandler: true,
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.Background(), stoppingKey{}, s.stopping)
		},
	}
	return s
}

// errorLog takes what net/http has to say of connections, without the address of
// the client, which may be personal data.
type errorLog struct{ *zap.Logger }

var address = regexp.MustCompile(`(\d+\.\d+\.\d+\.\d+|\[[0-9A-Fa-f:.]+(%\w+)?\]):\d+`)

func (l errorLog) Write(line []byte) (int, error) {
	l.Warn(address.ReplaceAllString(strings.TrimSpace(string(line)), "a client"))
	return len(line), nil
}

// gate answers /readyz and ReadyPath with 503 while the server drains, and counts
// the other requests.
func (s *Server) gate(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() && (r.URL.Path == "/readyz" || r.URL.Path == ReadyPath) {
			WriteError(w, r, ErrUnavailable.Detailf("the process is stopping"))
			return
		}
		s.inFlight.Add(1)
		defer func() {
			if s.inFlight.Add(-1) == 0 && s.draining.Load() {
				select {
				case s.idle <- struct{}{}:
				default:
				}
			}
		}()
		h.ServeHTTP(w, r)
	})
}

type stoppingKey struct{}

// Stopping returns a channel that is closed when the server of ctx begins to
// stop: answers that would go on for long (streams, long polls) end then. It
// is nil, and so never ready, for a context that stems from no Server.
func Stopping(ctx context.Context) <-chan struct{} {
	ch, _ := ctx.Value(stoppingKey{}).(chan struct{})
	return ch
}

// Start listens and serves in the background. If serving ends before Stop, it
// calls died, once, with the reason. A server starts at most once.
func (s *Server) Start(ctx context.Context, died func(error)) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", ":"+strconv.Itoa(s.port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is taken: stop the program that listens there, or set PORT to another: %w", s.port, err)
	}
	if err != nil {
		return fmt.Errorf("listen on port %d: %w", s.port, err)
	}
	s.Serve(listener, died)
	return nil
}

// Serve is Start with a listener of the caller's.
func (s *Server) Serve(listener net.Listener, died func(error)) {
	s.listener = listener
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			died(fmt.Errorf("serve HTTP: %w", err))
		}
	}()
}

// Addr returns where the server is reached on its own machine, as in
// "localhost:8080". Only after Start.
func (s *Server) Addr() string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	return "localhost:" + port
}

// Stop ends serving: /readyz turns to 503, Stopping is closed, and each
// connection is closed after its answer. As long as requests are under way, for
// at most 2 seconds, connections are still taken, so that whoever asks /readyz
// can tell; then requests under way have what is left of 4 seconds (less if ctx
// ends before) until their connections are closed. Called once, after Start.
func (s *Server) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.drainFor)
	defer cancel()
	s.draining.Store(true)
	close(s.stopping)
	s.http.SetKeepAlivesEnabled(false)
	if s.inFlight.Load() > 0 {
		select {
		case <-s.idle:
		case <-time.After(s.noticeFor):
		case <-ctx.Done():
		}
	}
	if err := s.http.Shutdown(ctx); err != nil {
		s.log.Warn("requests were cut off", zap.Error(err))
		if err := s.http.Close(); err != nil {
			return fmt.Errorf("close HTTP server: %w", err)
		}
	}
	return nil
}

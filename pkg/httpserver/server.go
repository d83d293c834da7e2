package httpserver

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// ReadHeaderTimeout bounds the time for the headers of a request to arrive, and
// the time that a new connection may stay without any.
const ReadHeaderTimeout = 5 * time.Second

// The other time limits of a connection. Writing may take slightly longer than
// reading, so that a client whose body came too slowly still gets an answer.
const (
	readTimeout    = 60 * time.Second
	writeTimeout   = 70 * time.Second
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 64 << 10
	drainTimeout   = 4 * time.Second
	stallTimeout   = 30 * time.Second // of an HTTP/2 connection whose client reads nothing
	pingTimeout    = 15 * time.Second
	maxStreams     = 100             // of an HTTP/2 connection at once
	noticeTimeout  = 2 * time.Second // a part of drainTimeout
	// quiet is how long no request may have been made until a server that
	// stops closes its idle connections. A request that is on its way when its
	// connection is closed fails, and its client cannot know whether it was
	// executed.
	quiet = 200 * time.Millisecond
)

// Server serves one handler, wrapped in Process, over HTTP/1.1 and unencrypted
// HTTP/2 on one port.
type Server struct {
	host                string // "": all addresses
	port                int
	log                 *zap.Logger
	http                *http.Server
	listener            net.Listener
	stopping            chan struct{}
	drainFor, noticeFor time.Duration
	bodies              *Budget

	draining atomic.Bool
	inFlight atomic.Int64  // number of requests, without those for /readyz while draining
	used     chan struct{} // signalled while draining when a request begins or ends
}

// NewServer returns a server of h for port; 0 means any free port.
func NewServer(port int, h http.Handler, log *zap.Logger) *Server {
	s := &Server{port: port, log: log, stopping: make(chan struct{}), used: make(chan struct{}, 1), drainFor: drainTimeout, noticeFor: noticeTimeout, bodies: NewBudget(DefaultBudget)}
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
		ConnContext:       markSpare,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			WriteByteTimeout:     stallTimeout,
			SendPingTimeout:      stallTimeout,
			PingTimeout:          pingTimeout,
		},
		ErrorLog: stdlog.New(errorLog{log.Named("http")}, "", 0),
		// OPTIONS * must pass through the middleware, too.
		DisableGeneralOptionsHandler: true,
		BaseContext: func(net.Listener) context.Context {
			return WithStopping(context.Background(), s.stopping)
		},
	}
	return s
}

// errorLog logs the connection errors of net/http without the address of the
// client, which may be personal data.
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
		if isSpare(r) {
			w.Header().Set("Connection", "close")
			if !isHealth(r) {
				WriteError(w, r, ErrUnavailable.Detailf("the process has as many connections as it can take"))
				return
			}
		}
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
			if r.URL.Path == "/readyz" || r.URL.Path == ReadyPath {
				WriteError(w, r, ErrUnavailable.Detailf("the process is stopping"))
				return
			}
		}
		s.inFlight.Add(1)
		s.noteUse()
		defer func() {
			s.inFlight.Add(-1)
			s.noteUse()
		}()
		r, end := s.bodies.begin(r)
		defer end()
		h.ServeHTTP(w, r)
	})
}

type stoppingKey struct{}

// Stopping returns a channel that is closed when the server of ctx begins to
// stop. Long answers (streams, long polls) end then. It returns nil for a
// context that does not come from a Server.
func Stopping(ctx context.Context) <-chan struct{} {
	ch, _ := ctx.Value(stoppingKey{}).(<-chan struct{})
	return ch
}

// WithStopping returns a context of a request whose long answers end when
// stopping is closed, instead of when the server of ctx stops.
func WithStopping(ctx context.Context, stopping <-chan struct{}) context.Context {
	return context.WithValue(ctx, stoppingKey{}, stopping)
}

// Start listens and serves in the background. If serving fails before Stop, it
// calls died once with the reason. A server must not be started twice.
func (s *Server) Start(ctx context.Context, died func(error)) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", net.JoinHostPort(s.host, strconv.Itoa(s.port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is taken: stop the program that listens there, or set PORT to another: %w", s.port, err)
	}
	if err != nil {
		return fmt.Errorf("listen on port %d: %w", s.port, err)
	}
	s.Serve(listener, died)
	return nil
}

// Serve is Start with a listener of the caller.
func (s *Server) Serve(listener net.Listener, died func(error)) {
	s.listener = listener
	go func() {
		limited := &limitedListener{Listener: listener, limit: MaxConnections()}
		if err := s.http.Serve(limited); !errors.Is(err, http.ErrServerClosed) {
			died(fmt.Errorf("serve HTTP: %w", err))
		}
	}()
}

// Addr returns the address of the server on its own machine, such as
// "localhost:8080". Call it after Start.
func (s *Server) Addr() string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	host := "localhost"
	if address, err := netip.ParseAddr(s.host); err == nil && !address.IsLoopback() && !address.IsUnspecified() {
		host = s.host // nothing else reaches the server
	}
	return net.JoinHostPort(host, port)
}

func (s *Server) noteUse() {
	if !s.draining.Load() {
		return
	}
	select {
	case s.used <- struct{}{}:
	default:
	}
}

// Stop stops the server: /readyz answers 503, Stopping is closed, and each
// connection is closed after its next answer. Until no request has been made or
// was in flight for 200 ms, for at most 2 seconds, the server still accepts
// connections and requests, so that its clients can notice. Requests in flight
// then have the rest of 4 seconds, or less if ctx ends, until their connections
// are closed. Call it once, after Start.
func (s *Server) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.drainFor)
	defer cancel()
	s.draining.Store(true)
	close(s.stopping)
	s.awaitQuiet(ctx)
	if err := s.http.Shutdown(ctx); err != nil {
		s.log.Warn("requests were cut off", zap.Error(err))
		if err := s.http.Close(); err != nil {
			return fmt.Errorf("close HTTP server: %w", err)
		}
	}
	return nil
}

// awaitQuiet returns when no request has been made or was in flight for some
// time, or when the time for that is over.
func (s *Server) awaitQuiet(ctx context.Context) {
	over := time.After(s.noticeFor)
	for {
		select {
		case <-s.used:
		case <-time.After(quiet):
			if s.inFlight.Load() == 0 {
				return
			}
		case <-over:
			return
		case <-ctx.Done():
			return
		}
	}
}

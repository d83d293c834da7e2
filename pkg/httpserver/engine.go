// Package httpserver runs the HTTP server of every process: the gin engine, the
// middleware, the lifecycle of the server, health checks, and errors as RFC 9457
// problems.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
)

// NewEngine returns a gin engine that never redirects, routes by the escaped
// path (an escaped slash stays inside its segment), answers an unknown path or
// method with a problem, trusts no proxy header, and has no middleware.
func NewEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.HandleMethodNotAllowed = true
	e.UseEscapedPath = true
	e.ForwardedByClientIP = false
	_ = e.SetTrustedProxies(nil) // fails only for malformed addresses
	e.NoRoute(func(c *gin.Context) { Fail(c, ErrNoRoute) })
	e.NoMethod(func(c *gin.Context) { Fail(c, ErrMethodNotAllowed) })
	return e
}

// Get registers handlers for GET and HEAD. net/http drops the body of an answer
// to HEAD.
func Get(r gin.IRoutes, path string, handlers ...gin.HandlerFunc) {
	r.GET(path, handlers...)
	r.HEAD(path, handlers...)
}

// CheckTimeout bounds each readiness check of Health.
const CheckTimeout = 2 * time.Second

// ReadyPath is an alternative path of /readyz for clients behind a front end.
// That of Cloud Run reserves some paths that end in z, such as /healthz.
const ReadyPath = "/ready"

// Health registers GET and HEAD of /livez and /readyz. /livez answers 200 while
// the process serves. /readyz runs the checks concurrently, each for at most 2
// seconds, and answers 200 or an unavailable problem that lists the failed
// checks by name. aliases are further paths of /readyz.
func Health(e *gin.Engine, checks map[string]func(context.Context) error, aliases ...string) {
	HealthWithin(e, CheckTimeout, checks, aliases...)
}

// HealthWithin is Health with another time limit for each check. Checks that
// ask another process with Health need a longer one, to receive the reason.
func HealthWithin(e *gin.Engine, timeout time.Duration, checks map[string]func(context.Context) error, aliases ...string) {
	ok := func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		c.PureJSON(http.StatusOK, gin.H{"status": "ok"})
	}
	Get(e, "/livez", ok)
	current := &readiness{timeout: timeout, checks: checks}
	for _, path := range append(aliases, "/readyz") {
		Get(e, path, func(c *gin.Context) {
			if err := current.get(c.Request.Context()); err != nil {
				Fail(c, err)
				return
			}
			ok(c)
		})
	}
}

// readyFor is how long the result of the checks is used again. Checks cost
// something, such as a write to a disk, and anybody can ask for them.
const readyFor = time.Second

// unreadyFor is the same for a failure. A process that starts is ready some
// milliseconds later, and must not say otherwise for a second.
const unreadyFor = 10 * time.Millisecond

// readiness runs the checks at most once at a time, and, while they succeed, once
// a second.
type readiness struct {
	timeout time.Duration
	checks  map[string]func(context.Context) error

	mu      sync.Mutex
	checked time.Time
	err     error
}

func (r *readiness) get(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	valid := readyFor
	if r.err != nil {
		valid = unreadyFor
	}
	if r.checked.IsZero() || time.Since(r.checked) >= valid {
		err := ready(ctx, r.timeout, r.checks)
		if ctx.Err() != nil {
			return err // of a client that has left, and no result
		}
		r.err, r.checked = err, time.Now()
	}
	return r.err
}

// ready returns nil, or an unavailable fault with a violation for each failed
// check, sorted by name.
func ready(ctx context.Context, timeout time.Duration, checks map[string]func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	type result struct {
		name string
		err  error
	}
	// The channel is buffered so that a check that ignores its context neither
	// holds up the answer nor leaks when it ends.
	results := make(chan result, len(checks))
	pending := make(map[string]error, len(checks))
	for name, check := range checks {
		pending[name] = context.DeadlineExceeded
		go func() { results <- result{name, recovered(ctx, check)} }()
	}
	for range len(checks) {
		select {
		case r := <-results:
			pending[r.name] = r.err
		case <-ctx.Done():
		}
	}
	failed := *ErrUnavailable.Detailf("the service is not ready")
	var causes []error
	for name, err := range pending {
		if err == nil {
			continue
		}
		violation := fault.Violation{Pointer: name, Detail: reason(err)}
		failed.Violations = append(failed.Violations, violation)
		if err.Error() != violation.Detail {
			causes = append(causes, err)
		}
	}
	if len(failed.Violations) == 0 {
		return nil
	}
	slices.SortFunc(failed.Violations, func(a, b fault.Violation) int { return strings.Compare(a.Pointer, b.Pointer) })
	return failed.Wrap(errors.Join(causes...))
}

// recovered runs a check and turns a panic into an error.
func recovered(ctx context.Context, check func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the check panicked: %v", p)
		}
	}()
	return check(ctx)
}

// reason returns the reason of a failed check without internal information.
func reason(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind != fault.Internal {
		return f.Detail
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "did not answer in time"
	}
	return "failed"
}

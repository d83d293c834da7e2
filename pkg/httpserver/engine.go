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
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
)

// NewEngine returns a gin engine that never redirects, routes by the escaped
// path (an escaped slash stays inside its segment), answers a wrong path or
// method with a problem, trusts no proxy header, and has no middleware.
func NewEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.HandleMethodNotAllowed = true
	e.UseEscapedPath = true
	e.ForwardedByClientIP = false
	_ = e.SetTrustedProxies(nil) // fails on malformed addresses only
	e.NoRoute(func(c *gin.Context) { Fail(c, ErrNoRoute) })
	e.NoMethod(func(c *gin.Context) { Fail(c, ErrMethodNotAllowed) })
	return e
}

// Get registers handlers for GET and HEAD. Of an answer to HEAD, net/http drops
// the body.
func Get(r gin.IRoutes, path string, handlers ...gin.HandlerFunc) {
	r.GET(path, handlers...)
	r.HEAD(path, handlers...)
}

// CheckTimeout bounds each readiness check of Health.
const CheckTimeout = 2 * time.Second

// ReadyPath is where a service is asked for /readyz by what may reach it
// through a front end: that of Cloud Run keeps some paths that end in z, such as
// /healthz, for itself.
const ReadyPath = "/ready"

// Health registers GET and HEAD of /livez, which answers 200 as long as the
// process serves at all, and of /readyz, which runs the checks at once, each
// for at most 2 seconds, and answers 200 or an unavailable problem that lists
// the failed ones by name. aliases are further paths of the latter.
func Health(e *gin.Engine, checks map[string]func(context.Context) error, aliases ...string) {
	HealthWithin(e, CheckTimeout, checks, aliases...)
}

// HealthWithin is Health with another bound of each check: a longer one for
// checks that ask what has Health itself, so that they learn the reason.
func HealthWithin(e *gin.Engine, timeout time.Duration, checks map[string]func(context.Context) error, aliases ...string) {
	ok := func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		c.PureJSON(http.StatusOK, gin.H{"status": "ok"})
	}
	Get(e, "/livez", ok)
	for _, path := range append(aliases, "/readyz") {
		Get(e, path, func(c *gin.Context) {
			if err := ready(c.Request.Context(), timeout, checks); err != nil {
				Fail(c, err)
				return
			}
			ok(c)
		})
	}
}

// ready returns nil or an unavailable fault with a violation for each failed
// check, sorted by name.
func ready(ctx context.Context, timeout time.Duration, checks map[string]func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	type result struct {
		name string
		err  error
	}
	// Buffered: a check that ignores its context must not hold up the answer,
	// nor leak when it ends at last.
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
		causes = append(causes, err)
		failed.Violations = append(failed.Violations, fault.Violation{Pointer: name, Detail: reason(err)})
	}
	if len(causes) == 0 {
		return nil
	}
	slices.SortFunc(failed.Violations, func(a, b fault.Violation) int { return strings.Compare(a.Pointer, b.Pointer) })
	return failed.Wrap(errors.Join(causes...))
}

// recovered runs a check; a panic of it is its failure, not the process's.
func recovered(ctx context.Context, check func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the check panicked: %v", p)
		}
	}()
	return check(ctx)
}

// reason tells a client why a check failed without telling anything internal.
func reason(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind != fault.Internal {
		return f.Detail
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "did not answer in time"
	}
	return "failed"
}

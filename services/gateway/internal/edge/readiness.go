package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
)

const (
	// readyTimeout bounds the checks of the gateway. askTimeout bounds the
	// request to each address; it is longer than a service needs to report a
	// failed check.
	readyTimeout = 3 * time.Second
	askTimeout   = (httpserver.CheckTimeout + readyTimeout) / 2
)

// readiness returns a check that asks a service whether it is ready. For a
// proxy it asks each address, one of which must be ready.
func readiness(service http.Handler) func(context.Context) error {
	replicas := []http.Handler{service}
	if p, ok := service.(*Proxy); ok {
		replicas = p.each()
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		answers := make(chan error, len(replicas))
		for _, replica := range replicas {
			go func() { answers <- askReady(ctx, replica) }()
		}
		var causes []error
		var details []string
		for range replicas {
			err := <-answers
			if err == nil {
				return nil
			}
			causes, details = append(causes, err), append(details, detail(err))
		}
		slices.Sort(details)
		all := strings.Join(slices.Compact(details), "; at another address: ")
		return httpserver.ErrUnavailable.Detailf("%s", all).Wrap(errors.Join(causes...))
	}
}

// askReady returns nil if a service is ready.
func askReady(ctx context.Context, service http.Handler) (err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, httpserver.ReadyPath, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask for readiness: %w", err)
	}
	defer func() {
		if p := recover(); p != nil { // as for an answer that is aborted
			err = fmt.Errorf("ask for readiness: %v", p)
		}
	}()
	answer := &probe{header: http.Header{}, status: http.StatusOK}
	service.ServeHTTP(answer, r)
	switch {
	case answer.status == http.StatusOK:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if known := reasons(answer.body.Bytes()); known != "" {
		return httpserver.ErrUnavailable.Detailf("is not ready%s", known)
	}
	return httpserver.ErrUnavailable.Detailf("is not ready").Wrap(fmt.Errorf("readiness: status %d: %s", answer.status, answer.body.String()))
}

// detail returns the reason why a service is not ready, for a client.
func detail(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Detail
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "did not answer in time"
	}
	return "is not ready"
}

// reasons returns the reasons in the problem of a service that is not ready.
func reasons(problem []byte) string {
	var body struct {
		Errors []fault.Violation `json:"errors"`
	}
	if json.Unmarshal(problem, &body) != nil {
		return ""
	}
	var text strings.Builder
	for _, e := range body.Errors {
		fmt.Fprintf(&text, "; %s: %s", e.Pointer, e.Detail)
	}
	return text.String()
}

// probe keeps an answer in memory.
type probe struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (p *probe) Header() http.Header { return p.header }

func (p *probe) WriteHeader(status int) {
	if status >= http.StatusOK {
		p.status = status
	}
}

func (p *probe) Write(b []byte) (int, error) { return p.body.Write(b) }

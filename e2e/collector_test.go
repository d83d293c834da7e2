package e2e

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spans are those that processes have exported, by OTLP over HTTP.
type spans struct {
	url string

	mu  sync.Mutex
	all []span
}

type span struct {
	process, name, trace, id, parent string
	links                            []string // of spans
}

func collect(t *testing.T) *spans {
	t.Helper()
	s := new(spans)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.receive(r); err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *spans) receive(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var request collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil || r.URL.Path != "/v1/traces" {
		return fmt.Errorf("not an export of traces: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		process := ""
		for _, a := range resource.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				process = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, one := range scope.GetSpans() {
				s.all = append(s.all, fromProto(process, one))
			}
		}
	}
	return nil
}

func fromProto(process string, p *tracev1.Span) span {
	s := span{process: process, name: p.GetName(), trace: hex.EncodeToString(p.GetTraceId()), id: hex.EncodeToString(p.GetSpanId()), parent: hex.EncodeToString(p.GetParentSpanId())}
	for _, link := range p.GetLinks() {
		s.links = append(s.links, hex.EncodeToString(link.GetSpanId()))
	}
	return s
}

// find returns the first span that fits, waiting for its export.
func (s *spans) find(t *testing.T, what string, fits func(span) bool) (found span) {
	t.Helper()
	eventually(t, "there is a span: "+what, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, one := range s.all {
			if fits(one) {
				found = one
				return true
			}
		}
		return false
	})
	return found
}

// follow checks the spans of one creation of an account: from the gateway,
// through the service, to the relay and the subscriber.
func (s *spans) follow(t *testing.T, gateway, accounts, traceID string) (service span) {
	t.Helper()
	in := func(process, prefix string) func(span) bool {
		return func(one span) bool {
			return one.process == process && one.trace == traceID && strings.HasPrefix(one.name, prefix)
		}
	}
	outer := s.find(t, "of the gateway", func(one span) bool {
		return in(gateway, "POST /v1/accounts")(one) && one.parent == clientSpan
	})
	parent := outer.id
	if gateway != accounts {
		asked := s.find(t, "of the gateway's request to the service", in(gateway, "POST accounts"))
		if asked.parent != outer.id {
			t.Errorf("%+v is not in %+v", asked, outer)
		}
		parent = asked.id
	}
	service = s.find(t, "of the service", func(one span) bool {
		return in(accounts, "POST /v1/accounts")(one) && one.id != outer.id
	})
	if service.parent != parent {
		t.Errorf("%+v is not in the gateway's %s", service, parent)
	}
	s.find(t, "of the relay, linked to the service's", func(one span) bool {
		return one.process == accounts && one.name == "publish accounts" && strings.Contains(strings.Join(one.links, " "), service.id)
	})
	if handled := s.find(t, "of the subscriber", in(accounts, "handle accounts-self")); handled.parent != service.id {
		t.Errorf("%+v is not in %+v", handled, service)
	}
	return service
}

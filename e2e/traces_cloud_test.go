//go:build cloud

package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// TestThreeProcessesTraced follows one request through three processes, Spanner
// and Pub/Sub.
func TestThreeProcessesTraced(t *testing.T) {
	f, collected := newFleet(t), collect(t)
	otel := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collected.url, "OTEL_BSP_SCHEDULE_DELAY=50"}
	f.provision(t, "accounts")
	f.provision(t, "audios")
	gateway := f.start(t, "gateway", otel...)
	f.start(t, "accounts", otel...)
	f.start(t, "audios", otel...)
	gateway.becomes(t, "/readyz", http.StatusOK)

	c := newClient(t, gateway.url)
	parent := []string{"Traceparent", "00-" + clientTrace + "-" + clientSpan + "-01"}
	created := c.json(http.MethodPost, "/v1/accounts", profile("Ann", uniqueEmail(), ""), parent...)
	if created.status != http.StatusCreated {
		t.Fatalf("%d: %s", created.status, created.body)
	}
	service := collected.follow(t, "gateway", "accounts", clientTrace)
	collected.find(t, "of Spanner, in the service's", func(one span) bool {
		return one.trace == service.trace && one.process == "accounts" && strings.Contains(one.name, "spanner")
	})

	const imageTrace = "0af7651916cd43dd8448eb211c80319d"
	path := "/v1/accounts/" + encode(decodeObject(created)["id"]) + "/image"
	uploaded := c.do(call{method: http.MethodPut, path: path, body: pngOf(3, 3), header: []string{
		"Content-Type", "image/png", "Traceparent", "00-" + imageTrace + "-" + clientSpan + "-01",
	}})
	if uploaded.status != http.StatusOK {
		t.Fatalf("%d: %s", uploaded.status, uploaded.body)
	}
	collected.find(t, "of Cloud Storage", func(one span) bool {
		return one.trace == imageTrace && one.process == "accounts" && strings.Contains(strings.ToLower(one.name), "storage")
	})
}

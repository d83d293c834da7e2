package settings

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStrangers(t *testing.T) {
	got := strangers(variables(&config{}), []string{
		"CONCHA_LOG_LEVEL=info", "CONCHA_LOGLEVEL=debug", "CONCHA_MAXWRITES=1", "CONCHA_MOON=full", "CONCHA_UNSET=",
		"PORTT=1", "HOME=/", "CONCHA_GATEWAY_SERVICE_HOST=10.0.0.1", "CONCHA_GATEWAY_PORT=tcp://10.0.0.1:80",
		"CONCHA_GATEWAY_PORT_80_TCP_ADDR=10.0.0.1", "CONCHA_GATEWAY_SERVICE_PORT_HTTP=80",
	})
	want := []string{"CONCHA_LOGLEVEL (is CONCHA_LOG_LEVEL meant?)", "CONCHA_MAXWRITES (is CONCHA_MAX_WRITES meant?)", "CONCHA_MOON"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

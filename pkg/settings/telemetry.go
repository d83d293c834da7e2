package settings

import (
	"errors"
	"strconv"
)

// AdminPort is a TCP port, or 0 for none.
type AdminPort int

var errAdminPort = errors.New("must be a whole number in 0..65535; 0 turns the admin port off")

// UnmarshalText parses the decimal digits of a port.
func (p *AdminPort) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 16)
	if err != nil {
		return errAdminPort
	}
	*p = AdminPort(n)
	return nil
}

// Admin holds the admin port of a service's own process; embed it in its config.
type Admin struct {
	AdminPort AdminPort `env:"CONCHA_ADMIN_PORT" envDefault:"9090" desc:"TCP port of /metrics and /debug/pprof/, which is not for the public; 0 for none"`
}

// Traces holds the variables that decide whether spans are exported, and how
// log lines name their trace; embed it in the config of a program. The
// libraries of OpenTelemetry read its other variables themselves.
type Traces struct {
	// TraceProject is also Storage's Project.
	TraceProject string `env:"GOOGLE_CLOUD_PROJECT" desc:"the project's id: log lines name their trace in it"`

	Exporter       string `env:"OTEL_TRACES_EXPORTER" desc:"otlp or none; default: otlp if an endpoint is set"`
	Endpoint       string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" desc:"URL of an OpenTelemetry collector, such as http://collector:4318: traces are exported to it. The other OTEL_ variables keep their meaning"`
	TracesEndpoint string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" desc:"full URL for traces, such as http://collector:4318/v1/traces"`
	Protocol       string `env:"OTEL_EXPORTER_OTLP_PROTOCOL" desc:"http/protobuf"`
	TracesProtocol string `env:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL" desc:"http/protobuf"`
	Disabled       string `env:"OTEL_SDK_DISABLED" desc:"true: no traces"`
}

// TracesEnabled reports whether the environment asks for traces.
func (t Traces) TracesEnabled() bool {
	return t.Disabled != "true" && t.Exporter != "none" && (t.Exporter != "" || t.Endpoint != "" || t.TracesEndpoint != "")
}

// Validate implements Validator.
func (t Traces) Validate() (problems []Problem) {
	if !t.TracesEnabled() {
		return nil
	}
	if t.Exporter != "" && t.Exporter != "otlp" {
		problems = append(problems, Problem{Variable: "OTEL_TRACES_EXPORTER", Detail: "must be otlp or none"})
	}
	for _, p := range []struct{ variable, value string }{
		{"OTEL_EXPORTER_OTLP_PROTOCOL", t.Protocol}, {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", t.TracesProtocol},
	} {
		if p.value != "" && p.value != "http/protobuf" {
			problems = append(problems, Problem{Variable: p.variable, Detail: "must be http/protobuf, which collectors take on port 4318"})
		}
	}
	return problems
}

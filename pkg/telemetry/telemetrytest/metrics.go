// Package telemetrytest reads the metrics and spans of code under test.
package telemetrytest

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Metrics returns a function that returns the values of the metrics that have
// all these labels, given as name="value", by the name of the metric and its
// other labels as in `name{a="b"}`. Of a counter the value is the increase
// since the call of Metrics, of a histogram the increase of its count.
func Metrics(t testing.TB, labels ...string) func() map[string]float64 {
	t.Helper()
	before, _ := gather(t, labels)
	return func() map[string]float64 {
		t.Helper()
		now, gauges := gather(t, labels)
		for name := range now {
			if !gauges[name] {
				now[name] -= before[name]
			}
		}
		return now
	}
}

// gather returns the values of the metrics with these labels, and which of them
// are gauges.
func gather(t testing.TB, labels []string) (values map[string]float64, gauges map[string]bool) {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values, gauges = map[string]float64{}, map[string]bool{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if name, found := nameOf(family.GetName(), m, labels); found {
				values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
				gauges[name] = m.GetGauge() != nil
			}
		}
	}
	return values, gauges
}

func nameOf(name string, m *dto.Metric, labels []string) (full string, found bool) {
	var others []string
	matched := 0
	for _, l := range m.GetLabel() {
		text := l.GetName() + `="` + l.GetValue() + `"`
		if slices.Contains(labels, text) {
			matched++
		} else {
			others = append(others, text)
		}
	}
	if len(others) > 0 {
		name += "{" + strings.Join(others, ",") + "}"
	}
	return name, matched == len(labels)
}

// Exemplar returns the id of the trace that an exemplar of a histogram has, or
// "" if there is none.
func Exemplar(t testing.TB, name string, labels ...string) (trace string) {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if _, found := nameOf(name, m, labels); !found || family.GetName() != name {
				continue
			}
			for _, bucket := range m.GetHistogram().GetBucket() {
				for _, l := range bucket.GetExemplar().GetLabel() {
					trace = l.GetValue()
				}
			}
		}
	}
	return trace
}

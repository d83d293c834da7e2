package logging

import "go.uber.org/zap"

// The keys by which Cloud Logging shows a line in its trace.
const (
	traceKey = "logging.googleapis.com/trace"
	spanKey  = "logging.googleapis.com/spanId"
)

// Trace returns the field that connects a line with the trace of a W3C
// traceparent. It adds nothing if the traceparent is not valid.
func Trace(traceparent string) zap.Field {
	if len(traceparent) != 55 {
		return zap.Skip()
	}
	return zap.String(traceKey, traceparent[3:35])
}

// Span returns the field that connects a line with the span of a W3C
// traceparent. It adds nothing if the traceparent is not valid.
func Span(traceparent string) zap.Field {
	if len(traceparent) != 55 {
		return zap.Skip()
	}
	return zap.String(spanKey, traceparent[36:52])
}

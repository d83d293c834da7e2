package httpserver

import (
	"net/http"
	"slices"

	"github.com/concha-labs/backend/pkg/fault"
)

// ProblemType is a kind of problem. The page at /problems/{name} shows it.
type ProblemType struct {
	Name   string // the last segment of the type's URL
	Status int    // the HTTP status
	Title  string
	About  string // the cause and the remedy, in a sentence or two
}

// Faults that occur before a use case is reached. Each has the code of its
// problem type.
var (
	ErrMalformed        = fault.New(fault.Invalid, "malformed-request", "the request cannot be read")
	ErrPageToken        = fault.New(fault.Invalid, "invalid-page-token", "the page token does not belong to this list with these filters; begin again with the first page")
	ErrNoRoute          = fault.New(fault.NotFound, "no-such-route", "nothing is served at this path")
	ErrMethodNotAllowed = fault.New(fault.Unsupported, "method-not-allowed", "this path does not take this method; the Allow header lists those it takes")
	ErrPrecondition     = fault.New(fault.Precondition, "precondition-failed", "the condition of the request does not hold")
	ErrNoPrecondition   = fault.New(fault.Precondition, "precondition-required", "send If-Match with the ETag of the resource as you know it")
	ErrTooLarge         = fault.New(fault.TooLarge, "payload-too-large", "the body is too large")
	ErrRange            = fault.New(fault.Invalid, "range-not-satisfiable", "the content has no such range")
	ErrUnsupported      = fault.New(fault.Unsupported, "unsupported-media-type", "the body has a type that is not accepted here")
	ErrUnauthenticated  = fault.New(fault.Denied, "unauthenticated", "the request has no valid credentials")
	ErrRateLimited      = fault.New(fault.Unavailable, "rate-limited", "the caller has sent too many requests")
	ErrUnavailable      = fault.New(fault.Unavailable, "unavailable", "a part of the service cannot be reached at the moment; try again")
	ErrBadUpstream      = fault.New(fault.Unavailable, "bad-upstream", "the upstream service gave no valid answer")
)

// Problems returns every problem type, in the order of the documentation. The
// caller may modify the slice.
func Problems() []ProblemType { return slices.Clone(problemTypes) }

// LookupProblem returns the problem type with that name.
func LookupProblem(name string) (ProblemType, bool) {
	p, ok := problemsByName[name]
	return p, ok
}

var problemsByName = func() map[string]ProblemType {
	m := make(map[string]ProblemType, len(problemTypes))
	for _, p := range problemTypes {
		m[p.Name] = p
	}
	return m
}()

// problemOfKind maps the kinds of faults whose code is not the name of a
// problem.
var problemOfKind = map[fault.Kind]string{
	fault.Internal:     "internal",
	fault.Invalid:      "validation-error",
	fault.NotFound:     "no-such-instance-error",
	fault.Conflict:     "already-exists",
	fault.Precondition: "precondition-failed",
	fault.TooLarge:     "payload-too-large",
	fault.Unsupported:  "unsupported-media-type",
	fault.Unavailable:  "unavailable",
	fault.Denied:       "forbidden",
	fault.Lost:         "content-missing",
}

var problemTypes = []ProblemType{
	{
		"validation-error", http.StatusBadRequest, "The request breaks a rule",
		"A value is missing, of the wrong type or out of its range. Each broken rule is listed under errors, by the JSON Pointer of the member or the name of the parameter: correct them all and send the request again.",
	},
	{
		"malformed-request", http.StatusBadRequest, "The request cannot be read",
		"The body is empty, broken JSON, broken multipart, or did not arrive whole. The detail says where reading ended: check how the client builds and sends the body.",
	},
	{
		"invalid-page-token", http.StatusBadRequest, "The page token is not valid",
		"A page token works only with the filters and the order of the list that gave it. Take it as it is from next_page_token and keep the other parameters, or start over without it.",
	},
	{
		"no-such-instance-error", http.StatusNotFound, "There is no such resource",
		"Nothing exists under this identifier: it never did, or it was deleted. Look for it in the list of its collection.",
	},
	{
		"content-missing", http.StatusNotFound, "The content is missing from the store",
		"The resource exists, but the bytes of its image or file are no longer in the object store. This is logged. Upload the content again, or ask the operator of the service to restore it from a backup.",
	},
	{
		"no-such-route", http.StatusNotFound, "There is no such route",
		"Nothing is served at this path. Compare it with the API's documentation at /docs.",
	},
	{
		"method-not-allowed", http.StatusMethodNotAllowed, "The method is not allowed here",
		"The path exists but does not take this method. The Allow header lists those it takes.",
	},
	{
		"already-exists", http.StatusConflict, "The resource exists already",
		"Another resource holds a value that must be unique, such as an e-mail address or a session_id. Change the existing one, or choose another value.",
	},
	{
		"request-in-progress", http.StatusConflict, "The same request is still under way",
		"An earlier request with this Idempotency-Key has not ended yet. Wait a moment and repeat the request with the same key: it then gets the first one's answer.",
	},
	{
		"cursor-expired", http.StatusGone, "The cursor is too old",
		"The events after this cursor are no longer kept. Read the list of the collection for its present state, then follow the feed from the Concha-Feed-Cursor of its first page: so nothing is missed.",
	},
	{
		"precondition-failed", http.StatusPreconditionFailed, "The resource is not in the expected state",
		"The condition in If-Match or If-None-Match does not hold: somebody changed the resource in between. Read it again, apply the change to what is there now, and send it with the new ETag.",
	},
	{
		"precondition-required", http.StatusPreconditionRequired, "The request must say which state it changes",
		"Changes are taken here only with the ETag of what they change, so that none is overwritten by one that did not know of it. Read the resource, and send its ETag in If-Match; If-Match: * overwrites whatever is there.",
	},
	{
		"payload-too-large", http.StatusRequestEntityTooLarge, "The body is too large",
		"The body is above the limit that the detail names. Send less, or a smaller file.",
	},
	{
		"unsupported-media-type", http.StatusUnsupportedMediaType, "The media type is not supported",
		"The Content-Type is missing or is none that is taken here, or the file is not what it claims to be. The detail lists what is taken.",
	},
	{
		"range-not-satisfiable", http.StatusRequestedRangeNotSatisfiable, "There is no such range",
		"The Range of the request begins past the end of the content. The Content-Range of the answer tells how long that is.",
	},
	{
		"idempotency-key-reused", http.StatusUnprocessableEntity, "The Idempotency-Key was used for another request",
		"A key stands for one request for 24 hours, and this one came with another body before. Use a fresh key for each new request.",
	},
	{
		"unauthenticated", http.StatusUnauthorized, "The caller is not known",
		"The request carries no valid credentials. Obtain a token and send it as Authorization: Bearer.",
	},
	{
		"forbidden", http.StatusForbidden, "The caller may not do this",
		"The credentials are valid but do not allow this operation: ask the operator of the service for the right to it. Or the request comes from a page of another site, or names the server by a name that is not its own: the detail names the setting that allows it.",
	},
	{
		"rate-limited", http.StatusTooManyRequests, "Too many requests",
		"The caller is above its share. Wait for as long as the Retry-After header says, then go on more slowly.",
	},
	{
		"internal", http.StatusInternalServerError, "The service failed",
		"This is a fault of the service, and it is logged there. If it comes back, report the instance of the problem to whoever runs the service.",
	},
	{
		"bad-upstream", http.StatusBadGateway, "A service behind the gateway gave no valid answer",
		"The service that the gateway asked broke off its answer. A GET, PUT or DELETE can be repeated at once, a POST with its Idempotency-Key.",
	},
	{
		"unavailable", http.StatusServiceUnavailable, "The service is not available",
		"A part of the service is down or overloaded for the moment. Try again after the time in the Retry-After header.",
	},
	{
		"upstream-timeout", http.StatusGatewayTimeout, "A service behind the gateway did not answer in time",
		"The service that the gateway asked took too long; the request may have been carried out. A GET, PUT or DELETE can be repeated, a POST with its Idempotency-Key.",
	},
}

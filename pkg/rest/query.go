package rest

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/list"
)

const (
	defaultPageSize = 50
	maxPageSize     = 1000
	maxIDs          = 100
	maxExact        = 1<<53 - 1 // the largest integer that every JSON client represents exactly
)

// Query is the query of a request, read strictly. If a parameter is wrong, its
// getter records a violation and returns the zero value; Err returns all
// violations, including unknown parameters and those given more than once. It
// is not safe for concurrent use.
type Query struct {
	values     url.Values
	unasked    map[string]struct{}
	filters    url.Values // in canonical form
	order      list.Order
	cursor     string // the cursor in page_token
	token      error
	violations []fault.Violation
}

// ReadQuery returns the query of a request. Errors: httpserver.ErrMalformed.
func ReadQuery(r *http.Request) (*Query, error) {
	values, err := ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	q := &Query{values: values, filters: url.Values{}, unasked: make(map[string]struct{}, len(values))}
	for name := range values {
		q.unasked[name] = struct{}{}
	}
	return q, nil
}

// ParseQuery parses the query of a URL. Errors: httpserver.ErrMalformed.
func ParseQuery(query string) (url.Values, error) {
	values, err := url.ParseQuery(query)
	switch {
	case err == nil:
		return values, nil
	case strings.Contains(query, ";"):
		return nil, httpserver.ErrMalformed.Detailf("the query cannot be read: parameters are separated by &, and a semicolon in a value is written as %%3B").Wrap(err)
	default:
		return nil, httpserver.ErrMalformed.Detailf("the query cannot be read: a %% is followed by two hexadecimal digits; the character itself is written as %%25").Wrap(err)
	}
}

// Takes returns a handler that refuses requests with query parameters other
// than names, or with one of them more than once.
func Takes(names ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Request.URL.RawQuery == "" {
			return
		}
		q, err := ReadQuery(c.Request)
		if err == nil {
			for _, name := range names {
				q.Text(name)
			}
			err = q.Err()
		}
		if err != nil {
			httpserver.Fail(c, err)
		}
	}
}

// Flag returns the only parameter of a request, which must be true or false;
// absent means false. Errors: fault.Invalid, httpserver.ErrMalformed.
func Flag(c *gin.Context, name string) (bool, error) {
	if c.Request.URL.RawQuery == "" {
		return false, nil
	}
	q, err := ReadQuery(c.Request)
	if err != nil {
		return false, err
	}
	return q.Bool(name), q.Err()
}

// Err returns a fault.Invalid with all violations. If there are none, it
// returns httpserver.ErrPageToken if After found a wrong token, otherwise nil.
func (q *Query) Err() error {
	for _, name := range slices.Sorted(maps.Keys(q.unasked)) {
		q.Violate(name, "is not a parameter of this request")
	}
	clear(q.unasked)
	return cmp.Or(fault.Invalidate(q.violations...), q.token)
}

// Violate records a violation of a parameter, for Err.
func (q *Query) Violate(name, detail string) {
	if len(q.violations) < maxViolations {
		q.violations = append(q.violations, fault.Violation{Pointer: name, Detail: detail})
	}
}

// get returns the value of a parameter that is given exactly once.
func (q *Query) get(name string) (value string, ok bool) {
	delete(q.unasked, name)
	switch values := q.values[name]; len(values) {
	case 0:
		return "", false
	case 1:
		return values[0], true
	}
	q.Violate(name, "must be given once")
	return "", false
}

// Text returns a filter of any text, or nil if it is absent.
func (q *Query) Text(name string) *string {
	value, ok := q.get(name)
	if !ok {
		return nil
	}
	q.filters.Set(name, value)
	return &value
}

// Int returns a filter that must be an integer in -(2^53-1)..2^53-1, or nil if
// it is absent.
func (q *Query) Int(name string) *int64 {
	value, ok := q.get(name)
	if !ok {
		return nil
	}
	n, err := parseExact(value)
	if err != nil {
		q.Violate(name, "must be an integer in -(2^53-1)..2^53-1")
		return nil
	}
	q.filters.Set(name, strconv.FormatInt(n, 10))
	return &n
}

func parseExact(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case strings.HasPrefix(s, "+"):
		err = strconv.ErrSyntax
	case err == nil && (n < -maxExact || n > maxExact):
		err = strconv.ErrRange
	}
	return n, err
}

// IDs returns a filter that must be 1 to 100 integers separated by commas, or
// nil if it is absent.
func (q *Query) IDs(name string) []int64 {
	value, ok := q.get(name)
	if !ok {
		return nil
	}
	parts := strings.SplitN(value, ",", maxIDs+1)
	ids := make([]int64, len(parts))
	for i, part := range parts {
		var err error
		if ids[i], err = parseExact(part); err != nil || i == maxIDs {
			q.Violate(name, "must be 1 to "+strconv.Itoa(maxIDs)+" integers with commas between them")
			return nil
		}
	}
	q.filters.Set(name, value)
	return ids
}

// Time returns a filter that must be a time in RFC 3339. The result is in UTC
// and rounded up to microseconds, the resolution of the databases. A time
// before 1970, when there was no data, becomes 1970, so the result is zero only
// if the filter is absent.
func (q *Query) Time(name string) time.Time {
	value, ok := q.get(name)
	if !ok {
		return time.Time{}
	}
	t, ok := parseTime(value)
	if !ok {
		q.Violate(name, "must be a time as in 2026-11-23T15:00:00Z (RFC 3339; in a query, + is written %2B)")
		return time.Time{}
	}
	if t = t.Add(time.Microsecond - 1).Truncate(time.Microsecond); t.Year() > 9999 {
		q.Violate(name, "must be before the year 10000, in UTC")
		return time.Time{}
	}
	if epoch := time.Unix(0, 0).UTC(); t.Before(epoch) {
		t = epoch
	}
	q.filters.Set(name, t.Format(time.RFC3339Nano))
	return t
}

// moment is the form of a time in RFC 3339. time.Parse also accepts other
// forms.
var moment = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$`)

// parseTime returns the time that s is in RFC 3339, in UTC. It does not accept
// leap seconds.
func parseTime(s string) (t time.Time, ok bool) {
	s = strings.ToUpper(s)
	if !moment.MatchString(s) {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, s)
	return t.UTC(), err == nil
}

// Bool returns a parameter that must be true or false; absent means false.
func (q *Query) Bool(name string) bool {
	value, ok := q.get(name)
	if ok && value != "true" && value != "false" {
		q.Violate(name, "must be true or false")
	}
	return value == "true"
}

// PageSize returns page_size: 50 if it is absent or 0, and at most 1,000. It
// must not be negative.
func (q *Query) pageSize() int {
	value, ok := q.get("page_size")
	if !ok {
		return defaultPageSize
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || n < 0 || strings.HasPrefix(value, "+") {
		q.Violate("page_size", "must be an integer, 0 or more")
	}
	if n == 0 {
		return defaultPageSize
	}
	return int(min(n, maxPageSize))
}

// Selection reads the options that a list and an export have in common:
// updated_since and order_by. idNames are the names of the order by id, of which
// the last is the default; with updated_since, the default is updated_at.
func (q *Query) Selection(idNames ...string) list.Options {
	o := list.Options{UpdatedSince: q.Time("updated_since")}
	q.order.By = idNames[len(idNames)-1]
	if !o.UpdatedSince.IsZero() {
		q.order.By = list.ByUpdated
	}
	if value, ok := q.get("order_by"); ok {
		names := append(slices.Clone(idNames), list.ByCreated, list.ByUpdated)
		if by, desc := strings.CutSuffix(value, " desc"); slices.Contains(names, by) {
			q.order = list.Order{By: by, Desc: desc}
		} else {
			q.Violate("order_by", `must be `+strings.Join(names, ", ")+`, or one of them followed by " desc"`)
		}
	}
	o.Order = q.order
	if !o.Order.ByTime() {
		o.Order.By = list.ByID
	}
	return o
}

// Paging returns o with the options that only a list has: include_total,
// page_size and page_token. Call it after every filter and the order have been
// read, because a page token is bound to them.
func (q *Query) Paging(o list.Options) list.Options {
	o.Total, o.Limit, o.After = q.Bool("include_total"), q.pageSize(), q.after()
	return o
}

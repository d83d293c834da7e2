package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/jsonscan"
)

// maxViolations bounds how much larger than its request an answer can be.
const maxViolations = 100

// Object is a JSON object that is read strictly. If a member is wrong, its
// getter records a violation and returns the zero value; Err returns all
// violations. Names are compared exactly. Members that no getter reads are
// ignored. It is not safe for concurrent use.
type Object struct {
	members    map[string][]byte
	violations []fault.Violation
}

// trimMark returns text without a leading byte order mark, which parsers of
// JSON may ignore (RFC 8259, section 8.1).
func trimMark(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\uFEFF")) }

// ParseObject parses a body that must be one JSON object in UTF-8 without
// duplicate names. A leading byte order mark is ignored. Errors:
//   - httpserver.ErrMalformed, with the place and the reason.
//   - fault.Invalid: it is JSON but not an object.
func ParseObject(body []byte) (*Object, error) {
	body = trimMark(body)
	if err := checkSyntax(body, "object"); err != nil {
		return nil, err
	}
	s := jsonscan.Scanner{Data: body}
	if kind := kindOf(s.Next()); kind != "an object" {
		return nil, fault.Invalidate(fault.Violation{Pointer: "", Detail: "must be an object, not " + kind})
	}
	o := &Object{members: make(map[string][]byte, 8)}
	for raw := range s.Object {
		name, _ := unquote(raw)
		if _, twice := o.members[name]; twice {
			return nil, malformed("/"+escapePointer(name), "occurs more than once")
		}
		o.members[name] = s.Value()
	}
	return o, nil
}

// checkSyntax returns nil if body is JSON, otherwise an
// httpserver.ErrMalformed. kind is the expected kind of value.
func checkSyntax(body []byte, kind string) error {
	switch {
	case json.Valid(body) && utf8.Valid(body):
		return nil
	case len(bytes.TrimSpace(body)) == 0:
		return malformed("", "the body is empty; send a JSON "+kind)
	case !utf8.Valid(body):
		return malformed("", "the body is not valid UTF-8")
	}
	var raw json.RawMessage
	err := json.Unmarshal(body, &raw)
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return malformed("", "the body is not valid JSON").Wrap(err)
	}
	read := string(body[:min(int(syntax.Offset), len(body))])
	line := 1 + strings.Count(read, "\n")
	column := utf8.RuneCountInString(read[strings.LastIndexByte(read, '\n')+1:])
	return malformed("", "the body is not valid JSON at line "+strconv.Itoa(line)+", column "+strconv.Itoa(column)+": "+syntax.Error()).Wrap(err)
}

// kindOf names the kind of the JSON value that begins with c.
func kindOf(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// Has reports whether the object has a member of that name, including null.
func (o *Object) Has(name string) bool {
	_, ok := o.members[name]
	return ok
}

// String returns a member that must be a string.
func (o *Object) String(name string) string {
	raw, ok := o.required(name)
	if !ok {
		return ""
	}
	if raw[0] != '"' {
		o.violate(pointer(name), "must be a string, not "+kindOf(raw[0]))
		return ""
	}
	s, ok := unquote(raw[1 : len(raw)-1])
	if !ok {
		o.violate(pointer(name), "must not contain half of a surrogate pair")
	}
	return s
}

// Int returns a member that must be a number with an integral value, in any
// notation. A number beyond -(2^53-1)..2^53-1 is returned as the least or the
// greatest int64, so that the rules of the member report their own range.
func (o *Object) Int(name string) int64 {
	raw, ok := o.required(name)
	if !ok {
		return 0
	}
	n, fit := parseInt(raw)
	switch {
	case fit == notNumber:
		o.violate(pointer(name), "must be an integer, not "+kindOf(raw[0]))
	case fit == notIntegral:
		o.violate(pointer(name), "must be an integer, without a fraction")
	case fit == outOfRange && raw[0] == '-':
		return math.MinInt64
	case fit == outOfRange:
		return math.MaxInt64
	}
	return n
}

// OptionalInt is Int for a member that may be missing or null. It returns nil
// then.
func (o *Object) OptionalInt(name string) *int64 {
	if raw, ok := o.members[name]; !ok || raw[0] == 'n' {
		return nil
	}
	n := o.Int(name)
	return &n
}

// Floats returns a member that must be an array of finite numbers, each as the
// nearest float64. A wrong element is recorded and left 0, so that the length
// is always that of the array.
func (o *Object) Floats(name string) []float64 {
	raw, ok := o.required(name)
	if !ok {
		return nil
	}
	if raw[0] != '[' {
		o.violate(pointer(name), "must be an array of numbers, not "+kindOf(raw[0]))
		return nil
	}
	floats := make([]float64, 0, 16)
	s := jsonscan.Scanner{Data: raw}
	for range s.Array {
		element, f := s.Value(), 0.0
		switch kind := kindOf(element[0]); kind {
		case "a number":
			var err error
			if f, err = strconv.ParseFloat(string(element), 64); err != nil {
				o.violate(pointer(name, strconv.Itoa(len(floats))), "must be a finite number: it is beyond the range of a double")
				f = 0
			}
		default:
			o.violate(pointer(name, strconv.Itoa(len(floats))), "must be a number, not "+kind)
		}
		floats = append(floats, f)
	}
	return floats
}

// Given returns the result of get, a getter of Object, or nil if the object
// does not have the member.
func Given[T any](o *Object, name string, get func(*Object, string) T) *T {
	if !o.Has(name) {
		return nil
	}
	value := get(o, name)
	return &value
}

// ReadOnly records a violation for each member with one of these names, because
// only the service sets them.
func (o *Object) ReadOnly(names ...string) {
	for _, name := range names {
		if o.Has(name) {
			o.violate(pointer(name), "is read-only: leave it out")
		}
	}
}

// Err returns nil, or a fault.Invalid with all recorded violations, followed by
// those of rules, the error of the domain's own check. Violations of rules at
// or below a member that already has one are omitted, as are recorded ones
// beyond 100. If rules is an error of another kind, Err returns it unchanged.
func (o *Object) Err(rules error) error {
	violations := slices.Clone(o.violations)
	if rules != nil {
		f, ok := errors.AsType[*fault.Error](rules)
		if !ok || f.Kind != fault.Invalid || len(violations) == 0 {
			return rules
		}
		for _, v := range f.Violations {
			if !slices.ContainsFunc(o.violations, func(noted fault.Violation) bool { return below(v.Pointer, noted.Pointer) }) {
				violations = append(violations, v)
			}
		}
	}
	return fault.Invalidate(violations...)
}

// below reports whether pointer points to the target of ancestor or to a part
// of it.
func below(pointer, ancestor string) bool {
	rest, ok := strings.CutPrefix(pointer, ancestor)
	return ok && (rest == "" || rest[0] == '/')
}

// required returns a member that must exist and not be null.
func (o *Object) required(name string) (raw []byte, ok bool) {
	raw, ok = o.members[name]
	switch {
	case !ok:
		o.violate(pointer(name), "is required")
	case raw[0] == 'n':
		o.violate(pointer(name), "must not be null")
		ok = false
	}
	return raw, ok
}

func (o *Object) violate(pointer, detail string) {
	if len(o.violations) < maxViolations {
		o.violations = append(o.violations, fault.Violation{Pointer: pointer, Detail: detail})
	}
}

func pointer(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteByte('/')
		b.WriteString(escapePointer(name))
	}
	return b.String()
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func escapePointer(name string) string { return pointerEscapes.Replace(name) }

package settings

import (
	"encoding"
	"errors"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Port is a TCP port, 1 to 65535.
type Port int

var errPort = errors.New("must be a whole number in 1..65535")

// UnmarshalText parses the decimal digits of a port.
func (p *Port) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 16)
	if err != nil || n == 0 {
		return errPort
	}
	*p = Port(n)
	return nil
}

var spannerDatabase = regexp.MustCompile(`^projects/[^/]+/instances/[^/]+/databases/[^/]+$`)

// IsSpannerDatabase reports whether name is the full name of a database:
// projects/P/instances/I/databases/D.
func IsSpannerDatabase(name string) bool { return spannerDatabase.MatchString(name) }

// variable describes a leaf of a config type.
type variable struct {
	name, defaultValue, desc string
	required                 bool
	typ                      reflect.Type
}

// variables returns the variables of cfg, a pointer to a struct, in the order
// of the fields. A variable that occurs twice is listed at its first place.
func variables(cfg any) []variable {
	var vars []variable
	seen := map[string]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for f := range t.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("env"), ",")
			switch {
			case !f.IsExported() || name == "-":
			case name == "" && f.Type.Kind() == reflect.Struct:
				walk(f.Type)
			case name != "" && !seen[name]:
				seen[name] = true
				vars = append(vars, variable{
					name:         name,
					defaultValue: f.Tag.Get("envDefault"),
					desc:         f.Tag.Get("desc"),
					required:     slices.Contains(strings.Split(options, ","), "required"),
					typ:          f.Type,
				})
			}
		}
	}
	walk(reflect.TypeOf(cfg).Elem())
	return vars
}

func (v variable) defaultText() string {
	switch {
	case v.required:
		return "(required)"
	case v.defaultValue == "":
		return "-"
	}
	return v.defaultValue
}

// expectation describes the values that the variable accepts. It uses the error
// only if it comes from the type's own UnmarshalText, because other errors may
// contain the value.
func (v variable) expectation(err error) string {
	if reflect.PointerTo(v.typ).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return err.Error()
	}
	switch v.typ {
	case reflect.TypeFor[url.URL]():
		return "must be a URL"
	case reflect.TypeFor[bool]():
		return "must be true or false"
	case reflect.TypeFor[int]():
		return "must be a whole number of at most 64 bits"
	}
	return "is malformed: must be a " + v.typ.String()
}

// validators returns every Validator in cfg, a pointer to a struct, innermost
// first.
func validators(cfg any) []Validator {
	var found []Validator
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		for f, value := range v.Fields() {
			if f.IsExported() && f.Type.Kind() == reflect.Struct {
				walk(value)
			}
		}
		if validator, ok := reflect.TypeAssert[Validator](v.Addr()); ok {
			found = append(found, validator)
		}
	}
	walk(reflect.ValueOf(cfg).Elem())
	return found
}

func zeroLike(cfg any) any {
	return reflect.New(reflect.TypeOf(cfg).Elem()).Interface()
}

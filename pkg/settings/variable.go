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
	"time"
)

// Port is a TCP port, 1..65535.
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

// IsSpannerDatabase reports whether name is a database's full name, as in
// projects/P/instances/I/databases/D.
func IsSpannerDatabase(name string) bool { return spannerDatabase.MatchString(name) }

// variable describes a leaf of a config type.
type variable struct {
	name, defaultValue, desc string
	required                 bool
	typ                      reflect.Type
}

// variables returns those of cfg, a pointer to a struct, in the order of its
// fields; one that occurs twice, at its first place.
func variables(cfg any) []variable {
	var vars []variable
	seen := map[string]bool{}
	var walk func(t reflect.Type, prefix string)
	walk = func(t reflect.Type, prefix string) {
		for f := range t.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("env"), ",")
			switch {
			case !f.IsExported() || name == "-":
			case name == "" && f.Type.Kind() == reflect.Struct:
				walk(f.Type, prefix+f.Tag.Get("envPrefix"))
			case name != "" && !seen[prefix+name]:
				seen[prefix+name] = true
				vars = append(vars, variable{
					name:         prefix + name,
					defaultValue: f.Tag.Get("envDefault"),
					desc:         f.Tag.Get("desc"),
					required:     slices.Contains(strings.Split(options, ","), "required"),
					typ:          f.Type,
				})
			}
		}
	}
	walk(reflect.TypeOf(cfg).Elem(), "")
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

// expectation says what a value of the variable has to look like. Only a
// type's own UnmarshalText is trusted not to repeat the value.
func (v variable) expectation(err error) string {
	if reflect.PointerTo(v.typ).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return err.Error()
	}
	switch v.typ {
	case reflect.TypeFor[time.Duration]():
		return `must be a duration such as "1.5s" or "2h"`
	case reflect.TypeFor[url.URL](), reflect.TypeFor[*url.URL]():
		return "must be a URL"
	}
	switch v.typ.Kind() {
	case reflect.Bool:
		return "must be true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "must be a whole number" + bits(v.typ)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "must be a whole number, not negative," + bits(v.typ)
	case reflect.Float32, reflect.Float64:
		return "must be a number"
	}
	return "is malformed: must be a " + v.typ.String()
}

func bits(t reflect.Type) string { return " of at most " + strconv.Itoa(t.Bits()) + " bits" }

// validators returns every Validator in cfg, a pointer to a struct: the
// innermost first.
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

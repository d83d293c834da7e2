package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/jsonscan"
)

// rebuilt splits the value in text at the top level and joins it again without
// space.
func rebuilt(text string) (again string, ok bool) {
	s := jsonscan.Scanner{Data: []byte(text)}
	var parts []string
	switch s.Next() {
	case '{':
		for name := range s.Object {
			parts = append(parts, `"`+string(name)+`":`+string(s.Value()))
		}
		return "{" + strings.Join(parts, ",") + "}", s.End()
	case '[':
		for range s.Array {
			parts = append(parts, string(s.Value()))
		}
		return "[" + strings.Join(parts, ",") + "]", s.End()
	}
	return string(s.Value()), s.End()
}

func TestScanner(t *testing.T) {
	for text, want := range map[string]string{
		` { "a" : -1.50e+2 , "\"b\\" : [ {"c":"]}"} ] , "a":null } `: `{"a":-1.50e+2,"\"b\\":[ {"c":"]}"} ],"a":null}`,
		"[true,\t\"\\\\\" ,\r\n{ }]":                                 `[true,"\\",{ }]`,
		"{ }":                                                        "{}",
		" [ ] ":                                                      "[]",
		" 0 ":                                                        "0",
		`""`:                                                         `""`,
		"false":                                                      "false",
	} {
		if got, ok := rebuilt(text); !ok || got != want {
			t.Errorf("%s is %s, %t; want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", " ", "{", "[", `"`, `"\`, `"\"`, "nul", "x", "{}}", "[]1", "[1", "[1,", "[1,]", "[1 2]", "[}", "[[1]", `["]`, "truefalse",
		`{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a" 1}`, `{1:1}`, `{"a":1 "b":2}`, `{"a":}`, `{,}`,
	} {
		if got, ok := rebuilt(text); ok {
			t.Errorf("%s passes for %s", text, got)
		}
	}
}

// FuzzScanner compares the scanner with encoding/json. On input that is not
// JSON, the scanner only has to terminate.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		` { "a" : -1.50e+2 , "\"b\\" : [ {"c":"]}"} ] , "a":null } `, `[true,"\\", {}]`, "{", "[1,", `{"a":1,}`, `"\"`, "nul", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		again, ok := rebuilt(text)
		var want, got bytes.Buffer
		if json.Compact(&want, []byte(text)) != nil {
			return
		}
		if err := json.Compact(&got, []byte(again)); err != nil || !ok || got.String() != want.String() {
			t.Errorf("%s becomes %s, %t: %v", text, again, ok, err)
		}
	})
}

func TestMember(t *testing.T) {
	for object, want := range map[string]string{
		`{"a":{"b":[1]},"b":[ 2, "}" ],"c":3}`: `[ 2, "}" ]`,
		`{"b":"","b":1}`:                       `""`,
		`{"a":{"b":1}}`:                        ``,
		`{}`:                                   ``,
		`["b"]`:                                ``,
		``:                                     ``,
	} {
		if got := jsonscan.Member([]byte(object), "b"); string(got) != want {
			t.Errorf("Member(%s) = %s, want %s", object, got, want)
		}
	}
}

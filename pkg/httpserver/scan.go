package httpserver

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
)

// scanner takes apart text that is known to be valid JSON.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// object yields the members of the object at the scanner's place. A value has
// no space round it.
func (s *scanner) object() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for s.next('}') {
			name, _ := unquote(s.value())
			s.space()
			s.at++ // the colon
			s.space()
			if !yield(name, s.value()) {
				return
			}
		}
	}
}

// array yields the elements of the array at the scanner's place.
func (s *scanner) array() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for s.next(']') {
			if !yield(s.value()) {
				return
			}
		}
	}
}

// next goes over the bracket or comma before an element, and the space behind
// it, and reports whether an element follows and not the closing bracket.
func (s *scanner) next(closing byte) bool {
	s.space()
	if s.text[s.at] == closing {
		return false
	}
	s.at++
	s.space()
	return s.text[s.at] != closing
}

// value goes over the value at the scanner's place and returns its text.
func (s *scanner) value() []byte {
	start := s.at
	switch s.text[s.at] {
	case '"':
		s.skipString()
	case '{', '[':
		s.skipNested()
	default: // a number, true, false or null
		s.skipWord()
	}
	return s.text[start:s.at]
}

func (s *scanner) skipWord() {
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return
		}
	}
}

func (s *scanner) skipString() {
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
}

func (s *scanner) skipNested() {
	for depth := 0; ; {
		switch s.text[s.at] {
		case '"':
			s.skipString()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.at++
		if depth == 0 {
			return
		}
	}
}

// unquote returns the string of a JSON string's text. It is not ok if an
// escape stands for half of a surrogate pair, which no string can hold; U+FFFD
// takes its place.
func unquote(raw []byte) (s string, ok bool) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	_ = json.Unmarshal(raw, &s) // raw is known to be valid
	return s, pairedSurrogates(raw)
}

func pairedSurrogates(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		r := unicodeEscape(raw[i-1:])
		i += 4
		if !utf16.IsSurrogate(r) {
			continue
		}
		if utf16.DecodeRune(r, unicodeEscape(raw[i+1:])) == '\uFFFD' {
			return false
		}
		i += 6
	}
	return true
}

// unicodeEscape returns the code unit of the \u escape that raw begins with, or
// 0 if it begins with something else.
func unicodeEscape(raw []byte) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0
	}
	unit, _ := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return rune(unit)
}

// maxSafeInt is 2^53-1: up to it, every JSON client keeps an integer exact.
const (
	maxSafeInt    = 1<<53 - 1
	maxSafeDigits = 16
	maxExponent   = 1 << 30
)

type intFit uint8

const (
	isInt intFit = iota
	notNumber
	notIntegral
	outOfRange
)

// parseInt returns the value of a JSON number that is an integer of at most
// maxSafeInt in size. It is exact, and its cost does not depend on the
// exponent.
func parseInt(raw []byte) (int64, intFit) {
	if kindOf(raw[0]) != "a number" {
		return 0, notNumber
	}
	text := string(raw)
	number, negative := strings.CutPrefix(text, "-")
	mantissa, exponent := number, ""
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		mantissa, exponent = number[:i], number[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	// The value is digits * 10^(scale+exponent), and digits ends in no zero.
	all := whole + fraction
	digits := strings.TrimRight(all, "0")
	scale := len(all) - len(digits) - len(fraction)
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return 0, isInt
	}
	if exponent != "" {
		// Beyond the bounds, which Atoi cuts to as well, nothing that fits into
		// a body can make up for the exponent.
		e, _ := strconv.Atoi(exponent)
		scale += max(-maxExponent, min(e, maxExponent))
	}
	switch {
	case scale < 0:
		return 0, notIntegral
	case scale > maxSafeDigits || len(digits)+scale > maxSafeDigits:
		return 0, outOfRange
	}
	n, _ := strconv.ParseInt(digits+strings.Repeat("0", scale), 10, 64)
	if n > maxSafeInt {
		return 0, outOfRange
	}
	if negative {
		n = -n
	}
	return n, isInt
}

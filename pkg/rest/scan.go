package rest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf16"
)

// unquote returns the value of a valid JSON string, which is passed without its
// quotes. ok is false if an escape is half of a surrogate pair, which no string
// can contain; U+FFFD replaces it.
func unquote(raw []byte) (s string, ok bool) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw), true
	}
	_ = json.Unmarshal([]byte(`"`+string(raw)+`"`), &s)
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

// unicodeEscape returns the code unit of the \u escape at the start of raw, or
// 0 if there is none.
func unicodeEscape(raw []byte) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0
	}
	unit, _ := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return rune(unit)
}

const (
	maxExactDigits = 16 // digits of maxExact
	maxExponent    = 1 << 30
)

type intFit uint8

const (
	isInt intFit = iota
	notNumber
	notIntegral
	outOfRange
)

// parseInt returns the value of a JSON number that is an integer with an
// absolute value of at most maxExact. It is exact, and its cost does not depend
// on the exponent.
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
	// The value is digits * 10^(scale+exponent), and digits has no trailing
	// zero.
	all := whole + fraction
	digits := strings.TrimRight(all, "0")
	scale := len(all) - len(digits) - len(fraction)
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return 0, isInt
	}
	if exponent != "" {
		// Atoi saturates, and digits that fit into a body cannot compensate for
		// a saturated exponent.
		e, _ := strconv.Atoi(exponent)
		scale += max(-maxExponent, min(e, maxExponent))
	}
	switch {
	case scale < 0:
		return 0, notIntegral
	case scale > maxExactDigits || len(digits)+scale > maxExactDigits:
		return 0, outOfRange
	}
	n, _ := strconv.ParseInt(digits+strings.Repeat("0", scale), 10, 64)
	if n > maxExact {
		return 0, outOfRange
	}
	if negative {
		n = -n
	}
	return n, isInt
}

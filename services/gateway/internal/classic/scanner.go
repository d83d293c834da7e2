package classic

import (
	"bytes"
	"strings"
)

// scanner walks through JSON in one pass and hands out values as they stand in
// the source, so that a number keeps its last digit. It checks the structure
// and what scalars are made of, not each rule of the grammar. Whatever it is
// fed, it ends; broken tells that what it met was not JSON.
type scanner struct {
	data   []byte
	pos    int
	broken bool
}

// object yields the name of each member of the object at the scanner; the loop
// body has to consume the value.
func (s *scanner) object(yield func(name []byte) bool) {
	s.expect('{')
	if s.next() == '}' {
		s.pos++
		return
	}
	for !s.broken {
		name := s.value()
		s.expect(':')
		if s.broken || len(name) < 2 || name[0] != '"' {
			s.broken = true
			return
		}
		if !yield(name[1:len(name)-1]) || s.last('}') {
			return
		}
	}
}

// array yields once for each element of the array at the scanner; the loop
// body has to consume it.
func (s *scanner) array(yield func() bool) {
	s.expect('[')
	if s.next() == ']' {
		s.pos++
		return
	}
	for !s.broken {
		if !yield() || s.last(']') {
			return
		}
	}
}

// last consumes a comma or end, and reports whether it was end.
func (s *scanner) last(end byte) bool {
	if s.next() == end {
		s.pos++
		return true
	}
	s.expect(',')
	return false
}

// value consumes a value of any kind and returns its source.
func (s *scanner) value() []byte {
	first := s.next()
	start := s.pos
	switch first {
	case '"':
		s.skipString()
	case '{', '[':
		s.skipComposite()
	default:
		s.skipScalar()
	}
	return s.data[start:s.pos]
}

// end reports whether all was JSON and nothing is left.
func (s *scanner) end() bool {
	return s.next() == 0 && s.pos >= len(s.data) && !s.broken
}

// next returns the byte after white space without consuming it, 0 at the end.
func (s *scanner) next() byte {
	for ; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) expect(c byte) {
	if s.broken || s.next() != c {
		s.broken = true
		return
	}
	s.pos++
}

func (s *scanner) skipString() {
	for i := s.pos + 1; i < len(s.data); i++ {
		switch s.data[i] {
		case '\\':
			i++ // what it escapes
		case '"':
			s.pos = i + 1
			return
		}
	}
	s.broken, s.pos = true, len(s.data)
}

func (s *scanner) skipComposite() {
	for depth := 0; s.pos < len(s.data); {
		switch s.data[s.pos] {
		case '"':
			s.skipString()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.pos++
		if depth == 0 {
			return
		}
	}
	s.broken = true
}

func (s *scanner) skipScalar() {
	start := s.pos
	for s.pos < len(s.data) && strings.IndexByte("0123456789-.+eE", s.data[s.pos]) >= 0 {
		s.pos++
	}
	if s.pos > start {
		return
	}
	for _, literal := range [...]string{"null", "true", "false"} {
		if bytes.HasPrefix(s.data[start:], []byte(literal)) {
			s.pos += len(literal)
			return
		}
	}
	s.broken = true
}

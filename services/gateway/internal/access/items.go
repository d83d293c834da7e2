package access

import "io"

// itemCounter counts the items of a batch while its body is read: the elements
// of a JSON array, or lines.
type itemCounter struct {
	io.ReadCloser

	lines             bool
	depth             int
	inString, escaped bool
	separators        int
	read              bool
}

func (i *itemCounter) Read(p []byte) (int, error) {
	n, err := i.ReadCloser.Read(p)
	i.read = i.read || n > 0
	for _, b := range p[:n] {
		i.step(b)
	}
	return n, err
}

func (i *itemCounter) step(b byte) {
	switch {
	case i.lines:
		if b == '\n' {
			i.separators++
		}
	case i.escaped:
		i.escaped = false
	case i.inString:
		i.escaped, i.inString = b == '\\', b != '"'
	case b == '"':
		i.inString = true
	case b == '[', b == '{':
		i.depth++
	case b == ']', b == '}':
		i.depth--
	case b == ',' && i.depth == 1:
		i.separators++
	}
}

// count returns the number of items; a last line that does not end, or is
// empty, may make a difference of one.
func (i *itemCounter) count() int {
	if i.read && !i.lines {
		return i.separators + 1
	}
	return i.separators
}

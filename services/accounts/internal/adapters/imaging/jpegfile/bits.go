package jpegfile

// bits reads the entropy-coded data of a scan, most significant bit first. It
// ends before the first marker.
type bits struct {
	data   []byte
	pos    int    // of the next byte that is not in acc
	acc    uint64 // the next n bits, from the most significant bit down
	n      int
	failed bool // the data had too few bits, or a code that no table has
}

// fill makes at least 32 bits available, unless the data ends before.
func (r *bits) fill() {
	for r.n <= 56 && r.pos < len(r.data) {
		b := r.data[r.pos]
		if b == 0xff {
			if r.pos+1 >= len(r.data) || r.data[r.pos+1] != 0 {
				return
			}
			r.pos++
		}
		r.pos++
		r.acc |= uint64(b) << (56 - r.n)
		r.n += 8
	}
}

func (r *bits) take(count int) uint64 {
	value := r.acc >> (64 - count) // 0 if count is 0
	r.n -= count
	if r.n < 0 {
		r.failed, r.n = true, 0
	}
	r.acc <<= count
	return value
}

// read returns the next count bits, at most 16, as a number.
func (r *bits) read(count int) int {
	if r.n < count {
		r.fill()
	}
	return int(r.take(count))
}

// extend returns the next count bits, at most 16, as F.2.2.1 of T.81 extends
// them to a signed number.
func (r *bits) extend(count int) int {
	value := r.read(count)
	if count > 0 && value < 1<<(count-1) {
		value += 1 - 1<<count
	}
	return value
}

// align drops the bits that fill up the last byte and returns the position of
// the first byte that was not needed.
func (r *bits) align() int {
	for ; r.n >= 8; r.n -= 8 {
		r.pos--
		if r.data[r.pos] == 0 && r.pos > 0 && r.data[r.pos-1] == 0xff {
			r.pos--
		}
	}
	r.acc, r.n = 0, 0
	return r.pos
}

const fastBits = 9

// huffman is a table of codes; see T.81, Annex C.
type huffman struct {
	fast    [1 << fastBits]uint16 // by the next bits: length<<8 | symbol of the code they begin with; 0 if it is longer
	end     [17]int               // by length: the number after the largest code, 0 if there is none
	offset  [17]int               // by length: the difference between a code and the index of its symbol
	symbols []byte
}

// newHuffman returns a table, or nil if there cannot be so many codes of these
// lengths.
func newHuffman(counts *[16]byte, symbols []byte) *huffman {
	h := &huffman{symbols: symbols}
	code, index := 0, 0
	for length := 1; length <= 16; length++ {
		h.offset[length] = index - code
		for range counts[length-1] {
			if code >= 1<<length {
				return nil
			}
			if length <= fastBits {
				first := code << (fastBits - length)
				for i := range 1 << (fastBits - length) {
					h.fast[first+i] = uint16(length)<<8 | uint16(symbols[index])
				}
			}
			code++
			index++
			h.end[length] = code
		}
		code <<= 1
	}
	return h
}

// symbol returns the symbol of the next code.
func (r *bits) symbol(h *huffman) int {
	if r.n < 16 {
		r.fill()
	}
	if entry := h.fast[r.acc>>(64-fastBits)]; entry != 0 {
		r.take(int(entry >> 8))
		return int(entry & 0xff)
	}
	for length := fastBits + 1; length <= 16; length++ {
		if code := int(r.acc >> (64 - length)); code < h.end[length] {
			r.take(length)
			return int(h.symbols[h.offset[length]+code])
		}
	}
	r.failed = true
	return 0
}

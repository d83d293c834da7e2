package jpegfile

import (
	"context"
	"slices"
)

// zigzag is the order of the coefficients in the file, as indexes of a block's
// rows.
var zigzag = [64]byte{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// scan is one walk through the image.
type scan struct {
	selection
	d            *decoder
	components   []scanned
	decode       func(*[64]int16, *scanned)
	bits         bits
	skipped      int       // blocks that have no more coefficients in this scan
	coefficients [64]int16 // of a block that is not kept; zero before each
}

// scanned is a component in a scan.
type scanned struct {
	*component
	dc, ac *huffman
	last   int // DC coefficient
}

// selection is the part of an image that a scan has, as its header says.
type selection struct {
	components []*component
	first      int // coefficient
	last       int // coefficient
	refines    bool
	shift      int // how many of the low bits of each coefficient are left out
}

// selection returns the selection of the scan with this header from components,
// which are those of the image. Some files give several components the same
// name. A scan then names them in their order. Errors: an Error.
func (f *File) selection(components []component, header []byte) (selection, error) {
	if len(header) < 1 || len(header) != 4+2*int(header[0]) || header[0] < 1 || int(header[0]) > len(components) {
		return selection{}, Error("a scan of the JPEG has a header of a wrong length")
	}
	n := int(header[0])
	s := selection{last: 63}
	blocks := 0
	for i := range n {
		c := s.named(components, header[1+2*i])
		if c == nil {
			return s, Error("a scan of the JPEG names a component that the image does not have, or names one twice")
		}
		blocks += c.h * c.v
		s.components = append(s.components, c)
	}
	if n > 1 && blocks > 10 {
		return s, Error("a scan of the JPEG has more than 10 blocks in a unit")
	}
	if !f.Progressive {
		return s, nil
	}
	err := s.choose(header[1+2*n:])
	return s, err
}

// named returns the first component with that name that is not selected yet, nil
// if there is none.
func (s *selection) named(components []component, id byte) *component {
	for i := range components {
		if c := &components[i]; c.id == id && !slices.Contains(s.components, c) {
			return c
		}
	}
	return nil
}

// choose takes the coefficients and bits of a scan of a progressive image.
func (s *selection) choose(parameters []byte) error {
	s.first, s.last = int(parameters[0]), int(parameters[1])
	high, low := int(parameters[2]>>4), int(parameters[2]&0x0f)
	s.refines, s.shift = high > 0, low
	if s.first > s.last || s.last > 63 || s.first == 0 && s.last > 0 || s.first > 0 && len(s.components) > 1 ||
		low > 13 || s.refines && high != low+1 {
		return Error("a scan of the JPEG selects coefficients or bits that it cannot have")
	}
	return nil
}

// mark notes that the components have these coefficients.
func (s *selection) mark() {
	for _, c := range s.components {
		for k := s.first; k <= s.last; k++ {
			c.missing[k] = byte(s.shift)
		}
	}
}

// complete reports whether each component has had all its coefficients, to the
// last bit.
func complete(components []component) bool {
	return !slices.ContainsFunc(components, func(c component) bool { return c.missing != [64]byte{} })
}

// newScan returns the scan with this header.
func (d *decoder) newScan(header []byte) (*scan, error) {
	selected, err := d.selection(d.components, header)
	if err != nil {
		return nil, err
	}
	s := &scan{d: d, selection: selected}
	switch {
	case !d.Progressive:
		s.decode = s.sequential
	case s.first == 0 && s.refines:
		s.decode = s.refineDC
	case s.first == 0:
		s.decode = s.firstDC
	case s.refines:
		s.decode = s.refineAC
	default:
		s.decode = s.firstAC
	}
	for i, c := range selected.components {
		s.components = append(s.components, scanned{component: c})
		if err := s.use(&s.components[i], header[2+2*i]); err != nil {
			return nil, err
		}
	}
	selected.mark()
	d.use(slotRestart, 0)
	return s, nil
}

// use finds the tables of a component and notes that they are needed.
func (s *scan) use(c *scanned, selectors byte) error {
	dc, ac := selectors>>4, selectors&0x0f
	needsDC := s.first == 0 && !s.refines
	needsAC := s.last > 0
	if needsDC {
		if d := s.d.use(slotDC, dc); d != nil {
			c.dc = d.huffman
		}
	}
	if needsAC {
		if d := s.d.use(slotAC, ac); d != nil {
			c.ac = d.huffman
		}
	}
	if c.quant == nil {
		if d := s.d.use(slotQuant, c.quantID); d != nil {
			c.quant = d.quant
		}
	}
	switch {
	case needsDC && c.dc == nil, needsAC && c.ac == nil:
		return Error("a scan of the JPEG needs a Huffman table that is not there")
	case c.quant == nil:
		return Error("a component of the JPEG needs a quantization table that is not there")
	}
	return nil
}

// run decodes the scan, whose entropy-coded bytes are at the start of data. It
// calls keep with those that are needed, piece by piece, and returns how many
// there were in all.
func (s *scan) run(ctx context.Context, data []byte, keep func([]byte)) (int, error) {
	s.bits = bits{data: data}
	across, down := s.d.unitsAcross, s.d.unitsDown
	single := len(s.components) == 1
	if single {
		across, down = s.components[0].blocksAcross, s.components[0].blocksDown
	}
	start, left, restarts := 0, s.d.restart, 0
	for y := range down {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		for x := range across {
			if s.d.restart > 0 && left == 0 {
				end := s.bits.align()
				next := nextRestart(data[end:], restarts)
				if next < 0 {
					return 0, Error("a restart marker of the JPEG is missing")
				}
				if next > 0 { // bytes that belong to nothing
					keep(data[start:end])
					start = end + next
				}
				s.bits.pos = end + next + 2
				restarts, left, s.skipped = restarts+1, s.d.restart, 0
				for i := range s.components {
					s.components[i].last = 0
				}
			}
			left--
			s.unit(x, y, single)
			if s.bits.failed {
				return 0, ErrCut
			}
		}
	}
	end := s.bits.align()
	keep(data[start:end])
	return end, nil
}

// nextRestart returns where the restart marker is that follows so many others,
// -1 if there is none before the next marker of another kind.
func nextRestart(data []byte, before int) int {
	for i := 0; i+1 < len(data); i++ {
		if data[i] == 0xff && data[i+1] != 0 && data[i+1] != 0xff {
			switch code := data[i+1]; {
			case int(code) == markerRST0+before%8:
				return i
			case code < markerRST0 || code > markerRST7:
				return -1
			}
		}
	}
	return -1
}

// unit decodes a unit: a block, or if the scan has several components, each
// one's share.
func (s *scan) unit(x, y int, single bool) {
	if single {
		s.block(&s.components[0], x, y)
		return
	}
	for i := range s.components {
		c := &s.components[i]
		for v := range c.v {
			for h := range c.h {
				s.block(c, x*c.h+h, y*c.v+v)
			}
		}
	}
}

func (s *scan) block(c *scanned, x, y int) {
	if s.d.Progressive {
		s.decode((*[64]int16)(c.coefficients[(y*c.stride+x)*64:]), c)
		return
	}
	s.decode(&s.coefficients, c)
	if c.samples != nil {
		idct(&s.coefficients, c.quant, c.samples[y*64*c.stride+x*8:], 8*c.stride)
		clear(s.coefficients[:])
	}
}

func (s *scan) sequential(b *[64]int16, c *scanned) {
	r := &s.bits
	c.last += r.extend(min(r.symbol(c.dc), 16))
	b[0] = int16(c.last)
	for k := 1; k < 64; k++ {
		symbol := r.symbol(c.ac)
		size := symbol & 0x0f
		if size == 0 {
			if symbol != 0xf0 {
				return
			}
			k += 15
			continue
		}
		k += symbol >> 4
		value := r.extend(size)
		if k > 63 {
			return
		}
		b[zigzag[k]] = int16(value)
	}
}

func (s *scan) firstDC(b *[64]int16, c *scanned) {
	c.last += s.bits.extend(min(s.bits.symbol(c.dc), 16))
	b[0] = int16(c.last << s.shift)
}

func (s *scan) refineDC(b *[64]int16, _ *scanned) {
	b[0] |= int16(s.bits.read(1) << s.shift)
}

// skip takes how many blocks, this one included, have no more coefficients.
func (s *scan) skip(run int) {
	s.skipped = 1<<run + s.bits.read(run)
}

func (s *scan) firstAC(b *[64]int16, c *scanned) {
	for k := s.first; s.skipped == 0 && k <= s.last; k++ {
		symbol := s.bits.symbol(c.ac)
		run, size := symbol>>4, symbol&0x0f
		switch {
		case size == 0 && run < 15:
			s.skip(run)
			continue
		case size == 0:
			k += 15
			continue
		}
		k += run
		if value := s.bits.extend(size); k <= s.last {
			b[zigzag[k]] = int16(value << s.shift)
		}
	}
	if s.skipped > 0 {
		s.skipped--
	}
}

func (s *scan) refineAC(b *[64]int16, c *scanned) {
	k := s.first
	for ; s.skipped == 0 && k <= s.last; k++ {
		symbol := s.bits.symbol(c.ac)
		run, value := symbol>>4, int16(0)
		switch {
		case symbol&0x0f > 0 && s.bits.read(1) > 0:
			value = 1 << s.shift
		case symbol&0x0f > 0:
			value = -1 << s.shift
		case run < 15:
			s.skip(run)
		}
		if s.skipped > 0 {
			break
		}
		if k = s.refine(b, k, run); k <= s.last && value != 0 {
			b[zigzag[k]] = value
		}
	}
	if s.skipped > 0 {
		s.refine(b, k, 64)
		s.skipped--
	}
}

// refine adds a bit to each coefficient from k on that is not zero, passes over
// so many that are, and returns where the next zero is.
func (s *scan) refine(b *[64]int16, k, zeros int) int {
	for ; k <= s.last; k++ {
		c := &b[zigzag[k]]
		if *c == 0 {
			if zeros == 0 {
				break
			}
			zeros--
			continue
		}
		if s.bits.read(1) > 0 && *c&(1<<s.shift) == 0 {
			if *c > 0 {
				*c += 1 << s.shift
			} else {
				*c -= 1 << s.shift
			}
		}
	}
	return k
}

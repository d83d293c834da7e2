package jpegfile

import (
	"context"
	"encoding/binary"
	"image"
)

// The slots of tables: class and number.
const (
	slotDC      = 0x00
	slotAC      = 0x10
	slotQuant   = 0x20
	slotRestart = 0x30
)

// definition is a table, or a restart interval, as a segment defines it.
type definition struct {
	raw     []byte
	used    bool
	huffman *huffman
	quant   *[64]uint16
	restart int
}

// piece is a part of the clean file: necessary bytes, or definitions, some of
// which may be necessary.
type piece struct {
	raw         []byte
	code        byte // of the segment of definitions
	definitions []*definition
}

// decoder decodes a File once.
type decoder struct {
	*File
	components             []component // shadows those of the File
	unitsAcross, unitsDown int
	restart                int // units; 0 if there are no restarts
	tables                 [0x40]*definition
	pieces                 []piece
	adobeAt                int // the piece of Adobe's segment; -1 if there is none
	jfifAt                 int // as adobeAt
	profile                profile
}

// Clean returns the file without the data that its picture does not need, and
// the segments with its colour profile. A file that is clean already is
// returned unchanged. Clean reads all pixels. Errors: an Error; the error of
// ctx.
func (f *File) Clean(ctx context.Context) (content, profile []byte, err error) {
	d := f.decoder()
	if err := d.decode(ctx); err != nil {
		return nil, nil, err
	}
	return d.assemble(), d.profile.segments(), nil
}

// Decode returns the picture, as an *image.Gray, *image.YCbCr, or *image.RGBA,
// and the segments that hold its colour profile. Errors: an Error; ctx's.
func (f *File) Decode(ctx context.Context) (img image.Image, profile []byte, err error) {
	d := f.decoder()
	for i := range d.components {
		c := &d.components[i]
		c.samples = make([]byte, 64*c.stride*c.rows)
	}
	if err := d.decode(ctx); err != nil {
		return nil, nil, err
	}
	if err := d.transform(ctx); err != nil {
		return nil, nil, err
	}
	return d.image(), d.profile.segments(), nil
}

func (f *File) decoder() *decoder {
	d := &decoder{File: f, components: append([]component(nil), f.components...), adobeAt: -1, jfifAt: -1}
	d.unitsAcross, d.unitsDown = f.units()
	if f.Progressive {
		for i := range d.components {
			c := &d.components[i]
			c.coefficients = make([]int16, 64*c.stride*c.rows)
		}
	}
	return d
}

// decode reads all scans. Whatever follows the last pixel is no part of the
// picture: a file that is cut there, or goes on with something else, is whole.
func (d *decoder) decode(ctx context.Context) error {
	for i, scans := 2, 0; ; {
		s, end, ok := next(d.content, i)
		switch {
		case complete(d.components), ok && s.code == markerEOI && d.seen():
			return nil
		case !ok, s.code == markerEOI, s.code == markerSOI:
			return ErrCut
		}
		var err error
		if s.code == markerSOS {
			scans++
			end, err = d.scan(ctx, s, end)
		} else {
			err = d.segment(s, scans == 0)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		}
		i = end
	}
}

// scan reads a scan, whose data begins at i, and returns where it ends.
func (d *decoder) scan(ctx context.Context, header segment, i int) (end int, err error) {
	s, err := d.newScan(header.body)
	if err != nil {
		return 0, err
	}
	d.keep([]byte{0xff}, header.raw)
	n, err := s.run(ctx, d.content[i:], func(data []byte) { d.keep(data) })
	return i + n, err
}

// seen reports whether each component had a scan.
func (d *decoder) seen() bool {
	for i := range d.components {
		if d.components[i].missing[0] == 0xff {
			return false
		}
	}
	return true
}

// segment reads a segment that is neither a scan nor an end.
func (d *decoder) segment(s segment, header bool) error {
	switch {
	case s.code == markerDQT:
		return d.quantTables(s)
	case s.code == markerDHT:
		return d.huffmanTables(s)
	case s.code == markerDRI:
		return d.restarts(s)
	case isFrame(s.code):
		if !header {
			return Error("the JPEG has two frames")
		}
		d.keep([]byte{0xff}, s.raw)
	case markerAPP0 <= s.code && s.code <= markerAPPf:
		if header {
			d.application(s)
		}
	case s.code == markerCOM, s.code == markerDNL, s.code == markerDAC: // other decoders ignore these too
	default:
		return Error("the JPEG has a marker that is not known here")
	}
	return nil
}

// application keeps those application segments that the picture needs: the
// pixel density, the colour model and the colour profile.
func (d *decoder) application(s segment) {
	switch {
	case s.code == markerAPP0 && isJFIF(s.body) && d.jfifAt < 0: // without its preview
		d.jfifAt = len(d.pieces)
		body := s.body
		if len(body) > jfifLength || body[12]|body[13] != 0 {
			body = append(append([]byte(nil), body[:jfifLength-2]...), 0, 0)
		}
		d.keep([]byte{0xff, markerAPP0, 0, 2 + jfifLength}, body)
	case isAdobe(s): // the last one counts
		if d.adobeAt >= 0 {
			d.pieces[d.adobeAt] = piece{}
		}
		d.adobeAt = len(d.pieces)
		d.keep(append([]byte{0xff, markerAPPe, 0, 2 + adobeLength}, s.body[:adobeLength]...))
	case s.code == markerAPP2 && isProfile(s.body):
		d.profile.add(s, len(d.pieces))
	}
}

// keep adds bytes to the clean file.
func (d *decoder) keep(raw ...[]byte) {
	for _, r := range raw {
		d.pieces = append(d.pieces, piece{raw: r})
	}
}

// define adds definitions to the clean file, if they are used.
func (d *decoder) define(s segment, definitions []*definition) {
	d.pieces = append(d.pieces, piece{code: s.code, definitions: definitions})
}

// use returns the definition that is in force, nil if there is none, and notes
// that it is needed.
func (d *decoder) use(class, number byte) *definition {
	if number > 3 {
		return nil
	}
	used := d.tables[class|number]
	if used != nil {
		used.used = true
	}
	return used
}

func (d *decoder) quantTables(s segment) error {
	var all []*definition
	for b := s.body; len(b) > 0; {
		size, id := 1+64*(1+int(b[0]>>4)), b[0]&0x0f
		if b[0]>>4 > 1 || id > 3 || len(b) < size {
			return Error("a quantization table of the JPEG is broken")
		}
		q := &definition{raw: b[:size], quant: new([64]uint16)}
		for k, at := range zigzag {
			if size == 65 {
				q.quant[at] = uint16(b[1+k])
			} else {
				q.quant[at] = uint16(b[1+2*k])<<8 | uint16(b[2+2*k])
			}
		}
		d.tables[slotQuant|id] = q
		all = append(all, q)
		b = b[size:]
	}
	d.define(s, all)
	return nil
}

func (d *decoder) huffmanTables(s segment) error {
	const head = 17
	var all []*definition
	for b := s.body; len(b) > 0; {
		size := head
		if len(b) >= head {
			for _, n := range b[1:head] {
				size += int(n)
			}
		}
		if b[0]&^0x13 != 0 || len(b) < size || size > head+256 {
			return Error("a Huffman table of the JPEG is broken")
		}
		h := &definition{raw: b[:size], huffman: newHuffman((*[16]byte)(b[1:head]), b[head:size])}
		if h.huffman == nil {
			return Error("a Huffman table of the JPEG has more codes than there can be")
		}
		d.tables[b[0]] = h
		all = append(all, h)
		b = b[size:]
	}
	d.define(s, all)
	return nil
}

func (d *decoder) restarts(s segment) error {
	if len(s.body) != 2 {
		return Error("the restart interval of the JPEG is broken")
	}
	d.restart = int(s.body[0])<<8 | int(s.body[1])
	d.tables[slotRestart] = &definition{raw: s.body, restart: d.restart}
	d.define(s, []*definition{d.tables[slotRestart]})
	return nil
}

// assemble returns the clean file.
func (d *decoder) assemble() []byte {
	to := make([]byte, 0, len(d.content))
	to = append(to, 0xff, markerSOI)
	for i, p := range d.pieces {
		if i == d.profile.at && d.profile.count > 0 {
			to = append(to, d.profile.segments()...)
		}
		to = append(append(to, p.raw...), p.needed()...)
	}
	return append(to, 0xff, markerEOI)
}

// needed returns the segment of the definitions that are used, nil if there are
// none. One that is not used stays beside others if it is a standard's: many
// encoders write such with grey images.
func (p *piece) needed() []byte {
	to := []byte{0xff, p.code, 0, 0}
	used := false
	for _, definition := range p.definitions {
		if definition.used || p.code == markerDQT && isStandardChroma(definition.raw) {
			used = used || definition.used
			to = append(to, definition.raw...)
		}
	}
	if !used {
		return nil
	}
	binary.BigEndian.PutUint16(to[2:], uint16(len(to)-2))
	return to
}

// isStandardChroma reports whether a quantization table is that of T.81, Annex
// K, for chroma, scaled to a quality of 1 to 100 as encoders do.
func isStandardChroma(raw []byte) bool {
	standard := [64]int{17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66}
	for k := 14; k < len(standard); k++ {
		standard[k] = 99
	}
	if len(raw) != 1+len(standard) {
		return false
	}
	for quality := 1; quality <= 100; quality++ {
		scale := 200 - 2*quality
		if quality < 50 {
			scale = 5000 / quality
		}
		same := true
		for k, v := range &standard {
			same = same && int(raw[1+k]) == min(max((v*scale+50)/100, 1), 255)
		}
		if same {
			return true
		}
	}
	return false
}

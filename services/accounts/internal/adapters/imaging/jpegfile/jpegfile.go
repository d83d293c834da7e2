// Package jpegfile reads JPEG files as most decoders do: with any sampling
// factors, with colours of any number of inks, and with damage outside of the
// picture. The standard library refuses many such files. It also returns the
// file without any byte that the picture does not need.
package jpegfile

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Error is the reason why a file cannot be read, as a clause for its sender.
type Error string

func (e Error) Error() string { return string(e) }

// ErrCut is the Error of a file that ends, or is damaged, before its last pixel.
const ErrCut = Error("the JPEG is damaged, or ends before its last pixel")

// The markers of ITU-T T.81, Annex B.
const (
	markerTEM  = 0x01
	markerSOF0 = 0xc0
	markerSOF2 = 0xc2
	markerSOFf = 0xcf
	markerDHT  = 0xc4
	markerJPG  = 0xc8
	markerDAC  = 0xcc
	markerRST0 = 0xd0
	markerRST7 = 0xd7
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerDQT  = 0xdb
	markerDNL  = 0xdc
	markerDRI  = 0xdd
	markerAPP0 = 0xe0
	markerAPP1 = 0xe1
	markerAPP2 = 0xe2
	markerAPPe = 0xee
	markerAPPf = 0xef
	markerCOM  = 0xfe
)

// File is a JPEG whose header has been read.
type File struct {
	Width, Height int // pixels
	Components    int // 1 (grey), 3 or 4 (with black)
	Progressive   bool
	Scans         int    // walks through the image that decoding takes
	Exif          []byte // the TIFF structure; nil if there is none

	content    []byte
	components []component
	hMax, vMax int
	jfif       bool
	adobe      int // the transformation that Adobe's segment names; -1 if there is none
}

// component is a component of the image, such as luma.
type component struct {
	id, quantID byte
	h, v        int // sampling factors: how many of its blocks a unit has across and down

	blocksAcross, blocksDown int // that hold pixels
	stride, rows             int // blocks with those that fill up the last units

	quant        *[64]uint16 // set by its first scan
	missing      [64]byte    // low bits of each coefficient that no scan had yet
	coefficients []int16     // of all blocks, if the image is progressive
	samples      []byte      // 8*stride in a row; nil if nobody wants them
}

// segment is a marker with its data.
type segment struct {
	code byte
	raw  []byte // the marker's code and the data after it
	body []byte // without the length
}

// next returns the segment that begins at or after position i, and the position
// after it. It is not ok if there is none, or if it is cut.
func next(content []byte, i int) (s segment, end int, ok bool) {
	for ; i+1 < len(content); i++ {
		if content[i] != 0xff {
			continue
		}
		code := content[i+1]
		if code == 0 || code == 0xff || code == markerTEM || markerRST0 <= code && code <= markerRST7 {
			continue
		}
		s = segment{code: code, raw: content[i+1 : i+2]}
		if code == markerSOI || code == markerEOI {
			return s, i + 2, true
		}
		if i+4 > len(content) {
			return s, i, false
		}
		end = i + 2 + int(binary.BigEndian.Uint16(content[i+2:]))
		if end < i+4 || end > len(content) {
			return s, i, false
		}
		s.raw, s.body = content[i+1:end], content[i+4:end]
		return s, end, true
	}
	return s, i, false
}

// Open reads the header of a file, and counts its scans. Errors: an Error.
func Open(content []byte) (*File, error) {
	if len(content) < 2 || content[0] != 0xff || content[1] != markerSOI {
		return nil, Error("the content is no JPEG")
	}
	f := &File{content: content, adobe: -1}
	var left []component
	for i := 2; ; {
		s, end, ok := next(content, i)
		switch {
		case !ok, s.code == markerEOI, s.code == markerSOI:
			if f.Scans == 0 {
				return nil, ErrCut
			}
			return f, nil
		case s.code == markerSOS:
			if f.Components == 0 {
				return nil, Error("the JPEG has a scan before its frame")
			}
			f.Scans++
			if selected, err := f.selection(left, s.body); err == nil {
				selected.mark()
			}
			if complete(left) { // anything after it may look like a scan
				return f, nil
			}
		case f.Scans > 0: // metadata belongs to the header
		case isFrame(s.code):
			if err := f.readFrame(s); err != nil {
				return nil, err
			}
			left = slices.Clone(f.components)
		case s.code == markerAPP0 && isJFIF(s.body):
			f.jfif = true
		case s.code == markerAPP1:
			if tiff, ok := bytes.CutPrefix(s.body, []byte("Exif\x00\x00")); ok {
				f.Exif = tiff
			}
		case isAdobe(s):
			f.adobe = int(s.body[adobeLength-1])
		}
		i = end
	}
}

func isFrame(code byte) bool {
	return markerSOF0 <= code && code <= markerSOFf && code != markerDHT && code != markerJPG && code != markerDAC
}

const (
	jfifLength  = 14
	adobeLength = 12
)

func isJFIF(body []byte) bool {
	return len(body) >= jfifLength && bytes.HasPrefix(body, []byte("JFIF\x00"))
}

func isAdobe(s segment) bool {
	return s.code == markerAPPe && len(s.body) >= adobeLength && bytes.HasPrefix(s.body, []byte("Adobe"))
}

// readFrame reads the header of the frame.
func (f *File) readFrame(s segment) error {
	const head, size = 6, 3
	switch {
	case s.code > markerSOF2 && s.code&3 == 3:
		return Error("the JPEG is lossless; such are not taken")
	case s.code > 0xc8:
		return Error("the JPEG is coded arithmetically; such are not taken")
	case s.code > markerSOF2:
		return Error("the JPEG is hierarchical; such are not taken")
	case f.Components > 0:
		return Error("the JPEG has two frames")
	case len(s.body) < head || len(s.body) != head+size*int(s.body[5]):
		return Error("the frame of the JPEG has a header of a wrong length")
	case s.body[0] != 8:
		return Error("the JPEG has samples of 12 bits, or of another size that is not 8 bits; such are not taken")
	}
	f.Height, f.Width = int(binary.BigEndian.Uint16(s.body[1:])), int(binary.BigEndian.Uint16(s.body[3:]))
	f.Components, f.Progressive = int(s.body[5]), s.code == markerSOF2
	if f.Width == 0 || f.Height == 0 {
		return Error("the JPEG has no pixels, or tells its height after them")
	}
	if f.Components != 1 && f.Components != 3 && f.Components != 4 {
		return Error("the JPEG has neither 1, 3 nor 4 components")
	}
	for c := s.body[head:]; len(c) > 0; c = c[size:] {
		f.components = append(f.components, component{id: c[0], h: int(c[1] >> 4), v: int(c[1] & 0x0f), quantID: c[2]})
	}
	return f.layOut()
}

// layOut finds out how many blocks each component has.
func (f *File) layOut() error {
	if f.Components == 1 { // a unit is a block, whatever the factors
		f.components[0].h, f.components[0].v = 1, 1
	}
	for _, c := range f.components {
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return Error("a component of the JPEG has a sampling factor that is not 1 to 4")
		}
		f.hMax, f.vMax = max(f.hMax, c.h), max(f.vMax, c.v)
	}
	across, down := f.units()
	for i := range f.components {
		c := &f.components[i]
		if f.hMax%c.h != 0 || f.vMax%c.v != 0 {
			return Error("a sampling factor of the JPEG does not divide the largest")
		}
		c.blocksAcross, c.blocksDown = ceil(f.Width*c.h, 8*f.hMax), ceil(f.Height*c.v, 8*f.vMax)
		c.stride, c.rows = across*c.h, down*c.v
		for k := range c.missing {
			c.missing[k] = 0xff
		}
	}
	return nil
}

// units returns how many units the image has across and down.
func (f *File) units() (across, down int) {
	return ceil(f.Width, 8*f.hMax), ceil(f.Height, 8*f.vMax)
}

func ceil(a, b int) int { return (a + b - 1) / b }

// Memory returns about how many bytes Decode allocates, and how many of these
// the image has that it returns.
func (f *File) Memory() (decoding, decoded int64) {
	var samples, spread int64
	pixels := int64(f.Width) * int64(f.Height)
	for _, c := range f.components {
		samples += 64 * int64(c.stride) * int64(c.rows)
		if c.h != f.hMax || c.v != f.vMax {
			spread += pixels
		}
	}
	decoding, decoded = samples+f.coefficients(), samples
	switch {
	case f.Components == 4, f.isRGB():
		decoding += 4 * pixels
		decoded = 4 * pixels
	case f.Components == 3 && f.ratio() < 0:
		decoding += spread
		decoded += spread
	}
	return decoding, decoded
}

// PixelBytes returns how many bytes a pixel has in an image that is not
// subsampled.
func (f *File) PixelBytes() int {
	if f.isRGB() {
		return 4
	}
	return f.Components
}

// CleanMemory returns about how many bytes Clean allocates.
func (f *File) CleanMemory() int64 { return f.coefficients() + int64(len(f.content)) }

// coefficients returns how many bytes the coefficients have that are kept from
// one scan to the next.
func (f *File) coefficients() (n int64) {
	if f.Progressive {
		for _, c := range f.components {
			n += 2 * 64 * int64(c.stride) * int64(c.rows)
		}
	}
	return n
}

// isRGB reports whether the three components are red, green and blue.
func (f *File) isRGB() bool {
	if f.Components != 3 || f.jfif {
		return false
	}
	if f.adobe >= 0 {
		return f.adobe == 0
	}
	return f.components[0].id == 'R' && f.components[1].id == 'G' && f.components[2].id == 'B'
}

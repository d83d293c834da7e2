package imaging

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"slices"
	"strings"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

const (
	pngSignature   = "\x89PNG\r\n\x1a\n"
	pngHeaderChunk = 25 // length of the IHDR chunk, which comes first
	pngEnd         = "\x00\x00\x00\x00IEND\xae\x42\x60\x82"
	chunkHeader    = 8
	chunkFrame     = chunkHeader + 4 // with the checksum
)

// The bits of the colour type of a PNG.
const (
	pngPalette = 1
	pngColour  = 2
	pngAlpha   = 4
)

var errCutPNG = domain.ErrImageType.Detailf("the PNG is damaged, or ends before its last pixel")

// pngFile is a PNG whose chunks have been read.
type pngFile struct {
	width, height  int
	depth, kind    byte
	interlaced     bool
	before         []byte   // the file up to its pixels, without chunks that the picture does not need
	pixels, data   [][]byte // the chunks with the pixels, and their bodies
	palette        int      // colours
	transparent    bool
	colours        []byte
	profile        []byte
	exif           []byte
	seen           map[string]bool
	pixelsAreOver  bool
	pixelsAreWrong bool // by their checksum
}

// measurePNG is measure for a PNG.
func measurePNG(content []byte) (*picture, error) {
	f, err := openPNG(content)
	if err != nil {
		return nil, err
	}
	p := &picture{
		format: "png", png: f, width: f.width, height: f.height, orientation: orientation(f.exif),
		colours: f.colours, profile: f.profile, channels: 1, pixel: 1,
		work: int64(f.width) * int64(f.height), cleaning: int64(len(content)) + encoderMemory,
	}
	if f.kind&pngColour != 0 {
		p.channels = 3
	}
	if f.kind&pngPalette == 0 && (f.kind&(pngColour|pngAlpha) != 0 || f.transparent) {
		p.pixel = 4
	}
	if f.depth == 16 {
		p.pixel, p.deep = 2*p.pixel, true
	}
	p.decoded = int64(p.width) * int64(p.height) * p.pixel
	p.decoding = p.decoded + p.cleaning
	if f.interlaced { // each pass is decoded as an image of its own
		p.decoding += p.decoded
	}
	return p, nil
}

// openPNG reads the chunks of a PNG up to the end of its pixels. Errors:
// domain.ErrImageType, domain.ErrImagePixels.
func openPNG(b []byte) (*pngFile, error) {
	f := &pngFile{seen: map[string]bool{}}
	if err := f.header(b); err != nil {
		return nil, err
	}
	f.before = bytes.Clone(b[:len(pngSignature)+pngHeaderChunk])
	for b = b[len(f.before):]; len(b) >= chunkFrame; {
		length := binary.BigEndian.Uint32(b)
		if uint64(length) > uint64(len(b)-chunkFrame) {
			break
		}
		end := chunkFrame + int(length)
		kind, body := string(b[4:chunkHeader]), b[chunkHeader:end-4]
		if kind == "IEND" {
			break
		}
		f.add(kind, body, b[:end], binary.BigEndian.Uint32(b[end-4:]) == crc32.ChecksumIEEE(b[4:end-4]))
		b = b[end:]
	}
	switch {
	case len(f.data) == 0:
		return nil, errCutPNG
	case f.pixelsAreWrong:
		return nil, domain.ErrImageType.Detailf("the PNG is damaged: its pixels or its palette have a wrong checksum")
	case f.kind == pngPalette|pngColour && f.palette == 0:
		return nil, domain.ErrImageType.Detailf("the PNG has no palette, which its colour type needs")
	}
	return f, nil
}

func (f *pngFile) header(b []byte) error {
	if len(b) < len(pngSignature)+pngHeaderChunk {
		return errCutPNG
	}
	h := b[len(pngSignature):][:pngHeaderChunk]
	if string(h[:chunkHeader]) != "\x00\x00\x00\x0dIHDR" || binary.BigEndian.Uint32(h[21:]) != crc32.ChecksumIEEE(h[4:21]) {
		return domain.ErrImageType.Detailf("the PNG is damaged: its header is broken")
	}
	f.width, f.height = int(binary.BigEndian.Uint32(h[8:])), int(binary.BigEndian.Uint32(h[12:]))
	f.depth, f.kind, f.interlaced = h[16], h[17], h[20] == 1
	depths := map[byte]string{0: "\x01\x02\x04\x08\x10", 2: "\x08\x10", 3: "\x01\x02\x04\x08", 4: "\x08\x10", 6: "\x08\x10"}[f.kind]
	if strings.IndexByte(depths, f.depth) < 0 || h[18] != 0 || h[19] != 0 || h[20] > 1 {
		return domain.ErrImageType.Detailf("the PNG has a colour type, depth, compression, filter or interlace method that does not exist")
	}
	return domain.JudgePixels(f.width, f.height)
}

// add takes a chunk. Of those that are not critical, one in a wrong place, of a
// wrong length or with a wrong checksum is left out, as by other decoders.
func (f *pngFile) add(kind string, body, raw []byte, whole bool) {
	over := len(f.data) > 0
	switch {
	case kind == "IDAT" && !f.pixelsAreOver:
		f.pixelsAreWrong = f.pixelsAreWrong || !whole
		f.data = append(f.data, body)
		f.pixels = append(f.pixels, raw)
		return
	case kind == "eXIf" && whole && f.exif == nil:
		f.exif = body
	case over || f.seen[kind]:
	case kind == "PLTE":
		f.seen[kind] = true
		f.addPalette(body, raw, whole)
	case whole && f.fits(kind, body):
		f.seen[kind] = true
		f.addAncillary(kind, body, raw)
	}
	f.pixelsAreOver = over
}

// addPalette takes the colours of an image that has such; as a proposal to those
// that have not, nobody needs it.
func (f *pngFile) addPalette(body, raw []byte, whole bool) {
	if f.kind != pngPalette|pngColour {
		return
	}
	f.pixelsAreWrong = f.pixelsAreWrong || !whole
	if len(body)%3 != 0 {
		return
	}
	f.palette = len(body) / 3
	if most := 1 << f.depth; f.palette > most {
		f.palette = most
		raw = chunkOf("PLTE", body[:3*most])
	}
	f.before = append(f.before, raw...)
}

// fits reports whether a chunk before the pixels says something about how the
// image looks, and is as long as it must be.
func (f *pngFile) fits(kind string, body []byte) bool {
	channels := map[byte]int{0: 1, 2: 3, 3: 3, 4: 2, 6: 4}[f.kind]
	afterPalette := f.kind != pngPalette|pngColour || f.palette > 0
	switch kind {
	case "gAMA":
		return len(body) == 4 && !f.seen["PLTE"]
	case "cHRM":
		return len(body) == 32 && !f.seen["PLTE"]
	case "sRGB":
		return len(body) == 1 && body[0] < 4 && !f.seen["PLTE"]
	case "cICP":
		return len(body) == 4 && !f.seen["PLTE"]
	case "iCCP":
		return !f.seen["PLTE"]
	case "sBIT":
		return len(body) == channels && !f.seen["PLTE"]
	case "pHYs":
		return len(body) == 9
	case "bKGD":
		size := 2
		if f.kind&pngColour != 0 {
			size = 6
		}
		if f.kind&pngPalette != 0 {
			size = 1
		}
		return len(body) == size && afterPalette
	case "tRNS":
		switch f.kind {
		case 0:
			return len(body) == 2
		case pngColour:
			return len(body) == 6
		case pngPalette | pngColour:
			return len(body) <= f.palette && afterPalette
		}
	}
	return false
}

func (f *pngFile) addAncillary(kind string, body, raw []byte) {
	switch kind {
	case "tRNS":
		f.transparent = true
	case "gAMA", "cHRM", "sRGB":
		f.colours = append(f.colours, raw...)
	case "cICP":
		f.profile = append(f.profile, raw...)
	case "iCCP":
		if raw = cleanProfile(body, raw); raw == nil {
			return
		}
		f.profile = append(f.profile, raw...)
	}
	f.before = append(f.before, raw...)
}

// chunkOf returns a chunk.
func chunkOf(kind string, body []byte) []byte {
	to := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	to = append(append(to, kind...), body...)
	return binary.BigEndian.AppendUint32(to, crc32.ChecksumIEEE(to[4:]))
}

// clean returns the file without the data that the picture does not need.
// Errors: domain.ErrImageType if pixels are missing, domain.ErrImageBytes.
func (f *pngFile) clean(ctx context.Context) ([]byte, error) {
	exact, err := f.copyPixels(ctx, nil)
	if err != nil {
		return nil, err
	}
	pixels := f.pixels
	if !exact {
		w := &writer{ctx: ctx, limit: domain.MaxImageBytes}
		z := zlib.NewWriter(w)
		if _, err = f.copyPixels(ctx, z); err == nil {
			err = z.Close()
		}
		switch {
		case errors.Is(err, errFull):
			return nil, domain.ErrImageBytes
		case err != nil:
			return nil, err
		}
		pixels = [][]byte{chunkOf("IDAT", w.content.Bytes())}
	}
	content := bytes.Join(slices.Concat([][]byte{f.before}, pixels, [][]byte{[]byte(pngEnd)}), nil)
	if len(content) > domain.MaxImageBytes {
		return nil, domain.ErrImageBytes
	}
	return content, nil
}

// decode decodes the whole image. Errors: domain.ErrImageType.
func (f *pngFile) decode(ctx context.Context) (image.Image, error) {
	content, err := f.clean(ctx)
	if err != nil {
		return nil, err
	}
	img, err := png.Decode(&reader{ctx, bytes.NewReader(content)})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, errCutPNG.Wrap(err)
	}
	return img, nil
}

// copyPixels reads the rows of the image, with their filters, and writes them to
// w, if there is one. It is exact if the file has nothing else beside them.
func (f *pngFile) copyPixels(ctx context.Context, w io.Writer) (exact bool, err error) {
	const filters = 5
	packed := &parts{slices.Clone(f.data)}
	z, err := zlib.NewReader(packed)
	if err != nil {
		return false, errCutPNG.Wrap(err)
	}
	for _, pass := range f.passes() {
		row := make([]byte, 1+(pass.X*f.bits()+7)/8)
		for y := range pass.Y {
			if y%64 == 0 && ctx.Err() != nil {
				return false, ctx.Err()
			}
			if _, err := io.ReadFull(z, row); err != nil || row[0] >= filters {
				return false, errCutPNG.Wrap(err)
			}
			if w != nil {
				if _, err := w.Write(row); err != nil {
					return false, err
				}
			}
		}
	}
	n, err := io.ReadFull(z, make([]byte, 1))
	return n == 0 && errors.Is(err, io.EOF) && packed.empty(), nil
}

// bits returns how many bits a pixel has.
func (f *pngFile) bits() int {
	return int(f.depth) * map[byte]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[f.kind]
}

// passes returns the width and the height of each pass that has pixels.
func (f *pngFile) passes() []image.Point {
	if !f.interlaced {
		return []image.Point{{f.width, f.height}}
	}
	var passes []image.Point
	for _, p := range [7][4]int{{8, 8, 0, 0}, {8, 8, 4, 0}, {4, 8, 0, 4}, {4, 4, 2, 0}, {2, 4, 0, 2}, {2, 2, 1, 0}, {1, 2, 0, 1}} {
		size := image.Pt((f.width-p[2]+p[0]-1)/p[0], (f.height-p[3]+p[1]-1)/p[1])
		if size.X > 0 && size.Y > 0 {
			passes = append(passes, size)
		}
	}
	return passes
}

// parts is a reader of parts, one after the other, that takes no byte in
// advance.
type parts struct{ left [][]byte }

func (p *parts) empty() bool {
	for len(p.left) > 0 && len(p.left[0]) == 0 {
		p.left = p.left[1:]
	}
	return len(p.left) == 0
}

func (p *parts) Read(b []byte) (int, error) {
	if p.empty() {
		return 0, io.EOF
	}
	n := copy(b, p.left[0])
	p.left[0] = p.left[0][n:]
	return n, nil
}

func (p *parts) ReadByte() (byte, error) {
	if p.empty() {
		return 0, io.EOF
	}
	b := p.left[0][0]
	p.left[0] = p.left[0][1:]
	return b, nil
}

package imaging

import (
	"encoding/binary"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// pngKept are the chunks of the PNG specification that change how the image
// looks.
var pngKept = map[string]bool{
	"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true, "tRNS": true, "cHRM": true, "gAMA": true,
	"iCCP": true, "sBIT": true, "sRGB": true, "cICP": true, "bKGD": true, "pHYs": true,
}

const (
	pngSignature   = "\x89PNG\r\n\x1a\n"
	pngHeaderChunk = 25 // bytes of IHDR, which is the first
)

// stripPNG walks the chunks of a PNG to the image's end.
func (k *kept) stripPNG(b []byte) error {
	const header, crc = 8, 4
	k.keep(b[:len(pngSignature)]...)
	transparent := false
	for i := len(pngSignature); i+header <= len(b); {
		length := binary.BigEndian.Uint32(b[i:])
		if uint64(length) > uint64(len(b)) || i+header+int(length)+crc > len(b) {
			return domain.ErrImageType
		}
		end := i + header + int(length) + crc
		kind := string(b[i+4 : i+header])
		switch kind {
		case "eXIf":
			k.orientation = orientation(b[i+header : end-crc])
		case "tRNS":
			transparent = true
		case "gAMA", "cHRM", "sRGB":
			k.colours = append(k.colours, b[i:end]...)
		case "iCCP", "cICP":
			k.profile = append(k.profile, b[i:end]...)
		}
		if pngKept[kind] {
			k.keep(b[i:end]...)
		}
		if kind == "IEND" {
			k.measurePNG(b[len(pngSignature)+8:], transparent)
			return nil
		}
		i = end
	}
	return domain.ErrImageType
}

// measurePNG sets what decoding takes by the body of a header that image/png
// takes.
func (k *kept) measurePNG(header []byte, transparent bool) {
	const palette, colour, alpha = 1, 2, 4 // bits of the colour type
	depth, kind, interlaced := header[8], header[9], header[12] != 0
	k.channels, k.pixel = 1, 1
	if kind&colour != 0 {
		k.channels = 3
	}
	if kind&palette == 0 && (kind&(colour|alpha) != 0 || transparent) {
		k.pixel = 4
	}
	if depth == 16 {
		k.pixel, k.deep = 2*k.pixel, true
	}
	k.decoded = int64(k.width) * int64(k.height) * k.pixel
	k.decoding = k.decoded
	if interlaced { // each pass is an image of its own
		k.decoding *= 2
	}
}

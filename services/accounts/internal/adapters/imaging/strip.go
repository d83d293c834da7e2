package imaging

import (
	"bytes"
	"encoding/binary"
)

// kept is what is left of an image file without what tells of its maker: Exif
// with place and camera, XMP, comments, previews, and whatever follows its end.
type kept struct {
	content     []byte
	orientation int    // of Exif: 1 to 8, 1 if it is not told
	profile     []byte // the segments of a JPEG that hold its colour profile
}

// withProfile returns another JPEG with the colour profile of this one.
func (k *kept) withProfile(content []byte) []byte {
	if len(k.profile) == 0 {
		return content
	}
	const start = 2 // the marker that a JPEG begins with
	return append(append(append([]byte{}, content[:start]...), k.profile...), content[start:]...)
}

// The markers of ITU-T T.81, Annex B.
const (
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerRST0 = 0xd0
	markerRST7 = 0xd7
	markerTEM  = 0x01
	markerAPP0 = 0xe0
	markerAPPf = 0xef
	markerCOM  = 0xfe
)

// stripJPEG walks the segments of a JPEG. It is not ok if they do not lead to
// the image's end.
func stripJPEG(b []byte) (k *kept, ok bool) {
	k = &kept{content: []byte{0xff, markerSOI}, orientation: 1}
	for i := 2; ; {
		marker := bytes.IndexByte(b[min(i, len(b)):], 0xff)
		if marker < 0 {
			return nil, false
		}
		for i += marker; i < len(b) && b[i] == 0xff; { // one or more
			i++
		}
		if i >= len(b) {
			return nil, false
		}
		code := b[i]
		switch {
		case code == markerEOI:
			k.content = append(k.content, 0xff, markerEOI)
			return k, true
		case code == 0 || code == markerTEM || markerRST0 <= code && code <= markerRST7:
			i++ // what decoders pass over between segments
			continue
		case i+3 > len(b) || i+1+int(binary.BigEndian.Uint16(b[i+1:])) > len(b):
			return nil, false
		}
		end := i + 1 + int(binary.BigEndian.Uint16(b[i+1:]))
		if end < i+3 {
			return nil, false
		}
		body := b[i+3 : end]
		if code == markerSOS {
			end += scanLength(b[end:])
		}
		k.add(code, body, b[i:end])
		i = end
	}
}

// add keeps a segment, given without the 0xff that it begins with, if it is one
// that the picture itself needs.
func (k *kept) add(code byte, body, segment []byte) {
	switch {
	case code == 0xe1:
		if tiff, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok {
			k.orientation = orientation(tiff)
		}
		return
	case code == 0xe2 && bytes.HasPrefix(body, []byte("ICC_PROFILE\x00")):
		k.profile = append(append(k.profile, 0xff), segment...)
	case code == 0xee && bytes.HasPrefix(body, []byte("Adobe")): // which colours
	case code == markerAPP0 && bytes.HasPrefix(body, []byte("JFIF\x00")) && len(body) == 14: // without a preview
	case markerAPP0 <= code && code <= markerAPPf || code == markerCOM:
		return
	}
	k.content = append(append(k.content, 0xff), segment...)
}

// scanLength returns how long the entropy-coded data at the start of b is.
func scanLength(b []byte) int {
	for i := 0; i+1 < len(b); i++ {
		if b[i] == 0xff && b[i+1] != 0 && (b[i+1] < markerRST0 || b[i+1] > markerRST7) {
			return i
		}
	}
	return len(b)
}

// pngKept are the chunks of the PNG specification that change how the image
// looks.
var pngKept = map[string]bool{
	"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true, "tRNS": true, "cHRM": true, "gAMA": true,
	"iCCP": true, "sBIT": true, "sRGB": true, "cICP": true, "bKGD": true, "pHYs": true,
}

// stripPNG walks the chunks of a PNG. It is not ok if they do not lead to the
// image's end.
func stripPNG(b []byte) (k *kept, ok bool) {
	const signature, header, crc = 8, 8, 4
	if len(b) < signature {
		return nil, false
	}
	k = &kept{content: bytes.Clone(b[:signature]), orientation: 1}
	for i := signature; i+header <= len(b); {
		length := binary.BigEndian.Uint32(b[i:])
		if uint64(length) > uint64(len(b)) || i+header+int(length)+crc > len(b) {
			return nil, false
		}
		end := i + header + int(length) + crc
		kind := string(b[i+4 : i+header])
		if kind == "eXIf" {
			k.orientation = orientation(b[i+header : end-crc])
		}
		if pngKept[kind] {
			k.content = append(k.content, b[i:end]...)
		}
		if kind == "IEND" {
			return k, true
		}
		i = end
	}
	return nil, false
}

// orientation returns the orientation that Exif, in its TIFF structure, tells:
// 1 to 8; 1 if there is none.
func orientation(tiff []byte) int {
	const entry, tagOrientation, short = 12, 0x0112, 3
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	start := uint64(order.Uint32(tiff[4:]))
	if start+2 > uint64(len(tiff)) {
		return 1
	}
	entries := tiff[start+2:]
	for range order.Uint16(tiff[start:]) {
		if len(entries) < entry {
			break
		}
		if order.Uint16(entries) == tagOrientation && order.Uint16(entries[2:]) == short {
			if value := order.Uint16(entries[8:]); 1 <= value && value <= 8 {
				return int(value)
			}
		}
		entries = entries[entry:]
	}
	return 1
}

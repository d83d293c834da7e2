package imaging

import (
	"bytes"
	"encoding/binary"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// The markers of ITU-T T.81, Annex B.
const (
	markerSOF0 = 0xc0
	markerSOF2 = 0xc2
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerRST0 = 0xd0
	markerRST7 = 0xd7
	markerTEM  = 0x01
	markerAPP0 = 0xe0
	markerAPPe = 0xee
	markerAPPf = 0xef
	markerCOM  = 0xfe
)

// maxScans is the largest number of scans of a progressive JPEG: decoders walk
// through the whole image in each. Encoders make up to 14.
const maxScans = 64

// stripJPEG walks the segments of a JPEG to the image's end.
func (k *kept) stripJPEG(b []byte) error {
	k.keep(0xff, markerSOI)
	var f frame
	scans := 0
	for i := 2; ; {
		marker := bytes.IndexByte(b[min(i, len(b)):], 0xff)
		if marker < 0 {
			return domain.ErrImageType
		}
		for i += marker; i < len(b) && b[i] == 0xff; { // one or more
			i++
		}
		if i >= len(b) {
			return domain.ErrImageType
		}
		code := b[i]
		switch {
		case code == markerEOI:
			k.keep(0xff, markerEOI)
			k.measureJPEG(f)
			return f.judge(scans)
		case code == 0 || code == markerTEM || markerRST0 <= code && code <= markerRST7:
			i++ // what decoders pass over between segments
			continue
		case i+3 > len(b) || i+1+int(binary.BigEndian.Uint16(b[i+1:])) > len(b):
			return domain.ErrImageType
		}
		end := i + 1 + int(binary.BigEndian.Uint16(b[i+1:]))
		if end < i+3 {
			return domain.ErrImageType
		}
		body := b[i+3 : end]
		switch {
		case code == markerSOS:
			end += scanLength(b[end:])
			scans++
		case markerSOF0 <= code && code <= markerSOF2:
			f.read(code, body)
		case code == markerAPPe && bytes.HasPrefix(body, []byte("Adobe")) && len(body) >= 12:
			f.rgb = body[11] == 0
		}
		k.add(code, body, b[i:end])
		i = end
	}
}

// frame is what the header of a JPEG's frame says.
type frame struct {
	progressive bool
	rgb         bool     // the colours may be no luma and chroma
	sampling    [][2]int // of each component: how many of its blocks are in a unit, across and down
}

// read takes the body of a frame header.
func (f *frame) read(code byte, body []byte) {
	const head, size = 6, 3
	f.progressive, f.sampling = code == markerSOF2, nil
	var names []byte
	for c := head; c+size <= len(body); c += size {
		names = append(names, body[c])
		f.sampling = append(f.sampling, [2]int{int(body[c+1] >> 4), int(body[c+1] & 0x0f)})
	}
	if len(f.sampling) == 1 { // whose unit is always a block
		f.sampling[0] = [2]int{1, 1}
	}
	f.rgb = f.rgb || string(names) == "RGB"
}

// judge refuses an image of too many scans. Without progress, each component is
// in one.
func (f *frame) judge(scans int) error {
	most := maxScans
	if !f.progressive {
		most = len(f.sampling)
	}
	if scans > most {
		return domain.ErrImageWork.Detailf("the JPEG has %d scans; at most %d are taken", scans, most)
	}
	return nil
}

// measureJPEG sets what decoding takes, for which f is a frame of k's size that
// image/jpeg takes.
func (k *kept) measureJPEG(f frame) {
	k.channels = len(f.sampling)
	if k.channels == 0 {
		return
	}
	const block = 8
	across, down := block*f.sampling[0][0], block*f.sampling[0][1]
	units := int64((k.width+across-1)/max(1, across)) * int64((k.height+down-1)/max(1, down))
	var samples int64
	for _, s := range f.sampling {
		samples += units * int64(block*s[0]*block*s[1])
	}
	k.decoding, k.decoded, k.pixel = samples, samples, int64(k.channels)
	if f.progressive {
		k.decoding += 4 * samples // the coefficients
	}
	if k.channels == 4 || k.channels == 3 && f.rgb { // comes out in another form
		k.pixel = 4
		k.decoded = 4 * int64(k.width) * int64(k.height)
		k.decoding += k.decoded
		k.decoded = max(k.decoded, samples)
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
	case code == markerAPPe && bytes.HasPrefix(body, []byte("Adobe")): // which colours
	case code == markerAPP0 && bytes.HasPrefix(body, []byte("JFIF\x00")) && len(body) == 14: // without a preview
	case markerAPP0 <= code && code <= markerAPPf || code == markerCOM:
		return
	}
	k.keep(0xff)
	k.keep(segment...)
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

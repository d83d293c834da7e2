package imaging

import (
	"bytes"
	"encoding/binary"
	"image"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// kept is what is left of an image file without what tells of its maker: Exif
// with place and camera, XMP, comments, previews, and whatever follows its end.
type kept struct {
	format        string // jpeg or png
	content       []byte
	width, height int    // pixels
	orientation   int    // of Exif: 1 to 8, 1 if it is not told
	channels      int    // of its colours: 1 (grey), 3, or 4 (CMYK)
	colours       []byte // the chunks of a PNG that tell what its colours mean, but for profile
	profile       []byte // the segments or chunks that hold its colour profile

	deep     bool  // 16 bits for each channel
	pixel    int64 // bytes of a pixel once it is decoded and turned
	decoding int64 // bytes that decoding takes in all
	decoded  int64 // bytes of these that the decoded image has
}

// measure tells all of an image file but its content. Errors:
// domain.ErrImageType if it has no end, or no header that can be read;
// ErrImagePixels, ErrImageWork.
func measure(content []byte) (*kept, error) { return walk(content, nil) }

// strip is measure with the content, which takes len(content) bytes.
func strip(content []byte) (*kept, error) { return walk(content, make([]byte, 0, len(content))) }

func walk(content, to []byte) (*kept, error) {
	config, format, err := image.DecodeConfig(bytes.NewReader(content))
	switch {
	case err != nil, config.Width <= 0 || config.Height <= 0:
		return nil, domain.ErrImageType.Wrap(err)
	case config.Height > domain.MaxImagePixels/config.Width:
		return nil, domain.ErrImagePixels
	}
	k := &kept{content: to, format: format, width: config.Width, height: config.Height, orientation: 1}
	if format == "jpeg" {
		err = k.stripJPEG(content)
	} else {
		err = k.stripPNG(content)
	}
	return k, err
}

// keep adds bytes to the content, unless it is measured only.
func (k *kept) keep(b ...byte) {
	if k.content != nil {
		k.content = append(k.content, b...)
	}
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

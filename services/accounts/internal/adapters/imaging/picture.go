package imaging

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"

	"github.com/concha-labs/backend/services/accounts/internal/adapters/imaging/jpegfile"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// maxScans is the maximum number of scans of a progressive JPEG. Decoders
// process the whole image in each scan. Encoders write up to 14.
const maxScans = 64

// picture is an image file that has been measured, but not decoded.
type picture struct {
	format        string // jpeg or png
	width, height int    // pixels
	orientation   int    // of Exif: 1 to 8
	channels      int    // of its colours: 1 (grey), 3, or 4 (with black)
	colours       []byte // the chunks of a PNG that define its colours, except for profile
	profile       []byte // the segments or chunks with the colour profile

	deep     bool  // 16 bits for each channel
	pixel    int64 // bytes of a pixel after decoding and turning
	work     int64 // pixels times walks through them
	cleaning int64 // bytes that clean allocates
	decoding int64 // bytes that decode allocates
	decoded  int64 // bytes of the decoded image

	jpeg *jpegfile.File
	png  *pngFile
}

// measure finds out all about an image file but its pixels. Errors:
// domain.ErrImageType, ErrImagePixels, ErrImageWork.
func measure(content []byte) (*picture, error) {
	format, err := domain.ImageFormat(content)
	switch {
	case err != nil:
		return nil, err
	case format == "png":
		return measurePNG(content)
	}
	f, err := jpegfile.Open(content)
	if err != nil {
		return nil, refused(err)
	}
	most := maxScans
	if !f.Progressive { // each component is in one
		most = f.Components
	}
	if f.Scans > most {
		return nil, domain.ErrImageWork.Detailf("the JPEG has %d scans; at most %d are accepted", f.Scans, most)
	}
	p := &picture{
		format: "jpeg", jpeg: f, width: f.Width, height: f.Height, channels: f.Components,
		orientation: orientation(f.Exif), work: int64(f.Scans) * int64(f.Width) * int64(f.Height), cleaning: f.CleanMemory(),
	}
	p.decoding, p.decoded = f.Memory()
	p.pixel = int64(f.PixelBytes())
	return p, domain.JudgePixels(p.width, p.height)
}

// refused returns the error of a file that cannot be read.
func refused(err error) error {
	if cause, ok := errors.AsType[jpegfile.Error](err); ok {
		return domain.ErrImageType.Detailf("%s", cause)
	}
	return fmt.Errorf("decode an image: %w", err)
}

// clean returns the file without the data that the picture does not need. It
// reads all pixels. Errors: domain.ErrImageType, domain.ErrImageBytes.
func (p *picture) clean(ctx context.Context) (content []byte, err error) {
	if p.png != nil {
		return p.png.clean(ctx)
	}
	content, _, err = p.jpeg.Clean(ctx)
	if err != nil {
		return nil, refused(err)
	}
	if len(content) > domain.MaxImageBytes { // by an end marker that was missing
		return nil, domain.ErrImageBytes
	}
	return content, nil
}

// decode decodes the whole image. Errors: domain.ErrImageType.
func (p *picture) decode(ctx context.Context) (img image.Image, err error) {
	if p.png != nil {
		return p.png.decode(ctx)
	}
	img, p.profile, err = p.jpeg.Decode(ctx)
	if err != nil {
		return nil, refused(err)
	}
	return img, nil
}

// orientation returns the orientation that Exif, in its TIFF structure, names:
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

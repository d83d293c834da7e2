package imaging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"slices"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// The qualities with which an image is encoded, by format. The first one whose
// result is short enough is used. A JPEG starts at 92, whose loss is invisible.
// A PNG has no loss; its quality is a png.CompressionLevel.
var (
	turnedQualities = map[string][]int{
		"jpeg": {92, 85, 75, 60, 40},
		"png":  {int(png.DefaultCompression), int(png.BestCompression)},
	}
	scaledQualities = map[string][]int{"jpeg": {82}, "png": {int(png.DefaultCompression)}}
)

var errFull = errors.New("the encoded image is too long")

// encode returns img in the format of p, with the meaning of its colours and at
// most limit bytes. Errors: domain.ErrImageBytes if no quality is so short.
func (p *picture) encode(ctx context.Context, img image.Image, qualities map[string][]int, limit int) ([]byte, error) {
	colours := p.coloursOf(img)
	for _, quality := range qualities[p.format] {
		w := &writer{ctx: ctx, limit: limit - len(colours)}
		var err error
		at := len("\xff\xd8")
		if p.format == "jpeg" {
			err = jpeg.Encode(w, img, &jpeg.Options{Quality: quality})
		} else {
			at = len(pngSignature) + pngHeaderChunk
			err = (&png.Encoder{CompressionLevel: png.CompressionLevel(quality)}).Encode(w, img)
		}
		switch {
		case err == nil:
			content := w.content.Bytes()
			return slices.Insert(content, at, colours...), nil
		case !errors.Is(err, errFull):
			return nil, fmt.Errorf("encode image: %w", err)
		}
	}
	return nil, domain.ErrImageBytes.Detailf("the image, turned as it is to be seen, has more than 5 MiB")
}

// coloursOf returns the segments or chunks that define the colours of img,
// which is a transformed copy of p's image. A profile is for grey or for
// colours: it is dropped if img changed from one to the other.
func (p *picture) coloursOf(img image.Image) []byte {
	channels := 3
	switch img.(type) {
	case *image.Gray, *image.Gray16:
		channels = 1
	}
	if channels != p.channels {
		return p.colours
	}
	return append(bytes.Clone(p.colours), p.profile...)
}

// reader is a reader that fails when ctx ends.
type reader struct {
	ctx context.Context //nolint:containedctx // a reader of one call
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// writer collects bytes. It fails if they exceed limit, or when ctx ends.
type writer struct {
	ctx     context.Context //nolint:containedctx // a writer of one call
	content bytes.Buffer
	limit   int
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	if w.content.Len()+len(p) > w.limit {
		return 0, errFull
	}
	return w.content.Write(p)
}

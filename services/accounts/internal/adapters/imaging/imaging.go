// Package imaging is the app.Codec: it decodes, cleans and scales JPEG and PNG.
package imaging

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
	"golang.org/x/image/math/f64"
	"golang.org/x/sync/semaphore"

	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

const (
	// turnedQuality is that of a JPEG whose pixels had to be turned upright:
	// the loss is not seen.
	turnedQuality = 92
	scaledQuality = 82
)

// Codec is an app.Codec. All images that it works on at one moment have, in
// total, no more pixels than one image may have: what it takes of memory is
// bounded by about 16 bytes for each of them, and others wait.
type Codec struct {
	pixels *semaphore.Weighted
}

var _ app.Codec = (*Codec)(nil)

// New returns a Codec.
func New() *Codec {
	return &Codec{pixels: semaphore.NewWeighted(domain.MaxImagePixels)}
}

// Clean implements app.Codec.
func (c *Codec) Clean(ctx context.Context, content []byte) (app.Picture, error) {
	img, format, release, err := c.decode(ctx, content)
	if err != nil {
		return app.Picture{}, err
	}
	defer release()
	bounds := img.Bounds()
	clean := app.Picture{Width: bounds.Dx(), Height: bounds.Dy()}
	strip := stripPNG
	if format == "jpeg" {
		strip = stripJPEG
	}
	kept, ok := strip(content)
	if !ok {
		return app.Picture{}, domain.ErrImageType
	}
	clean.Content = kept.content
	if kept.orientation > 1 {
		upright := turn(img, kept.orientation)
		clean.Width, clean.Height = upright.Bounds().Dx(), upright.Bounds().Dy()
		if clean.Content, err = encode(upright, format, turnedQuality); err != nil {
			return app.Picture{}, err
		}
		if _, cmyk := img.(*image.CMYK); !cmyk { // else the profile is not of the colours that were written
			clean.Content = kept.withProfile(clean.Content)
		}
	}
	return clean, nil
}

// Scale implements app.Codec.
func (c *Codec) Scale(ctx context.Context, content []byte, side int) ([]byte, error) {
	img, format, release, err := c.decode(ctx, content)
	if err != nil {
		return nil, err
	}
	defer release()
	width, height := img.Bounds().Dx(), img.Bounds().Dy()
	longer := max(width, height)
	target := image.Rect(0, 0, max(1, (width*side+longer/2)/longer), max(1, (height*side+longer/2)/longer))
	var scaled draw.Image = image.NewNRGBA(target)
	if format == "jpeg" {
		scaled = image.NewRGBA(target)
	}
	draw.CatmullRom.Scale(scaled, target, img, img.Bounds(), draw.Src, nil)
	return encode(scaled, format, scaledQuality)
}

// decode decodes the whole of an image once there is room for it. The caller
// releases that when it no longer needs the image.
func (c *Codec) decode(ctx context.Context, content []byte) (img image.Image, format string, release func(), err error) {
	config, _, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		return nil, "", nil, domain.ErrImageType.Wrap(err)
	}
	pixels := int64(config.Width) * int64(config.Height)
	if pixels > domain.MaxImagePixels {
		return nil, "", nil, domain.ErrImagePixels
	}
	if err := c.pixels.Acquire(ctx, pixels); err != nil {
		return nil, "", nil, fmt.Errorf("wait to decode an image: %w", err)
	}
	img, format, err = image.Decode(bytes.NewReader(content))
	if err != nil {
		c.pixels.Release(pixels)
		return nil, "", nil, domain.ErrImageType.Wrap(err)
	}
	return img, format, func() { c.pixels.Release(pixels) }, nil
}

func encode(img image.Image, format string, quality int) ([]byte, error) {
	var b bytes.Buffer
	var err error
	if format == "jpeg" {
		err = jpeg.Encode(&b, img, &jpeg.Options{Quality: quality})
	} else {
		err = png.Encode(&b, img)
	}
	if err != nil {
		return nil, fmt.Errorf("encode image: %w", err)
	}
	return b.Bytes(), nil
}

// turn returns img as its Exif orientation, 2 to 8, says it is to be seen.
func turn(img image.Image, orientation int) image.Image {
	w, h := float64(img.Bounds().Dx()), float64(img.Bounds().Dy())
	// Where a pixel at x, y goes to: x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5.
	m := map[int]f64.Aff3{
		2: {-1, 0, w, 0, 1, 0},
		3: {-1, 0, w, 0, -1, h},
		4: {1, 0, 0, 0, -1, h},
		5: {0, 1, 0, 1, 0, 0},
		6: {0, -1, h, 1, 0, 0},
		7: {0, -1, h, -1, 0, w},
		8: {0, 1, 0, -1, 0, w},
	}[orientation]
	target := image.Rect(0, 0, int(w), int(h))
	if orientation >= 5 {
		target = image.Rect(0, 0, int(h), int(w))
	}
	upright := image.NewNRGBA(target)
	draw.NearestNeighbor.Transform(upright, m, img, img.Bounds(), draw.Src, nil)
	return upright
}

package domain

import (
	"bufio"
	"bytes"
	"errors"
	"image"
	_ "image/jpeg" // judged by their headers
	_ "image/png"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/concha-labs/backend/pkg/fault"
)

const (
	// MaxImageBytes is the largest image file, 5 MiB.
	MaxImageBytes = 5 << 20
	// MaxImagePixels is the largest width times height.
	MaxImagePixels = 25_000_000
	// MaxImageSide is the largest width and height in pixels, that of JPEG.
	MaxImageSide = 65_535
)

// The errors of images.
var (
	ErrImageType     = fault.New(fault.Unsupported, "not-an-image", "the content is no JPEG or PNG that can be read here")
	ErrImageMismatch = fault.New(fault.Unsupported, "image-type-mismatch", "the content is not of the type that the request declares")
	ErrImageBytes    = fault.New(fault.TooLarge, "image-too-large", "the image must have at most 5 MiB")
	ErrImagePixels   = fault.New(fault.TooLarge, "image-too-many-pixels", "the image must have at most 25 megapixels, and at most 65,535 pixels on a side")
	ErrImageWork     = fault.New(fault.TooLarge, "image-too-much-work", "the image takes too much memory or time to decode")
)

// ImageSides are the lengths in pixels of the longer side that an image can be
// had with, beside its own.
var ImageSides = []int{64, 256, 1024}

// Image is a profile image. Its fields' JSON names are how the stores keep it.
type Image struct {
	// Object is the name of the content in the object store.
	Object      string `json:"object"`
	ContentType string `json:"content_type"` // image/jpeg or image/png
	Width       int    `json:"width"`        // pixels
	Height      int    `json:"height"`       // pixels
	SizeBytes   int64  `json:"size_bytes"`
	SHA256      string `json:"sha256"` // lower-case hex
}

// Scaled returns the name of the object that keeps the image with a longer side
// of so many pixels.
func (i Image) Scaled(side int) string { return scaled(i.Object, side) }

func scaled(object string, side int) string {
	extension := path.Ext(object)
	return strings.TrimSuffix(object, extension) + "." + strconv.Itoa(side) + extension
}

// ScaledObjects returns the names of all objects that are made of an image's.
func ScaledObjects(object string) []string {
	names := make([]string, len(ImageSides))
	for i, side := range ImageSides {
		names[i] = scaled(object, side)
	}
	return names
}

// ReadImageHeader judges an image by the header of its content and returns a
// description without Object, SizeBytes and SHA256, and a reader of the whole
// content. Errors: ErrImageType, ErrImagePixels, ErrImageMismatch if declared
// is not empty and not the type of the content; r's own.
func ReadImageHeader(r io.Reader, declared string) (Image, io.Reader, error) {
	var head bytes.Buffer
	source := &failure{r: r}
	config, format, err := image.DecodeConfig(bufio.NewReader(io.TeeReader(source, &head)))
	switch {
	case source.err != nil:
		return Image{}, nil, source.err
	case err != nil, format != "jpeg" && format != "png", config.Width <= 0 || config.Height <= 0:
		return Image{}, nil, ErrImageType
	case config.Height > MaxImagePixels/config.Width, max(config.Width, config.Height) > MaxImageSide:
		return Image{}, nil, ErrImagePixels.Detailf("the image is %d x %d pixels; at most 25 megapixels are taken, and at most 65,535 pixels on a side", config.Width, config.Height)
	}
	img := Image{ContentType: "image/" + format, Width: config.Width, Height: config.Height}
	if declared != "" && declared != img.ContentType {
		return Image{}, nil, ErrImageMismatch.Detailf("the content is %s, but the request declares %s", img.ContentType, declared)
	}
	return img, io.MultiReader(&head, r), nil
}

// failure remembers the error of a reader, which image.DecodeConfig hides
// behind its own.
type failure struct {
	r   io.Reader
	err error
}

func (f *failure) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

package domain

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
)

const (
	// MaxImageBytes is the maximum size of an image file, 5 MiB.
	MaxImageBytes = 5 << 20
	// MaxImagePixels is the maximum width times height.
	MaxImagePixels = 25_000_000
	// MaxImageSide is the maximum width and height in pixels, the limit of
	// JPEG.
	MaxImageSide = 65_535
)

// The errors of images.
var (
	ErrImageType     = fault.New(fault.Unsupported, "not-an-image", "the content is not a JPEG or PNG image that can be read")
	ErrImageMismatch = fault.New(fault.Unsupported, "image-type-mismatch", "the content is not of the type that the request declares")
	ErrImageBytes    = fault.New(fault.TooLarge, "image-too-large", "the image must have at most 5 MiB")
	ErrImagePixels   = fault.New(fault.TooLarge, "image-too-many-pixels", "the image must have at most 25 megapixels, and at most 65,535 pixels on a side")
	ErrImageWork     = fault.New(fault.TooLarge, "image-too-much-work", "the image takes too much memory or time to decode")
	ErrImageLost     = fault.New(fault.Lost, "content-missing", "the content of the image is missing from the object store; upload the image again, or restore it from a backup")
	ErrImagesBusy    = fault.New(fault.Unavailable, "images-busy", "too many images are being processed; send the request again later").After(10 * time.Second)
	ErrImageTime     = fault.New(fault.Unavailable, "image-out-of-time", "the image was not processed in time, because others are being processed; send the request again later").After(10 * time.Second)
)

// ImageSides are the lengths of the longer side, in pixels, of the scaled forms
// of an image.
var ImageSides = []int{64, 256, 1024}

// Image is a profile image.
type Image struct {
	// Object is the name of the content in the object store.
	Object      string
	ContentType string // image/jpeg or image/png
	Width       int    // pixels
	Height      int    // pixels
	SizeBytes   int64
	SHA256      string // lower-case hex
}

// Scaled returns the name of the object with the scaled form whose longer side
// has side pixels.
func (i Image) Scaled(side int) string { return scaled(i.Object, side) }

func scaled(object string, side int) string {
	extension := path.Ext(object)
	return strings.TrimSuffix(object, extension) + "." + strconv.Itoa(side) + extension
}

// ScaledObjects returns the names of the objects with scaled forms of the image
// in object.
func ScaledObjects(object string) []string {
	names := make([]string, len(ImageSides))
	for i, side := range ImageSides {
		names[i] = scaled(object, side)
	}
	return names
}

// ImageFormat returns the format, jpeg or png, of content by its first bytes.
// Errors: ErrImageType, with the name of the format that it is instead.
func ImageFormat(content []byte) (string, error) {
	for _, f := range []struct {
		at              int
		signature, name string
	}{
		{0, "\xff\xd8", "jpeg"},
		{0, pngSignature, "png"},
		{0, "GIF8", "a GIF"},
		{8, "WEBP", "a WebP image"},
		{0, "BM", "a BMP image"},
		{0, "II*\x00", "a TIFF image"},
		{0, "MM\x00*", "a TIFF image"},
		{4, "ftypavi", "an AVIF image"},
		{4, "ftyphei", "a HEIC image"},
		{4, "ftypmif1", "a HEIC image"},
		{0, "<svg", "an SVG image"},
		{0, "%PDF", "a PDF document"},
	} {
		if len(content) < f.at || !bytes.HasPrefix(content[f.at:], []byte(f.signature)) {
			continue
		}
		if f.name == "jpeg" || f.name == "png" {
			return f.name, nil
		}
		return "", ErrImageType.Detailf("the content is %s; only JPEG and PNG are accepted", f.name)
	}
	if len(content) == 0 {
		return "", ErrImageType.Detailf("the image is empty")
	}
	return "", ErrImageType.Detailf("the content is neither a JPEG nor a PNG")
}

// JudgePixels refuses an image of so many pixels. Errors: ErrImageType if it has
// none, ErrImagePixels.
func JudgePixels(width, height int) error {
	switch {
	case width < 1 || height < 1:
		return ErrImageType.Detailf("the image has no pixels")
	case height > MaxImagePixels/width, max(width, height) > MaxImageSide:
		return ErrImagePixels.Detailf("the image is %d x %d pixels; at most 25 megapixels are accepted, and at most 65,535 pixels on a side", width, height)
	}
	return nil
}

// ReadImageHeader checks the header of an image. It returns a description
// without Object, SizeBytes and SHA256, and a reader of the whole content.
// Errors:
//   - ErrImageType, ErrImagePixels: the image is refused.
//   - ErrImageMismatch: declared is not empty and not the type of the content.
//   - the error of r.
func ReadImageHeader(r io.Reader, declared string) (Image, io.Reader, error) {
	const longestSignature = 12
	var head bytes.Buffer
	source := bufio.NewReader(io.TeeReader(r, &head))
	start, err := source.Peek(longestSignature)
	if err != nil && !errors.Is(err, io.EOF) {
		return Image{}, nil, err
	}
	format, err := ImageFormat(start)
	if err != nil {
		return Image{}, nil, err
	}
	img := Image{ContentType: "image/" + format}
	if declared != "" && declared != img.ContentType {
		return Image{}, nil, ErrImageMismatch.Detailf("the content is %s, but the request declares %s", img.ContentType, declared)
	}
	size := sizeOfJPEG
	if format == "png" {
		size = sizeOfPNG
	}
	img.Width, img.Height, err = size(source)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Image{}, nil, ErrImageType.Detailf("the image ends before its size")
	case err != nil:
		return Image{}, nil, err
	}
	if err := JudgePixels(img.Width, img.Height); err != nil {
		return Image{}, nil, err
	}
	return img, io.MultiReader(&head, r), nil
}

const pngSignature = "\x89PNG\r\n\x1a\n"

// sizeOfPNG reads the header of a PNG.
func sizeOfPNG(r *bufio.Reader) (width, height int, err error) {
	var header [len(pngSignature) + 16]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, 0, err
	}
	if string(header[12:16]) != "IHDR" {
		return 0, 0, ErrImageType.Detailf("the PNG does not begin with its header")
	}
	w, h := binary.BigEndian.Uint32(header[16:]), binary.BigEndian.Uint32(header[20:])
	if uint64(w)*uint64(h) > 1<<60 {
		return 0, 0, ErrImageType.Detailf("the PNG claims a size that no PNG has")
	}
	return int(w), int(h), nil
}

// sizeOfJPEG reads a JPEG up to the header of its frame.
func sizeOfJPEG(r *bufio.Reader) (width, height int, err error) {
	if _, err := r.Discard(2); err != nil {
		return 0, 0, err
	}
	for {
		if _, err := r.ReadSlice(0xff); err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return 0, 0, err
		} else if err != nil {
			continue
		}
		code := byte(0xff)
		for code == 0xff {
			if code, err = r.ReadByte(); err != nil {
				return 0, 0, err
			}
		}
		switch {
		case code == 0, code == 1, 0xd0 <= code && code <= 0xd7: // nothing belongs to it
			continue
		case code == 0xd8, code == 0xd9, code == 0xda:
			return 0, 0, ErrImageType.Detailf("the JPEG has no frame before its first scan")
		}
		var head [7]byte // the length, and of a frame: precision, height, width
		if _, err := io.ReadFull(r, head[:2]); err != nil {
			return 0, 0, err
		}
		length := int(binary.BigEndian.Uint16(head[:])) - 2
		if 0xc0 <= code && code <= 0xcf && code != 0xc4 && code != 0xc8 && code != 0xcc && length >= 5 {
			_, err := io.ReadFull(r, head[2:])
			return int(binary.BigEndian.Uint16(head[5:])), int(binary.BigEndian.Uint16(head[3:])), err
		}
		if _, err := r.Discard(max(length, 0)); err != nil {
			return 0, 0, err
		}
	}
}

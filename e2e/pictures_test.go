package e2e

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	mathrand "math/rand/v2"
	"strings"
)

func picture(width, height int, c color.Gray) image.Image {
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = c.Y
	}
	return img
}

func pngOf(width, height int) string {
	var b bytes.Buffer
	if err := png.Encode(&b, picture(width, height, color.Gray{Y: 7})); err != nil {
		panic(err)
	}
	return b.String()
}

func jpegOf(width, height int) string {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture(width, height, color.Gray{Y: 9}), nil); err != nil {
		panic(err)
	}
	return b.String()
}

// noisyPNG returns a PNG that cannot be compressed, of about 3 bytes a pixel.
func noisyPNG(width, height int) string {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	noise := mathrand.NewChaCha8([32]byte{})
	_, _ = noise.Read(img.Pix)
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 0xff
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.String()
}

// hugePNG is the start of a PNG that claims to be this large.
func hugePNG(width, height uint32) string {
	header := []byte("IHDR")
	header = binary.BigEndian.AppendUint32(header, width)
	header = binary.BigEndian.AppendUint32(header, height)
	header = append(header, 8, 0, 0, 0, 0)
	return "\x89PNG\r\n\x1a\n\x00\x00\x00\x0d" + string(binary.BigEndian.AppendUint32(header, crc32.ChecksumIEEE(header)))
}

// manyScans returns a progressive JPEG of one block with so many scans.
func manyScans(n int) string {
	const one = "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // a code for 0 alone
	return "\xff\xd8\xff\xc2\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00" +
		"\xff\xc4\x00\x14\x00" + one + "\xff\xc4\x00\x14\x10" + one +
		strings.Repeat("\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00\x00", n) + "\xff\xd9"
}

// part is a file, or, without a name, a field of a form.
type part struct {
	key, name, contentType string
	content                string
}

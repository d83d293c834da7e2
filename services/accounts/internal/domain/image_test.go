package domain_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"testing"
	"testing/iotest"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

func encode(t testing.TB, width, height int, to func(io.Writer, image.Image) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := to(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func toJPEG(w io.Writer, img image.Image) error { return jpeg.Encode(w, img, nil) }
func toGIF(w io.Writer, img image.Image) error  { return gif.Encode(w, img, nil) }

// hugePNG returns a PNG with this size in its header and no pixels.
func hugePNG(width, height uint32) []byte {
	header := []byte("IHDR\x00\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00")
	binary.BigEndian.PutUint32(header[4:], width)
	binary.BigEndian.PutUint32(header[8:], height)
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(header))
}

func TestReadImageHeader(t *testing.T) {
	small := encode(t, 30, 20, png.Encode)
	for _, c := range []struct {
		name     string
		content  []byte
		declared string
		want     error
	}{
		{"png", small, "image/png", nil},
		{"undeclared", small, "", nil},
		{"jpeg", encode(t, 30, 20, toJPEG), "image/jpeg", nil},
		{"png declared as jpeg", small, "image/jpeg", domain.ErrImageMismatch},
		{"gif", encode(t, 30, 20, toGIF), "", domain.ErrImageType},
		{"empty", nil, "image/png", domain.ErrImageType},
		{"text", []byte("not an image"), "image/png", domain.ErrImageType},
		{"png cut in the header", small[:20], "image/png", domain.ErrImageType},
		{"25 megapixels", hugePNG(5000, 5000), "image/png", nil},
		{"a pixel row too many", hugePNG(5000, 5001), "image/png", domain.ErrImagePixels},
		{"the longest side", hugePNG(65_535, 381), "image/png", nil},
		{"a column too many", hugePNG(65_536, 1), "image/png", domain.ErrImagePixels},
		{"a thread", hugePNG(1, 25_000_000), "image/png", domain.ErrImagePixels},
		{"a bomb", hugePNG(1<<20, 1<<20), "image/png", domain.ErrImagePixels},
		{"no pixels", hugePNG(0, 10), "image/png", domain.ErrImageType},
	} {
		t.Run(c.name, func(t *testing.T) {
			img, content, err := domain.ReadImageHeader(iotest.OneByteReader(bytes.NewReader(c.content)), c.declared)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err != nil {
				return
			}
			if img.Width == 0 || img.Height == 0 || (c.declared != "" && img.ContentType != c.declared) {
				t.Errorf("image %+v", img)
			}
			if all, err := io.ReadAll(content); err != nil || !bytes.Equal(all, c.content) {
				t.Errorf("the content is not whole: %d of %d bytes, %v", len(all), len(c.content), err)
			}
		})
	}
}

func TestReadImageHeaderReturnsTheReadersError(t *testing.T) {
	broken := errors.New("hung up")
	content := io.MultiReader(bytes.NewReader(encode(t, 30, 20, png.Encode)[:12]), iotest.ErrReader(broken))
	if _, _, err := domain.ReadImageHeader(content, ""); !errors.Is(err, broken) {
		t.Errorf("error %v, want the reader's", err)
	}
}

func FuzzReadImageHeader(f *testing.F) {
	f.Add(encode(f, 3, 2, png.Encode))
	f.Add(encode(f, 3, 2, toJPEG))
	f.Add(hugePNG(1<<31-1, 1<<31-1))
	f.Fuzz(func(t *testing.T, b []byte) {
		img, content, err := domain.ReadImageHeader(bytes.NewReader(b), "")
		if err != nil {
			return
		}
		if img.Width < 1 || img.Height < 1 || img.Width*img.Height > domain.MaxImagePixels {
			t.Errorf("accepted %d x %d pixels", img.Width, img.Height)
		}
		if all, _ := io.ReadAll(content); !bytes.Equal(all, b) {
			t.Error("the content is not whole")
		}
	})
}

package imaging

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// marked returns a white image with a black top left quarter, which shows its
// orientation.
func marked(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	for y := range height / 2 {
		for x := range width / 2 {
			img.Set(x, y, color.Black)
		}
	}
	return img
}

func encoded(t testing.TB, img image.Image, to func(io.Writer, image.Image) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := to(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func toJPEG(w io.Writer, img image.Image) error { return jpeg.Encode(w, img, nil) }

// segment returns a segment of a JPEG.
func segment(marker byte, body string) string {
	return "\xff" + string([]byte{marker}) + string(binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))) + body
}

// chunk returns a chunk of a PNG.
func chunk(kind, body string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)))) + kind + body +
		string(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(kind+body))))
}

// tiff returns an Exif structure with an orientation, in the given byte order.
func tiff(order binary.AppendByteOrder, orientation uint16) string {
	b := []byte("MM")
	if order == binary.LittleEndian {
		b = []byte("II")
	}
	b = order.AppendUint16(b, 42)
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	for _, entry := range [][4]uint16{{0x010f, 2, 4, 7}, {0x0112, 3, 1, orientation}} {
		b = order.AppendUint16(b, entry[0])
		b = order.AppendUint16(b, entry[1])
		b = order.AppendUint32(b, uint32(entry[2]))
		b = order.AppendUint16(b, entry[3])
		b = order.AppendUint16(b, 0)
	}
	return string(order.AppendUint32(b, 0))
}

// icc is a colour profile of 200 bytes, the shortest that has all of a header.
var icc = "\x00\x00\x00\xc8" + strings.Repeat("\x01", 32) + "acsp" + strings.Repeat("\x02", 160)

func deflated(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

// after returns content with more bytes at i.
func after(content []byte, i int, inserted string) []byte {
	return []byte(string(content[:i]) + inserted + string(content[i:]))
}

const (
	afterSOI  = 2
	afterIHDR = 8 + 25
)

func TestCleanKeepsThePictureAlone(t *testing.T) {
	plainJPEG, plainPNG := encoded(t, marked(16, 8), toJPEG), encoded(t, marked(16, 8), png.Encode)
	jfif := segment(0xe0, "JFIF\x00\x01\x02\x01\x00\x48\x00\x48\x00\x00")
	profile := segment(0xe2, "ICC_PROFILE\x00\x01\x01"+icc)
	for _, test := range []struct {
		name        string
		given, want []byte
	}{
		{"plain JPEG", plainJPEG, plainJPEG},
		{"plain PNG", plainPNG, plainPNG},
		{"Exif, upright", after(plainJPEG, afterSOI, segment(0xe1, "Exif\x00\x00"+tiff(binary.BigEndian, 1))), plainJPEG},
		{"broken Exif", after(plainJPEG, afterSOI, segment(0xe1, "Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff")), plainJPEG},
		{"XMP, IPTC, comment", after(plainJPEG, afterSOI, segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00<x/>")+segment(0xed, "Photoshop 3.0\x00")+segment(0xfe, "by me")), plainJPEG},
		{"previews", after(plainJPEG, afterSOI, segment(0xe0, "JFXX\x00\x10preview")+segment(0xe2, "MPF\x00")), plainJPEG},
		{"what follows a JPEG", append(bytes.Clone(plainJPEG), "a film"...), plainJPEG},
		{"JFIF and profile", after(plainJPEG, afterSOI, jfif+profile), after(plainJPEG, afterSOI, jfif+profile)},
		{"text", after(plainPNG, afterIHDR, chunk("tEXt", "Author\x00me")+chunk("iTXt", "x")+chunk("zTXt", "x")+chunk("tIME", "1234567")), plainPNG},
		{"Exif in PNG, upright", after(plainPNG, afterIHDR, chunk("eXIf", tiff(binary.LittleEndian, 1))), plainPNG},
		{"gamma", after(plainPNG, afterIHDR, chunk("gAMA", "\x00\x00\xb1\x8f")), after(plainPNG, afterIHDR, chunk("gAMA", "\x00\x00\xb1\x8f"))},
		{"what follows a PNG", append(bytes.Clone(plainPNG), "more"...), plainPNG},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean, err := New().Clean(t.Context(), test.given)
			if err != nil || !bytes.Equal(clean.Content, test.want) || clean.Width != 16 || clean.Height != 8 {
				t.Errorf("Clean = %d bytes, %d x %d, %v; want %d bytes, 16 x 8", len(clean.Content), clean.Width, clean.Height, err, len(test.want))
			}
		})
	}
}

func TestCleanTurnsUpright(t *testing.T) {
	// The expected position of the mark, which is stored at the top left.
	for orientation, want := range map[uint16]struct{ right, low, onSide bool }{
		1: {}, 2: {right: true}, 3: {right: true, low: true}, 4: {low: true},
		5: {onSide: true}, 6: {right: true, onSide: true}, 7: {right: true, low: true, onSide: true}, 8: {low: true, onSide: true},
	} {
		jpegExif := segment(0xe1, "Exif\x00\x00"+tiff(binary.LittleEndian, orientation)) + segment(0xe2, "ICC_PROFILE\x00\x01\x01"+icc)
		for format, given := range map[string][]byte{
			"jpeg": after(encoded(t, marked(48, 32), toJPEG), afterSOI, jpegExif),
			"png":  after(encoded(t, marked(48, 32), png.Encode), afterIHDR, chunk("eXIf", tiff(binary.BigEndian, orientation))),
		} {
			clean, err := New().Clean(t.Context(), given)
			if err != nil {
				t.Fatal(err)
			}
			width, height := 48, 32
			if want.onSide {
				width, height = height, width
			}
			img, got, err := image.Decode(bytes.NewReader(clean.Content))
			if err != nil || got != format || img.Bounds() != image.Rect(0, 0, width, height) || clean.Width != width || clean.Height != height {
				t.Fatalf("orientation %d: %s %v, told as %d x %d, %v", orientation, got, img.Bounds(), clean.Width, clean.Height, err)
			}
			for _, right := range []bool{false, true} {
				for _, low := range []bool{false, true} {
					x, y := width/4, height/4
					if right {
						x += width / 2
					}
					if low {
						y += height / 2
					}
					luma, _, _, _ := img.At(x, y).RGBA()
					if black := luma < 0x8000; black != (right == want.right && low == want.low) {
						t.Errorf("orientation %d of %s: black is %t at right %t, low %t", orientation, format, black, right, low)
					}
				}
			}
			if bytes.Contains(clean.Content, []byte("Exif")) || bytes.Contains(clean.Content, []byte("eXIf")) {
				t.Errorf("orientation %d: Exif is left in the %s", orientation, format)
			}
			if format == "jpeg" && bytes.Count(clean.Content, []byte("ICC_PROFILE")) != 1 {
				t.Errorf("orientation %d: the colour profile is lost or doubled", orientation)
			}
		}
	}
}

// The colour information of an image is kept when it is turned or scaled,
// unless its colours change.
func TestColoursKeepTheirMeaning(t *testing.T) {
	const iccp, gamma = "iCCP", "gAMA"
	pngColours := chunk(gamma, "\x00\x00\xb1\x8f") + chunk("cHRM", strings.Repeat("\x00", 32)) + chunk(iccp, "x\x00\x00"+deflated(icc))
	profile := segment(0xe2, "ICC_PROFILE\x00\x01\x01"+icc)
	grey16 := image.NewGray16(image.Rect(0, 0, 80, 40))
	deep := image.NewNRGBA64(grey16.Rect)
	deep.SetNRGBA64(1, 1, color.NRGBA64{R: 0x1234, G: 0x5678, B: 0x9abc, A: 0xdef0})
	paletted := image.NewPaletted(grey16.Rect, color.Palette{color.White, color.Black})
	for _, test := range []struct {
		name     string
		content  []byte
		model    color.Model // after turning
		profiled bool
	}{
		{"grey JPEG", after(plain(baseline, 80, 40, "\x11", 0), afterSOI, profile), color.GrayModel, true},
		{"colour JPEG", after(plain(baseline, 80, 40, "\x21\x11\x11", 0), afterSOI, profile), color.YCbCrModel, true},
		{"CMYK JPEG", after(plain(baseline, 80, 40, "\x11\x11\x11\x11", 0), afterSOI, profile), color.YCbCrModel, false},
		{"grey PNG", after(encoded(t, image.NewGray(grey16.Rect), png.Encode), afterIHDR, pngColours), color.GrayModel, true},
		{"deep grey PNG", after(encoded(t, grey16, png.Encode), afterIHDR, pngColours), color.Gray16Model, true},
		{"deep PNG", after(encoded(t, deep, png.Encode), afterIHDR, pngColours), color.NRGBA64Model, true},
		{"PNG", after(encoded(t, marked(80, 40), png.Encode), afterIHDR, pngColours), color.RGBAModel, true},
		{"grey PNG with alpha", plainPNG(80, 40, 8, 4, 0, pngColours), color.NRGBAModel, false},
		{"paletted PNG", after(encoded(t, paletted, png.Encode), afterIHDR, pngColours), nil, true},
	} {
		clean, err := New().Clean(t.Context(), turned(test.content, 6))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		scaled, err := New().Scale(t.Context(), test.content, 64)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		img, _, err := image.Decode(bytes.NewReader(clean.Content))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := img.(*image.Paletted); test.model != nil && img.ColorModel() != test.model || test.model == nil && !ok {
			t.Errorf("%s: is a %T once it is turned", test.name, img)
		}
		for what, content := range map[string][]byte{"turned": clean.Content, "scaled": scaled} {
			profiles := bytes.Count(content, []byte(iccp)) + bytes.Count(content, []byte("ICC_PROFILE"))
			if profiles != map[bool]int{true: 1}[test.profiled] {
				t.Errorf("%s, %s: has %d profiles", test.name, what, profiles)
			}
			if bytes.Count(content, []byte(gamma)) != bytes.Count(test.content, []byte(gamma)) {
				t.Errorf("%s, %s: the gamma is lost or doubled", test.name, what)
			}
			if _, _, err := image.Decode(bytes.NewReader(content)); err != nil {
				t.Errorf("%s, %s: %v", test.name, what, err)
			}
		}
	}
	clean, err := New().Clean(t.Context(), turned(encoded(t, deep, png.Encode), 3))
	if err != nil {
		t.Fatal(err)
	}
	if img, _, err := image.Decode(bytes.NewReader(clean.Content)); err != nil || img.At(78, 38) != deep.At(1, 1) {
		t.Errorf("a turned pixel is %v, want %v; %v", img.At(78, 38), deep.At(1, 1), err)
	}
}

func TestCleanRefusesWhatCannotBeDecoded(t *testing.T) {
	pngHeader := encoded(t, marked(40, 40), png.Encode)[:afterIHDR]
	photo := encoded(t, marked(400, 400), toJPEG)
	for name, content := range map[string][]byte{
		"nothing":       nil,
		"text":          []byte("hello"),
		"header of PNG": pngHeader,
		"half a PNG":    encoded(t, marked(40, 40), png.Encode)[:80],
		"half a JPEG":   photo[:len(photo)/2],
		"a bomb":        []byte(string(pngHeader) + chunk("IDAT", strings.Repeat("\x00", 100)) + chunk("IEND", "")),
	} {
		if clean, err := New().Clean(t.Context(), content); !errors.Is(err, domain.ErrImageType) {
			t.Errorf("%s: Clean = %d bytes, %v", name, len(clean.Content), err)
		}
	}
}

func TestScale(t *testing.T) {
	for _, test := range []struct{ width, height, side, wantWidth, wantHeight int }{
		{300, 150, 64, 64, 32}, {150, 300, 64, 32, 64}, {300, 300, 256, 256, 256}, {2000, 1, 64, 64, 1}, {1, 2000, 1024, 1, 1024},
	} {
		for format, content := range map[string][]byte{
			"jpeg": encoded(t, marked(test.width, test.height), toJPEG), "png": encoded(t, marked(test.width, test.height), png.Encode),
		} {
			scaled, err := New().Scale(t.Context(), content, test.side)
			if err != nil {
				t.Fatal(err)
			}
			config, got, err := image.DecodeConfig(bytes.NewReader(scaled))
			if err != nil || got != format || config.Width != test.wantWidth || config.Height != test.wantHeight {
				t.Errorf("%v: %s of %d x %d, %v", test, got, config.Width, config.Height, err)
			}
		}
	}
}

func TestTheLargestImageIsTaken(t *testing.T) {
	content := encoded(t, image.NewGray(image.Rect(0, 0, 5000, 5000)), png.Encode)
	if clean, err := New().Clean(t.Context(), content); err != nil || clean.Width*clean.Height != domain.MaxImagePixels {
		t.Errorf("Clean = %d x %d, %v", clean.Width, clean.Height, err)
	}
}

package imaging

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// secret is a text that no picture needs.
const secret = "SECRET"

// wrong returns a chunk whose checksum is wrong.
func wrong(kind, body string) string {
	c := []byte(chunk(kind, body))
	c[len(c)-1] ^= 1
	return string(c)
}

// pixels returns the chunks of a PNG's pixels, and where they begin and end.
func pixels(content []byte) (body string, begin, end int) {
	begin = bytes.Index(content, []byte("IDAT")) - 4
	end = len(content) - 12
	return string(content[begin+8 : end-4]), begin, end
}

// withPixels returns a PNG with other chunks in the place of its pixels.
func withPixels(content []byte, chunks string) []byte {
	_, begin, end := pixels(content)
	return []byte(string(content[:begin]) + chunks + string(content[end:]))
}

func inflated(t *testing.T, packed string) string {
	t.Helper()
	var b bytes.Buffer
	f := &pngFile{width: 16, height: 8, depth: 8, kind: 2, data: [][]byte{[]byte(packed)}}
	if _, err := f.copyPixels(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A PNG with damage or surplus outside its pixels is repaired.
func TestCleanRepairsPNG(t *testing.T) {
	colours, grey := encoded(t, marked(16, 8), png.Encode), encoded(t, image.NewGray(image.Rect(0, 0, 16, 8)), png.Encode)
	alpha := plainPNG(16, 8, 8, 6, 0, "")
	paletted := encoded(t, image.NewPaletted(image.Rect(0, 0, 16, 8), color.Palette{color.White, color.Black}), png.Encode)
	packed, _, end := pixels(colours)
	palette := bytes.Index(paletted, []byte("PLTE")) - 4
	profile := "icc\x00\x00" + deflated(icc)
	for _, test := range []struct {
		name        string
		given, want []byte
	}{
		{"wrong checksum of a profile", after(colours, afterIHDR, wrong("iCCP", profile)), colours},
		{"wrong checksum of a text", after(colours, afterIHDR, wrong("tEXt", secret)), colours},
		{"wrong checksum of gAMA", after(colours, afterIHDR, wrong("gAMA", "\x00\x00\xb1\x8f")), colours},
		{"PLTE in grey", after(grey, afterIHDR, chunk("PLTE", secret)), grey},
		{"PLTE in colours", after(colours, afterIHDR, chunk("PLTE", secret)), colours},
		{"PLTE too long", []byte(string(paletted[:palette]) + chunk("PLTE", "\xff\xff\xff\x00\x00\x00"+secret) + string(paletted[palette+18:])), paletted},
		{"tRNS with alpha", after(alpha, afterIHDR, chunk("tRNS", "SECRET")), alpha},
		{"tRNS too long", after(grey, afterIHDR, chunk("tRNS", "\x00\x01SECRET")), grey},
		{"tRNS after the pixels", after(grey, len(grey)-12, chunk("tRNS", "\x00\x01")), grey},
		{"tRNS of more colours than there are", after(paletted, palette+18, chunk("tRNS", secret)), paletted},
		{"gAMA too long", after(colours, afterIHDR, chunk("gAMA", "\x00\x00\xb1\x8f"+secret)), colours},
		{"sRGB too long", after(colours, afterIHDR, chunk("sRGB", "\x00"+secret)), colours},
		{"pHYs too long", after(colours, afterIHDR, chunk("pHYs", "\x00\x00\x0b\x13\x00\x00\x0b\x13\x01"+secret)), colours},
		{"bKGD too long", after(colours, afterIHDR, chunk("bKGD", "\x00\x00\x00\x00\x00\x00"+secret)), colours},
		{"gAMA twice", after(colours, afterIHDR, chunk("gAMA", "\x00\x00\xb1\x8f")+chunk("gAMA", "SECR")), after(colours, afterIHDR, chunk("gAMA", "\x00\x00\xb1\x8f"))},
		{"a profile", after(colours, afterIHDR, chunk("iCCP", profile)), after(colours, afterIHDR, chunk("iCCP", profile))},
		{"a profile with more behind", after(colours, afterIHDR, chunk("iCCP", profile+secret)), after(colours, afterIHDR, chunk("iCCP", profile))},
		{"a profile with more inside", after(colours, afterIHDR, chunk("iCCP", "x\x00\x00"+deflated(icc+secret))), after(colours, afterIHDR, chunk("iCCP", profile))},
		{"a profile with a name", after(colours, afterIHDR, chunk("iCCP", secret+"\x00\x00"+deflated(icc))), after(colours, afterIHDR, chunk("iCCP", profile))},
		{"no profile", after(colours, afterIHDR, chunk("iCCP", "x\x00\x00"+deflated(secret))), colours},
		{"pixels after the pixels", after(colours, end, chunk("IDAT", secret)), colours},
		{"pixels after another chunk", after(colours, end, chunk("tEXt", secret)+chunk("IDAT", packed)), colours},
		{"bytes after the pixels", withPixels(colours, chunk("IDAT", packed+secret)), nil},
		{"rows too many", withPixels(colours, chunk("IDAT", deflated(inflated(t, packed)+strings.Repeat(secret, 100)))), nil},
		{"pixels without their checksum", withPixels(colours, chunk("IDAT", packed[:len(packed)-4])), nil},
		{"pixels with a wrong checksum", withPixels(colours, chunk("IDAT", packed[:len(packed)-4]+"SECR")), nil},
		{"pixels in pieces", withPixels(colours, chunk("IDAT", packed[:9])+chunk("IDAT", "")+chunk("IDAT", packed[9:])), withPixels(colours, chunk("IDAT", packed[:9])+chunk("IDAT", "")+chunk("IDAT", packed[9:]))},
		{"no end", colours[:len(colours)-12], colours},
		{"half an end", colours[:len(colours)-6], colours},
		{"a wrong checksum of the end", append(bytes.Clone(colours[:len(colours)-4]), secret...), colours},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean, err := New().Clean(t.Context(), test.given)
			if err != nil || bytes.Contains(clean.Content, []byte(secret[:4])) || test.want != nil && !bytes.Equal(clean.Content, test.want) {
				t.Fatalf("Clean = %d bytes, %v; want %d bytes", len(clean.Content), err, len(test.want))
			}
			want, err := png.Decode(bytes.NewReader(colours))
			if test.want != nil {
				want, err = png.Decode(bytes.NewReader(test.want))
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := png.Decode(bytes.NewReader(clean.Content))
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, want)
			turnedClean, err := New().Clean(t.Context(), turned(test.given, 3))
			if err != nil || bytes.Contains(turnedClean.Content, []byte(secret[:4])) {
				t.Errorf("turned: %v", err)
			}
		})
	}
}

func same(t *testing.T, got, want image.Image) {
	t.Helper()
	if got.Bounds() != want.Bounds() {
		t.Fatalf("is %v, want %v", got.Bounds(), want.Bounds())
	}
	for y := range got.Bounds().Dy() {
		for x := range got.Bounds().Dx() {
			r1, g1, b1, a1 := got.At(x, y).RGBA()
			r2, g2, b2, a2 := want.At(x, y).RGBA()
			if r1 != r2 || g1 != g2 || b1 != b2 || a1 != a2 {
				t.Fatalf("pixel %d, %d is %v, want %v", x, y, got.At(x, y), want.At(x, y))
			}
		}
	}
}

// A picture of one pixel across or down is turned like any other.
func TestThinImagesAreTurned(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {2, 1}, {1, 2}, {9, 1}, {1, 9}, {70, 1}, {1, 70}} {
		for orientation := uint16(1); orientation <= 8; orientation++ {
			grey := image.NewGray(image.Rectangle{Max: size})
			for i := range grey.Pix {
				grey.Pix[i] = uint8(i)
			}
			colours := image.NewNRGBA(grey.Rect)
			noise(colours.Pix)
			for name, content := range map[string][]byte{
				"grey PNG": encoded(t, grey, png.Encode), "PNG": encoded(t, colours, png.Encode),
				"grey JPEG": encoded(t, grey, toJPEG), "JPEG": encoded(t, colours, toJPEG),
				"4:1:0 JPEG": plain(baseline, size.X, size.Y, "\x42\x11\x11", 0),
			} {
				clean, err := New().Clean(t.Context(), turned(content, orientation))
				want := size
				if orientation >= 5 {
					want = image.Pt(size.Y, size.X)
				}
				if err != nil || clean.Width != want.X || clean.Height != want.Y {
					t.Fatalf("%s of %v, orientation %d: %d x %d, %v", name, size, orientation, clean.Width, clean.Height, err)
				}
				if name != "grey PNG" {
					continue
				}
				img, err := png.Decode(bytes.NewReader(clean.Content))
				if err != nil {
					t.Fatal(err)
				}
				first := img.At(0, 0).(color.Gray).Y
				last := img.At(want.X-1, want.Y-1).(color.Gray).Y
				if first > last { // where the order of the pixels is the other way round
					first, last = last, first
				}
				if first != 0 || last != grey.Pix[len(grey.Pix)-1] {
					t.Errorf("%v, orientation %d: begins with %d, ends with %d", size, orientation, first, last)
				}
			}
		}
	}
}

// Each cause for which an image is refused is named.
func TestRefusesByCause(t *testing.T) {
	photo := encoded(t, marked(64, 64), toJPEG)
	colours := encoded(t, marked(64, 64), png.Encode)
	packed, begin, _ := pixels(colours)
	paletted := encoded(t, image.NewPaletted(image.Rect(0, 0, 9, 9), color.Palette{color.White}), png.Encode)
	palette := bytes.Index(paletted, []byte("PLTE")) - 4
	for _, test := range []struct {
		content []byte
		want    string
	}{
		{nil, "is empty"},
		{[]byte("GIF89a..."), "a GIF"},
		{[]byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "a WebP image"},
		{[]byte("\x00\x00\x00\x18ftypheic"), "a HEIC image"},
		{[]byte("hello"), "neither a JPEG nor a PNG"},
		{photo[:len(photo)/2], "the JPEG is damaged, or ends before its last pixel"},
		{bytes.Replace(photo, []byte("\xff\xc0"), []byte("\xff\xc9"), 1), "arithmetic"},
		{colours[:begin+20], "the PNG is damaged, or ends before its last pixel"},
		{withPixels(colours, chunk("IDAT", packed[:len(packed)/2])), "ends before its last pixel"},
		{withPixels(colours, wrong("IDAT", packed)), "wrong checksum"},
		{append(paletted[:palette:palette], paletted[palette+15:]...), "no palette"},
		{after(colours, 24, "x"), "its header is broken"},
		{[]byte(string(colours[:8]) + chunk("IHDR", "\x00\x00\x00\x01\x00\x00\x00\x01\x07\x00\x00\x00\x00") + chunk("IDAT", packed) + chunk("IEND", "")), "depth"},
	} {
		_, err := New().Clean(t.Context(), test.content)
		if !errors.Is(err, domain.ErrImageType) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q", err, test.want)
		}
	}
}

// The work that waits is bounded: above that, images are refused at once, and
// the client learns when to come back.
func TestOverloadIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		codec := New()
		bomb := plain(progressive, 1000, 1000, "\x11", maxScans-1)
		if err := codec.memory.Acquire(t.Context(), maxMemory); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range maxWork / (maxScans * 1_000_000) {
			wg.Go(func() {
				if _, err := codec.Clean(ctx, bomb); !errors.Is(err, context.Canceled) {
					t.Errorf("Clean = %v, want it to wait", err)
				}
			})
		}
		synctest.Wait()
		if _, err := codec.Clean(ctx, bomb); !errors.Is(err, domain.ErrImagesBusy) {
			t.Errorf("Clean = %v, want that too many wait", err)
		}
		if err := codec.Admit(1000 * 1000); !errors.Is(err, domain.ErrImagesBusy) {
			t.Errorf("Admit = %v, want that too many wait", err)
		}
		cancel()
		wg.Wait()
		codec.memory.Release(maxMemory)
		if err := codec.Admit(domain.MaxImagePixels); err != nil {
			t.Errorf("Admit = %v after the others left", err)
		}
		if _, err := codec.Clean(t.Context(), plain(baseline, 8, 8, "\x11", 0)); err != nil {
			t.Errorf("Clean = %v after the others left", err)
		}
	})
}

// Whatever the file and its orientation: it is refused with a cause, or its
// picture is kept, which stays as it is when it comes again.
func FuzzWholeFiles(f *testing.F) {
	for _, name := range []string{"2x2-1x1-1x2.jpg", "420-progressive.jpg", "cmyk-without-adobe.jpg", "grey.jpg"} {
		content, err := os.ReadFile("jpegfile/testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content, uint8(6))
	}
	for _, size := range []image.Point{{2, 1}, {1, 2}, {5, 4}} {
		f.Add(encoded(f, marked(size.X, size.Y), png.Encode), uint8(6))
		f.Add(encoded(f, marked(size.X, size.Y), toJPEG), uint8(7))
		for _, kind := range [][2]byte{{1, 0}, {16, 2}, {4, 3}, {8, 4}} {
			f.Add(plainPNG(size.X, size.Y, kind[0], kind[1], 1, chunk("PLTE", secret)), uint8(5))
		}
	}
	f.Fuzz(func(t *testing.T, content []byte, how uint8) {
		p, err := measure(content)
		if err != nil || p.width*p.height > 1e5 || p.work > 1e6 {
			return
		}
		codec := New()
		clean, err := codec.Clean(t.Context(), turned(content, uint16(how%9)))
		if err != nil {
			if !errors.Is(err, domain.ErrImageType) && !errors.Is(err, domain.ErrImageWork) {
				t.Fatalf("Clean = %v, want a cause", err)
			}
			return
		}
		config, _, err := image.DecodeConfig(bytes.NewReader(clean.Content))
		if _, unsupported := errors.AsType[jpeg.UnsupportedError](err); !unsupported && (err != nil || config.Width != clean.Width || config.Height != clean.Height) {
			t.Errorf("is %d x %d, want %d x %d; %v", config.Width, config.Height, clean.Width, clean.Height, err)
		}
		again, err := codec.Clean(t.Context(), clean.Content)
		if err != nil || !bytes.Equal(again.Content, clean.Content) {
			t.Errorf("what is clean comes back as %d bytes of %d, %v", len(again.Content), len(clean.Content), err)
		}
		if _, err := codec.Scale(t.Context(), clean.Content, 64); err != nil {
			t.Errorf("Scale = %v", err)
		}
	})
}

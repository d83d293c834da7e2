package jpegfile_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concha-labs/backend/services/accounts/internal/adapters/imaging/jpegfile"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func fixtures(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/*.jpg")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	return names
}

func clean(t testing.TB, content []byte) ([]byte, error) {
	t.Helper()
	f, err := jpegfile.Open(content)
	if err != nil {
		return nil, err
	}
	cleaned, _, err := f.Clean(t.Context())
	return cleaned, err
}

func decode(t testing.TB, content []byte) (image.Image, error) {
	t.Helper()
	f, err := jpegfile.Open(content)
	if err != nil {
		return nil, err
	}
	img, _, err := f.Decode(t.Context())
	return img, err
}

// difference returns the largest difference of a colour of a pixel.
func difference(a, b image.Image) int {
	most := 0
	if a.Bounds() != b.Bounds() {
		return 256
	}
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			r1, g1, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			for _, d := range [...]int{int(r1>>8) - int(r2>>8), int(g1>>8) - int(g2>>8), int(b1>>8) - int(b2>>8)} {
				most = max(most, d, -d)
			}
		}
	}
	return most
}

func TestDecodesAsLibjpeg(t *testing.T) {
	for _, name := range fixtures(t) {
		content := fixture(t, name)
		got, err := decode(t, content)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := png.Decode(bytes.NewReader(fixture(t, strings.TrimSuffix(name, ".jpg")+".png")))
		if err != nil {
			t.Fatal(err)
		}
		if d := difference(got, want); d > 1 {
			t.Errorf("%s: a pixel differs by %d", name, d)
		}
		if got, err := clean(t, content); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: is %d bytes when it is cleaned, want the %d as they are; %v", name, len(got), len(content), err)
		}
	}
}

// secret is a text that no picture needs.
const secret = "SECRET\x00SECRET"

// end is where the end marker of a JPEG is.
func end(content []byte) int { return len(content) - 2 }

func segment(code byte, body string) string {
	return "\xff" + string([]byte{code, byte((len(body) + 2) >> 8), byte(len(body) + 2)}) + body
}

func insert(content []byte, at int, text string) []byte {
	return []byte(string(content[:at]) + text + string(content[at:]))
}

func TestFilesWithoutAnEndAreWhole(t *testing.T) {
	for _, name := range fixtures(t) {
		content := fixture(t, name)
		for what, damaged := range map[string][]byte{
			"no end":                     content[:end(content)],
			"half an end":                content[:end(content)+1],
			"a trailer":                  insert(content[:end(content)], end(content), secret),
			"a trailer like segments":    insert(content[:end(content)], end(content), "\xff\xe1\xff\xffSECRET\xff\xdb\x00\x05SECRET"),
			"a trailer that is a JPEG":   append(bytes.Clone(content[:end(content)]), content...),
			"a trailer after an end":     append(bytes.Clone(content), secret...),
			"a scan that is broken":      insert(content[:end(content)], end(content), segment(0xda, "\x01")),
			"a trailer, full of markers": insert(content[:end(content)], end(content), "\xff\x02\xff\x03\xff\xbf\xff\xf0"),
			"a trailer, full of scans":   insert(content[:end(content)], end(content), strings.Repeat(segment(0xda, "\x01\x01\x00\x00\x3f\x00")+secret, 99)),
		} {
			got, err := clean(t, damaged)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s, %s: %d bytes of %d, %v", name, what, len(got), len(content), err)
			}
		}
		for _, cut := range []int{end(content) - 12, end(content) / 2, len(content) - len(content)/10} {
			if _, err := clean(t, content[:cut]); err == nil {
				t.Errorf("%s: the first %d bytes of %d pass for the whole", name, cut, len(content))
			}
			if _, err := clean(t, append(bytes.Clone(content[:cut]), 0xff, 0xd9)); err == nil {
				t.Errorf("%s: the first %d bytes of %d, with an end, pass for the whole", name, cut, len(content))
			}
		}
	}
}

func TestBytesOutsideThePictureAreDropped(t *testing.T) {
	quant := "\x01" + strings.Repeat("S", 64) // into a slot that is set again, or not used
	huffman := "\x03\x00\x00\x06" + strings.Repeat("\x00", 13) + secret[:6]
	for _, name := range fixtures(t) {
		content := fixture(t, name)
		header := bytes.Index(content, []byte("\xff\xdb"))
		for what, dirty := range map[string][]byte{
			"comment":              insert(content, 2, segment(0xfe, secret)),
			"metadata":             insert(content, 2, segment(0xe1, "Exif\x00\x00"+secret)+segment(0xed, secret)),
			"between segments":     insert(content, 2, secret),
			"end of the last scan": insert(content, end(content), secret),
			"a table of nobody":    insert(content, header, segment(0xdb, quant)+segment(0xc4, huffman)+segment(0xdb, "\x02"+strings.Repeat("S", 64))),
			"restart intervals":    insert(content, header, segment(0xdd, "SE")+segment(0xdd, "CR")+segment(0xdd, "\x00\x00")),
			"between scans":        insert(content, end(content), segment(0xe1, "Exif\x00\x00"+secret)),
		} {
			got, err := clean(t, dirty)
			if err != nil || bytes.Contains(got, []byte("SECR")) || bytes.Contains(got, []byte(strings.Repeat("S", 64))) {
				t.Errorf("%s, %s: %d bytes, %v", name, what, len(got), err)
				continue
			}
			a, err1 := decode(t, got)
			b, err2 := decode(t, content)
			if err1 != nil || err2 != nil || difference(a, b) > 0 {
				t.Errorf("%s, %s: the picture is another one; %v, %v", name, what, err1, err2)
			}
		}
	}
	restarts := fixture(t, "422-restarts.jpg")
	if got, err := clean(t, insert(restarts, bytes.Index(restarts, []byte("\xff\xd1")), secret)); err != nil || !bytes.Equal(got, restarts) {
		t.Errorf("before a restart marker: %d bytes of %d, %v", len(got), len(restarts), err)
	}
	adobe := fixture(t, "cmyk.jpg")
	at := bytes.Index(adobe, []byte("\xff\xee\x00\x0e"))
	long := insert(adobe, at+2+14, secret)
	long[at+3] += byte(len(secret))
	if got, err := clean(t, long); err != nil || !bytes.Equal(got, adobe) {
		t.Errorf("Adobe's segment: %d bytes of %d, %v", len(got), len(adobe), err)
	}
	jfif := fixture(t, "444.jpg")
	preview := []byte(string(jfif[:4]) + "\x00\x13" + string(jfif[6:18]) + "\x01\x01SEC" + string(jfif[20:]))
	preview[5] = 2 + 14 + 3
	if got, err := clean(t, preview); err != nil || !bytes.Equal(got, jfif) {
		t.Errorf("preview: %d bytes of %d, %v", len(got), len(jfif), err)
	}
}

func TestProfiles(t *testing.T) {
	content := fixture(t, "444.jpg")
	icc := "\x00\x00\x00\xc8" + strings.Repeat("\x01", 32) + "acsp" + strings.Repeat("\x02", 160)
	part := func(number, total byte, body string) string {
		return segment(0xe2, "ICC_PROFILE\x00"+string([]byte{number, total})+body)
	}
	whole := part(1, 1, icc)
	for _, test := range []struct{ name, given, want string }{
		{"one part", whole, whole},
		{"two parts", part(1, 2, icc[:100]) + part(2, 2, icc[100:]), part(1, 2, icc[:100]) + part(2, 2, icc[100:])},
		{"in another order", part(2, 2, icc[100:]) + part(1, 2, icc[:100]), part(1, 2, icc[:100]) + part(2, 2, icc[100:])},
		{"too long", part(1, 1, icc+secret), whole},
		{"a part too many", part(1, 2, icc) + part(2, 2, secret), whole},
		{"a part missing", part(1, 2, icc), ""},
		{"a part twice", whole + part(1, 1, secret), ""},
		{"a number of no part", part(2, 1, icc), ""},
		{"cut", part(1, 1, icc[:199]), ""},
		{"no profile", part(1, 1, secret), ""},
	} {
		f, err := jpegfile.Open(insert(content, 20, test.given))
		if err != nil {
			t.Fatal(err)
		}
		got, profile, err := f.Clean(t.Context())
		if err != nil || !bytes.Equal(got, insert(content, 20, test.want)) || string(profile) != test.want {
			t.Errorf("%s: %d bytes, %d of profile, %v", test.name, len(got), len(profile), err)
		}
	}
}

// Go's encoder writes the tables of chroma for grey images too.
func TestStandardTablesOfNobodyStay(t *testing.T) {
	for quality := 1; quality <= 100; quality++ {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 9, 9)), &jpeg.Options{Quality: quality}); err != nil {
			t.Fatal(err)
		}
		if got, err := clean(t, b.Bytes()); err != nil || !bytes.Equal(got, b.Bytes()) {
			t.Errorf("quality %d: %d bytes of %d, %v", quality, len(got), b.Len(), err)
		}
		other := b.Bytes()
		other[2+4+65+1+63]++ // the last value of the second table
		if got, err := clean(t, other); err != nil || len(got) != len(other)-65 {
			t.Errorf("quality %d, another table: %d bytes of %d, %v", quality, len(got), len(other), err)
		}
	}
}

// Encoders of some cameras and of old programs write such headers, and libjpeg
// reads them.
func TestUnusualHeadersAreRead(t *testing.T) {
	content := fixture(t, "444.jpg")
	scan := bytes.Index(content, []byte("\xff\xda"))
	renamed := func(names string) []byte {
		c := bytes.Clone(content)
		frame := bytes.Index(c, []byte("\xff\xc0"))
		for i := range 3 {
			c[frame+10+3*i], c[scan+5+2*i] = names[i], names[i]
		}
		return c
	}
	want, err := decode(t, content)
	if err != nil {
		t.Fatal(err)
	}
	for name, unusual := range map[string][]byte{
		"components of one name":        renamed("\x01\x01\x01"),
		"two components of one name":    renamed("\x01\x02\x02"),
		"a number of lines, in advance": insert(content, scan, segment(0xdc, "\x00\x2d")),
		"arithmetic conditioning":       insert(content, scan, segment(0xcc, "\x00\x10")),
	} {
		got, err := decode(t, unusual)
		if err != nil || difference(got, want) > 0 {
			t.Errorf("%s: not the same picture, %v", name, err)
			continue
		}
		if _, err := clean(t, unusual); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusesByCause(t *testing.T) {
	content := fixture(t, "444.jpg")
	frame := bytes.Index(content, []byte("\xff\xc0"))
	with := func(at int, b ...byte) []byte {
		c := bytes.Clone(content)
		copy(c[at:], b)
		return c
	}
	for want, content := range map[string][]byte{
		"no JPEG":            []byte("\x89PNG"),
		"arithmetic":         with(frame+1, 0xc9),
		"lossless":           with(frame+1, 0xc3),
		"hierarchical":       with(frame+1, 0xc5),
		"12 bits":            with(frame+4, 12),
		"no pixels":          with(frame+5, 0, 0),
		"two frames":         insert(content, frame, string(content[frame:frame+19])),
		"factor":             with(frame+11, 0x51),
		"divide":             []byte(strings.ReplaceAll(string(with(frame+11, 0x31)), "\x02\x11\x01", "\x02\x21\x01")),
		"names one twice":    []byte(strings.ReplaceAll(string(content), "\xda\x00\x0c\x03\x01\x00\x02", "\xda\x00\x0c\x03\x01\x00\x01")),
		"before its frame":   insert(content, 2, segment(0xda, "\x01\x01\x00\x00\x3f\x00")),
		"Huffman table that": []byte(strings.ReplaceAll(string(content), "\xff\xc4", "\xff\xfe")),
		"quantization table": []byte(strings.ReplaceAll(string(content), "\xff\xdb", "\xff\xfe")),
		"last pixel":         content[:len(content)/2],
	} {
		_, err := clean(t, content)
		if cause, ok := errors.AsType[jpegfile.Error](err); !ok || !strings.Contains(cause.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range fixtures(t) {
		f, err := jpegfile.Open(fixture(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.Clean(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Clean = %v", name, err)
		}
		if _, _, err := f.Decode(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Decode = %v", name, err)
		}
	}
}

// A file that is clean stays as it is, its picture is that of the file as it
// came, and the standard library, if it takes the file, sees the same.
func FuzzClean(f *testing.F) {
	for _, name := range fixtures(f) {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := jpegfile.Open(content)
		if err != nil || file.Width*file.Height > 1e6 || file.Scans > 20 {
			return
		}
		cleaned, err := clean(t, content)
		before, err2 := decode(t, content)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("Clean = %v, Decode = %v", err, err2)
		}
		if err != nil {
			return
		}
		again, err := clean(t, cleaned)
		if err != nil || !bytes.Equal(again, cleaned) {
			t.Fatalf("what is clean comes back as %d bytes of %d, %v", len(again), len(cleaned), err)
		}
		after, err := decode(t, cleaned)
		if err != nil || difference(before, after) > 0 {
			t.Fatalf("the clean picture is another one; %v", err)
		}
		if std, err := jpeg.Decode(bytes.NewReader(content)); err == nil && std.Bounds() != before.Bounds() {
			t.Errorf("the standard library sees %v", std.Bounds())
		}
	})
}

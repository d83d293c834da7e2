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
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// peak returns by how many bytes the heap grew at most while do ran, sampled
// every millisecond.
func peak(do func()) int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	heap := func() int64 {
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	runtime.GC()
	before := heap()
	done, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		var highest int64
		for {
			select {
			case <-tick.C:
				highest = max(highest, heap())
			case <-done:
				most <- max(highest, heap()) - before
				return
			}
		}
	}()
	do()
	close(done)
	return <-most
}

// The predicted memory of an image is what decoding really takes, and not much
// more. Otherwise images would be refused or wait without need.
func TestMemoryIsReckonedRight(t *testing.T) {
	const width, height, slack = 700, 501, 3 << 20
	allocated := func(do func()) int64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		return int64(after.TotalAlloc - before.TotalAlloc)
	}
	for name, content := range kinds(width, height) {
		p, err := measure(turned(content, 6))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := allocated(func() { _, err = p.clean(t.Context()) }); err != nil || got > p.cleaning+slack/4 {
			t.Errorf("%s: cleaning takes %d bytes, reckoned are %d; %v", name, got, p.cleaning, err)
		}
		var img image.Image
		got := allocated(func() { img, err = p.decode(t.Context()) })
		if err != nil || got > p.decoding+slack/4 || got < (p.decoding-p.cleaning)*9/10 {
			t.Errorf("%s: decoding takes %d bytes, reckoned are %d; %v", name, got, p.decoding, err)
			continue
		}
		s := newScaling(width, height, 256)
		if got := allocated(func() { _, err = p.encode(t.Context(), s.scale(img, p.format), scaledQualities, 1<<20) }); err != nil || got > s.memory()+slack {
			t.Errorf("%s: scaling takes %d bytes, reckoned are %d; %v", name, got, s.memory(), err)
		}
		if got := allocated(func() { turn(img, 6) }); got > p.turning() || got < int64(width*height)*p.pixel*9/10 {
			t.Errorf("%s: turning takes %d bytes, reckoned are %d", name, got, p.turning())
		}
	}
}

// No combination of concurrent images takes more memory than promised.
func TestMemoryIsBounded(t *testing.T) {
	const limit, slack = 12 << 20, maxGarbage + 8<<20
	codec := newCodec(limit)
	images := kinds(300, 300)
	most := peak(func() {
		var wg sync.WaitGroup
		for name, content := range images {
			wg.Go(func() {
				if err := second(codec.Clean(t.Context(), turned(content, 6))); err != nil {
					t.Errorf("Clean of %s: %v", name, err)
				}
				if err := second(codec.Scale(t.Context(), content, 256)); err != nil {
					t.Errorf("Scale of %s: %v", name, err)
				}
			})
		}
		wg.Wait()
	})
	if most > limit+slack {
		t.Errorf("%d MiB were taken at once, want at most %d", most>>20, (limit+slack)>>20)
	}
	if !codec.memory.TryAcquire(limit) {
		t.Error("memory is not given back")
	}
}

func second[T any](_ T, err error) error { return err }

func TestTheWorstImagesTakeBoundedMemory(t *testing.T) {
	const slack = 24 << 20
	for name, test := range map[string]struct {
		content []byte
		refused bool
	}{
		"a long row":          {plainPNG(65_535, 8, 8, 0, 0, ""), false},
		"a long column":       {plainPNG(8, 65_535, 8, 0, 0, ""), false},
		"progressive, 4:4:4":  {plain(progressive, 700, 700, "\x11\x11\x11", 0), false},
		"progressive CMYK":    {plain(progressive, 5000, 5000, "\x11\x11\x11\x11", 0), true},
		"16 bits and alpha":   {plainPNG(700, 700, 16, 6, 0, ""), false},
		"the same interlaced": {plainPNG(5000, 5000, 16, 6, 1, ""), true},
	} {
		codec := New()
		var err error
		most := peak(func() {
			if err = second(codec.Clean(t.Context(), test.content)); err == nil {
				err = second(codec.Scale(t.Context(), test.content, 1024))
			}
		})
		if errors.Is(err, domain.ErrImageWork) != test.refused || (err != nil) != test.refused {
			t.Errorf("%s: %v", name, err)
		}
		if most > maxMemory+slack {
			t.Errorf("%s: %d MiB were taken", name, most>>20)
		}
	}
}

func TestScansAreBounded(t *testing.T) {
	luma := segment(0xda, "\x01\x01\x00\x00\x3f\x00") + "\x00"
	complete, err := os.ReadFile("jpegfile/testdata/420-progressive.jpg")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		content []byte
		want    error
	}{
		{"63 more scans", plain(progressive, 100, 100, "\x22\x11\x11", 63), nil},
		{"64 more scans", plain(progressive, 100, 100, "\x22\x11\x11", 64), domain.ErrImageWork},
		{"a bomb", plain(progressive, 5000, 5000, "\x11", 2000), domain.ErrImageWork},
		{"luma in four scans", bytes.Replace(plain(baseline, 8, 8, "\x11\x11\x11", 0), []byte("\xff\xda"), []byte(strings.Repeat(luma, 3)+"\xff\xda"), 1), domain.ErrImageWork},
		{"a trailer like scans, and no end", bytes.Replace(plain(baseline, 8, 8, "\x11", 0), []byte("\xff\xd9"), []byte(strings.Repeat(luma, 100)), 1), nil},
		{"a trailer like scans, and no end of a complete progressive image", append(complete[:len(complete)-2:len(complete)-2], strings.Repeat(luma, 100)...), nil},
	} {
		if _, err := New().Clean(t.Context(), test.content); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

// goneAfter is a context that ends after its error was read a number of times.
type goneAfter struct {
	context.Context
	asked atomic.Int32
	times int32
}

func (g *goneAfter) Err() error {
	if g.asked.Add(1) > g.times {
		return context.Canceled
	}
	return nil
}

func TestWorkEndsWithItsContext(t *testing.T) {
	content := encoded(t, noisy(400, 400), png.Encode)
	for times := range int32(4) {
		ctx := &goneAfter{Context: t.Context(), times: times}
		if _, err := New().Clean(ctx, turned(content, 6)); !errors.Is(err, context.Canceled) {
			t.Errorf("Clean = %v after %d times, want it to end", err, times)
		}
		if asked := ctx.asked.Load(); asked > times+3 {
			t.Errorf("the context was asked %d times more after it ended", asked-times)
		}
	}
}

// Images wait for the memory of earlier ones, but no longer than their callers.
func TestImagesWait(t *testing.T) {
	codec := New()
	small := encoded(t, marked(10, 10), png.Encode)
	if err := codec.memory.Acquire(t.Context(), maxMemory); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := codec.Clean(ctx, small); !errors.Is(err, context.Canceled) {
		t.Errorf("Clean = %v, want it to wait in vain", err)
	}
	waited := make(chan error)
	go func() { waited <- second(codec.Clean(t.Context(), small)) }()
	codec.memory.Release(maxMemory)
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

func noisy(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	noise(img.Pix)
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 0xff
	}
	return img
}

// A turned image has at most 5 MiB: a JPEG loses quality, a paletted PNG keeps
// its palette.
func TestTurnedImagesStayWithinTheirBytes(t *testing.T) {
	palette := make(color.Palette, 256)
	for i := range palette {
		palette[i] = color.NRGBA{R: uint8(i), G: uint8(i * 7), B: uint8(i * 31), A: 0xff}
	}
	paletted := image.NewPaletted(image.Rect(0, 0, 2200, 2200), palette)
	noise(paletted.Pix)
	var coarse bytes.Buffer
	if err := jpeg.Encode(&coarse, noisy(2400, 2400), &jpeg.Options{Quality: 89}); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"jpeg": coarse.Bytes(), "png": encoded(t, paletted, png.Encode)} {
		if len(content) > domain.MaxImageBytes || len(content) < domain.MaxImageBytes*8/10 {
			t.Fatalf("%s: %d bytes", name, len(content))
		}
		clean, err := New().Clean(t.Context(), turned(content, 6))
		if err != nil || len(clean.Content) > domain.MaxImageBytes {
			t.Errorf("%s: %d bytes of %d, %v", name, len(clean.Content), len(content), err)
		}
	}
	p := &picture{format: "png", channels: 3}
	if _, err := p.encode(t.Context(), noisy(100, 100), turnedQualities, 10_000); !errors.Is(err, domain.ErrImageBytes) {
		t.Errorf("encode = %v, want it to be refused", err)
	}
}

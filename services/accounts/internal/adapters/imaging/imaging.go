// Package imaging is the app.Codec: it decodes, cleans and scales JPEG and PNG.
//
// The standard library decodes and encodes the pixels. The package parses the
// containers itself, because removing metadata must not re-encode the pixels,
// and because the memory of an image must be known before it is decoded: a file
// of 5 MiB can need 360 MiB.
package imaging

import (
	"context"
	"fmt"
	"image"
	"math"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/concha-labs/backend/pkg/longwork"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

const (
	// maxMemory is how many bytes all images that are worked on at one moment
	// take: enough for a progressive JPEG of the most pixels, with colours that
	// are not subsampled.
	maxMemory = 360 << 20
	// maxWork is the work on all images that are worked on or wait, in pixels
	// times walks through them: that on the largest image with the most scans.
	// A processor core does about 100 million a second.
	maxWork = maxScans * domain.MaxImagePixels
	// minWork is the work on the smallest image.
	minWork = 1_000_000
	// maxOriginals is how many bytes the images take that were read to be scaled.
	maxOriginals = 32 << 20
	// maxWaiting is how many bytes these and the images have that wait to be read.
	// Scaling as much takes some 5 s, and longer if the images have many pixels.
	maxWaiting = 512 << 20
	// maxGarbage is how many bytes of finished images are left to the garbage
	// collector. The collector lets a heap grow to twice the bytes in use, so
	// it is called explicitly above this limit.
	maxGarbage = 32 << 20
)

// Codec is an app.Codec. All images that it works on at one moment take at most
// 360 MiB, beside the files themselves as they came and as they are kept, of which
// those to be scaled take 32 MiB. Others wait, unless so much work waits already that
// they would wait in vain.
type Codec struct {
	limit     int64               // in bytes
	memory    *semaphore.Weighted // in bytes
	originals *semaphore.Weighted // in bytes
	waiting   *semaphore.Weighted // in bytes, the originals included
	work      *semaphore.Weighted // of work, that which waits included
	garbage   atomic.Int64        // in bytes
}

var _ app.Codec = (*Codec)(nil)

// New returns a Codec.
func New() *Codec { return newCodec(maxMemory) }

func newCodec(limit int64) *Codec {
	return &Codec{
		limit: limit, memory: semaphore.NewWeighted(limit), work: semaphore.NewWeighted(maxWork),
		originals: semaphore.NewWeighted(maxOriginals), waiting: semaphore.NewWeighted(maxWaiting),
	}
}

// Admit implements app.Codec. It takes the image for one of a single scan, as the
// header does not show more.
func (c *Codec) Admit(pixels int64) error {
	units := min(max(pixels, minWork), maxWork)
	if !c.work.TryAcquire(units) {
		return domain.ErrImagesBusy
	}
	c.work.Release(units)
	return nil
}

// Clean implements app.Codec.
func (c *Codec) Clean(ctx context.Context, content []byte) (clean app.Picture, err error) {
	p, err := inTurn(ctx, content)
	if err != nil {
		return app.Picture{}, err
	}
	if err := c.judge(p.decoding); err != nil { // no scaled form could ever be made
		return app.Picture{}, err
	}
	if p.orientation == 1 {
		clean = app.Picture{Width: p.width, Height: p.height}
		err = c.do(ctx, p, p.cleaning, func() (err error) {
			clean.Content, err = p.clean(ctx)
			return err
		})
		return clean, err
	}
	err = c.decode(ctx, p, p.turning(), func(img image.Image) (err error) {
		upright := turn(img, p.orientation)
		clean.Width, clean.Height = upright.Bounds().Dx(), upright.Bounds().Dy()
		clean.Content, err = p.encode(ctx, upright, turnedQualities, domain.MaxImageBytes)
		return err
	})
	return clean, err
}

// Room implements app.Codec.
func (c *Codec) Room(ctx context.Context, bytes int64) (release func(), err error) {
	if !c.waiting.TryAcquire(bytes) {
		return nil, domain.ErrImagesBusy
	}
	if err := c.originals.Acquire(ctx, bytes); err != nil {
		c.waiting.Release(bytes)
		return nil, fmt.Errorf("wait to read an image: %w", err)
	}
	return func() {
		c.originals.Release(bytes)
		c.waiting.Release(bytes)
	}, nil
}

// Scale implements app.Codec.
func (c *Codec) Scale(ctx context.Context, content []byte, side int) (scaled []byte, err error) {
	p, err := inTurn(ctx, content)
	if err != nil {
		return nil, err
	}
	s := newScaling(p.width, p.height, side)
	err = c.decode(ctx, p, s.memory(), func(img image.Image) (err error) {
		scaled, err = p.encode(ctx, s.scale(img, p.format), scaledQualities, math.MaxInt)
		return err
	})
	return scaled, err
}

// inTurn is measure in turns.
func inTurn(ctx context.Context, content []byte) (p *picture, err error) {
	err = longwork.DoBytes(ctx, len(content), func() (err error) {
		p, err = measure(content)
		return err
	})
	return p, err
}

// decode calls use, which allocates so many bytes more, with the decoded image.
func (c *Codec) decode(ctx context.Context, p *picture, more int64, use func(image.Image) error) error {
	// The garbage of decoding is collected before more memory is used, if there
	// is much of it.
	collects := p.decoding-p.decoded > maxGarbage
	bytes := p.decoding + more
	if collects {
		bytes = max(p.decoding, p.decoded+more)
	}
	return c.do(ctx, p, bytes, func() error {
		img, err := p.decode(ctx)
		if err != nil {
			return err
		}
		if collects {
			runtime.GC()
		}
		return use(img)
	})
}

// do calls work, which allocates so many bytes, once there is memory for it.
func (c *Codec) do(ctx context.Context, p *picture, bytes int64, work func() error) error {
	if err := c.judge(bytes); err != nil {
		return err
	}
	units := min(max(p.work, minWork), maxWork)
	if !c.work.TryAcquire(units) {
		return domain.ErrImagesBusy
	}
	defer c.work.Release(units)
	if err := c.memory.Acquire(ctx, bytes); err != nil {
		return fmt.Errorf("wait to decode an image: %w", err)
	}
	defer c.memory.Release(bytes)
	defer c.collect(bytes)
	return longwork.Do(ctx, work)
}

// judge refuses an image that takes more bytes than there are for all.
func (c *Codec) judge(bytes int64) error {
	if bytes > c.limit {
		return domain.ErrImageWork.Detailf("the image takes %d MiB of memory to decode; at most %d are available", bytes>>20, c.limit>>20)
	}
	return nil
}

// collect adds bytes of unused memory and returns the memory of images to the
// system when there is much of it.
func (c *Codec) collect(bytes int64) {
	if c.garbage.Add(bytes) > maxGarbage {
		c.garbage.Store(0)
		debug.FreeOSMemory()
	}
}

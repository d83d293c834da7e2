// Package imaging is the app.Codec: it decodes, cleans and scales JPEG and PNG.
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

	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

const (
	// maxMemory is how many bytes all images that are worked on at one moment
	// take: enough for a progressive JPEG of the most pixels, none of whose
	// colours is subsampled.
	maxMemory = 360 << 20
	// maxGarbage is how many bytes of images that are done with are left to the
	// garbage collector's own pace. By that a heap may grow to twice of what is
	// in use, so above this it is called.
	maxGarbage = 32 << 20
)

// Codec is an app.Codec. All images that it works on at one moment take at most
// 360 MiB, beside the files themselves as they came and as they are kept; others
// wait.
type Codec struct {
	limit   int64               // bytes
	memory  *semaphore.Weighted // of bytes
	garbage atomic.Int64        // bytes
}

var _ app.Codec = (*Codec)(nil)

// New returns a Codec.
func New() *Codec { return newCodec(maxMemory) }

func newCodec(limit int64) *Codec {
	return &Codec{limit: limit, memory: semaphore.NewWeighted(limit)}
}

// Clean implements app.Codec.
func (c *Codec) Clean(ctx context.Context, content []byte) (app.Picture, error) {
	k, err := measure(content)
	if err != nil {
		return app.Picture{}, err
	}
	clean := app.Picture{Width: k.width, Height: k.height}
	turned := k.orientation > 1
	var more int64
	if turned {
		more = k.turning()
	}
	err = c.work(ctx, content, k, more, func(k *kept, img image.Image) (err error) {
		if !turned {
			clean.Content = k.content
			return nil
		}
		upright := turn(img, k.orientation)
		clean.Width, clean.Height = upright.Bounds().Dx(), upright.Bounds().Dy()
		clean.Content, err = k.encode(ctx, upright, turnedQualities, domain.MaxImageBytes)
		return err
	})
	if err != nil {
		return app.Picture{}, err
	}
	return clean, nil
}

// Scale implements app.Codec.
func (c *Codec) Scale(ctx context.Context, content []byte, side int) (scaled []byte, err error) {
	k, err := measure(content)
	if err != nil {
		return nil, err
	}
	s := newScaling(k.width, k.height, side)
	err = c.work(ctx, content, k, s.memory(), func(k *kept, img image.Image) (err error) {
		scaled, err = k.encode(ctx, s.scale(img, k.format), scaledQualities, math.MaxInt)
		return err
	})
	return scaled, err
}

// work decodes the whole of an image that was measured, once there is memory for
// that and for so many bytes more, and does with it what takes those.
func (c *Codec) work(ctx context.Context, content []byte, k *kept, more int64, do func(*kept, image.Image) error) error {
	// What decoding leaves behind is collected before more is taken, if it is much.
	collects := more > 0 && k.decoding-k.decoded > maxGarbage
	bytes := k.decoding + more
	if collects {
		bytes = max(k.decoding, k.decoded+more)
	}
	if bytes > c.limit {
		return domain.ErrImageWork.Detailf("the image takes %d MiB of memory to decode; at most %d are given", bytes>>20, c.limit>>20)
	}
	if err := c.memory.Acquire(ctx, bytes); err != nil {
		return fmt.Errorf("wait to decode an image: %w", err)
	}
	defer c.memory.Release(bytes)
	defer c.collect(bytes)
	k, err := strip(content)
	if err != nil {
		return err
	}
	img, err := k.decode(ctx)
	if err != nil {
		return err
	}
	if collects {
		runtime.GC()
	}
	return do(k, img)
}

// collect has the memory of images given back to the system once it is much;
// bytes of it have just gone out of use.
func (c *Codec) collect(bytes int64) {
	if c.garbage.Add(bytes) > maxGarbage {
		c.garbage.Store(0)
		debug.FreeOSMemory()
	}
}

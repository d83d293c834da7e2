package imaging

import (
	"image"
	"image/color"

	"golang.org/x/image/draw"
)

// encoderMemory is the approximate memory of an encoder in addition to its
// result, in bytes.
const encoderMemory = 1 << 20

// scaling scales an image down in two steps. The first averages boxes of whole
// pixels, to less than twice the target size on each side. The second uses a
// finer filter, which takes 32 bytes for each target column of each of its
// source rows.
type scaling struct{ source, boxes, target image.Point }

func newScaling(width, height, side int) scaling {
	longer := max(width, height)
	s := scaling{source: image.Pt(width, height), target: image.Pt(
		max(1, (width*side+longer/2)/longer), max(1, (height*side+longer/2)/longer),
	)}
	s.boxes = image.Pt(width/max(1, width/s.target.X), height/max(1, height/s.target.Y))
	return s
}

// memory returns the number of bytes that scaling and encoding take.
func (s scaling) memory() int64 {
	boxes, filter, target := s.boxes.X*s.boxes.Y*8, s.target.X*s.boxes.Y*32, s.target.X*s.target.Y*4
	return int64(boxes+filter+4*target) + encoderMemory
}

// scale returns the scaled img. A grey image stays grey, and transparency is
// kept.
func (s scaling) scale(img image.Image, format string) image.Image {
	bounds := image.Rectangle{Max: s.target}
	var scaled draw.Image
	switch img.ColorModel() {
	case color.GrayModel, color.Gray16Model:
		scaled = image.NewGray(bounds)
	default:
		scaled = image.NewNRGBA(bounds)
		if format == "jpeg" {
			scaled = image.NewRGBA(bounds)
		}
	}
	if s.boxes != s.source {
		img = s.average(img.(image.RGBA64Image)) //nolint:forcetypeassert // all images of the decoders are
	}
	draw.CatmullRom.Scale(scaled, bounds, img, img.Bounds(), draw.Src, nil)
	return scaled
}

// average returns the averages of the boxes into which img is divided.
func (s scaling) average(img image.RGBA64Image) image.Image {
	averages := image.NewRGBA64(image.Rectangle{Max: s.boxes})
	sums := make([][4]uint64, s.boxes.X)
	for boxY := range s.boxes.Y {
		clear(sums)
		top, bottom := boxY*s.source.Y/s.boxes.Y, (boxY+1)*s.source.Y/s.boxes.Y
		for y := top; y < bottom; y++ {
			for boxX := range sums {
				sum := &sums[boxX]
				for x := boxX * s.source.X / s.boxes.X; x < (boxX+1)*s.source.X/s.boxes.X; x++ {
					c := img.RGBA64At(x, y)
					sum[0], sum[1], sum[2], sum[3] = sum[0]+uint64(c.R), sum[1]+uint64(c.G), sum[2]+uint64(c.B), sum[3]+uint64(c.A)
				}
			}
		}
		for boxX, sum := range sums {
			n := uint64((bottom - top) * ((boxX+1)*s.source.X/s.boxes.X - boxX*s.source.X/s.boxes.X))
			mean := func(i int) uint16 { return uint16((sum[i] + n/2) / n) }
			averages.SetRGBA64(boxX, boxY, color.RGBA64{R: mean(0), G: mean(1), B: mean(2), A: mean(3)})
		}
	}
	return averages
}

package imaging

import (
	"fmt"
	"image"
)

// turning returns the number of bytes that turning and encoding the image take.
func (p *picture) turning() int64 {
	pixels := int64(p.width) * int64(p.height) * p.pixel
	memory := pixels + min(4*pixels, 16<<20) + encoderMemory
	if p.deep { // image/png allocates an object for each pixel, and garbage may grow to the size of the bytes in use
		memory += p.decoded + pixels
	}
	return memory
}

// placement says where the pixels of an image go: the first one so many pixels
// behind the first of the target, the others so many behind that for each step
// to the right and down.
type placement struct {
	source             image.Point
	target             image.Rectangle
	start, right, down int
}

// upright returns the placement that turns an image with the Exif orientation,
// 2 to 8, upright.
func upright(orientation, w, h int) placement {
	target := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		target = image.Rect(0, 0, h, w)
	}
	// The pixel at x, y moves to x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5.
	m := map[int][6]int{
		2: {-1, 0, w - 1, 0, 1, 0},
		3: {-1, 0, w - 1, 0, -1, h - 1},
		4: {1, 0, 0, 0, -1, h - 1},
		5: {0, 1, 0, 1, 0, 0},
		6: {0, -1, h - 1, 1, 0, 0},
		7: {0, -1, h - 1, -1, 0, w - 1},
		8: {0, 1, 0, -1, 0, w - 1},
	}[orientation]
	stride := target.Dx()
	return placement{image.Pt(w, h), target, m[2] + m[5]*stride, m[0] + m[3]*stride, m[1] + m[4]*stride}
}

// move copies pixels of size bytes each to their places in target.
func (p placement) move(target, source []byte, stride, size int) {
	for y := range p.source.Y {
		row, at := source[y*stride:], p.start+y*p.down
		for x := range p.source.X {
			copy(target[at*size:at*size+size], row[x*size:x*size+size])
			at += p.right
		}
	}
}

// turn returns img turned upright according to its Exif orientation, 2 to 8, in
// its own colour model.
func turn(img image.Image, orientation int) image.Image {
	p := upright(orientation, img.Bounds().Dx(), img.Bounds().Dy())
	switch source := img.(type) {
	case *image.Gray:
		target := image.NewGray(p.target)
		p.move(target.Pix, source.Pix, source.Stride, 1)
		return target
	case *image.Gray16:
		target := image.NewGray16(p.target)
		p.move(target.Pix, source.Pix, source.Stride, 2)
		return target
	case *image.Paletted:
		target := image.NewPaletted(p.target, source.Palette)
		p.move(target.Pix, source.Pix, source.Stride, 1)
		return target
	case *image.RGBA:
		target := image.NewRGBA(p.target)
		p.move(target.Pix, source.Pix, source.Stride, 4)
		return target
	case *image.NRGBA:
		target := image.NewNRGBA(p.target)
		p.move(target.Pix, source.Pix, source.Stride, 4)
		return target
	case *image.RGBA64:
		target := image.NewRGBA64(p.target)
		p.move(target.Pix, source.Pix, source.Stride, 8)
		return target
	case *image.NRGBA64:
		target := image.NewNRGBA64(p.target)
		p.move(target.Pix, source.Pix, source.Stride, 8)
		return target
	case *image.YCbCr:
		return turnYCbCr(source, p)
	}
	panic(fmt.Sprintf("no decoder makes a %T", img))
}

// turnYCbCr gives each pixel its own chroma. Chroma shared by a row of pixels
// would be shared by a column afterwards, and not every ratio has such a
// format.
func turnYCbCr(source *image.YCbCr, p placement) image.Image {
	target := image.NewYCbCr(p.target, image.YCbCrSubsampleRatio444)
	p.move(target.Y, source.Y, source.YStride, 1)
	w, h := source.Rect.Dx(), source.Rect.Dy()
	for y := range h {
		at := p.start + y*p.down
		for x := range w {
			c := source.COffset(x, y)
			target.Cb[at], target.Cr[at] = source.Cb[c], source.Cr[c]
			at += p.right
		}
	}
	return target
}

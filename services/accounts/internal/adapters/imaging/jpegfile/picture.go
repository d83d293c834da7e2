package jpegfile

import (
	"context"
	"image"
	"image/color"
)

// transform makes samples of the coefficients of a progressive image.
func (d *decoder) transform(ctx context.Context) error {
	for i := range d.components {
		c := &d.components[i]
		for y := range c.rows {
			if !d.Progressive {
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			for x := range c.stride {
				idct((*[64]int16)(c.coefficients[(y*c.stride+x)*64:]), c.quant, c.samples[y*64*c.stride+x*8:], 8*c.stride)
			}
		}
		c.coefficients = nil
	}
	return nil
}

// ratio returns the ratio of the image, in luma and chroma, -1 if image.YCbCr
// has none for it.
func (f *File) ratio() image.YCbCrSubsampleRatio {
	y, b, r := f.components[0], f.components[1], f.components[2]
	if y.h != f.hMax || y.v != f.vMax || b.h != r.h || b.v != r.v {
		return -1
	}
	switch [2]int{y.h / b.h, y.v / b.v} {
	case [2]int{1, 1}:
		return image.YCbCrSubsampleRatio444
	case [2]int{2, 1}:
		return image.YCbCrSubsampleRatio422
	case [2]int{2, 2}:
		return image.YCbCrSubsampleRatio420
	case [2]int{1, 2}:
		return image.YCbCrSubsampleRatio440
	case [2]int{4, 1}:
		return image.YCbCrSubsampleRatio411
	case [2]int{4, 2}:
		return image.YCbCrSubsampleRatio410
	}
	return -1
}

// image returns the picture that the samples show.
func (d *decoder) image() image.Image {
	bounds := image.Rect(0, 0, d.Width, d.Height)
	c := d.components
	switch {
	case d.Components == 1:
		return &image.Gray{Pix: c[0].samples, Stride: 8 * c[0].stride, Rect: bounds}
	case d.Components == 4:
		return d.inks(bounds)
	case d.isRGB():
		return d.rgb(bounds)
	}
	ratio := d.ratio()
	if ratio < 0 {
		ratio = image.YCbCrSubsampleRatio444
		for i := range c {
			d.spread(&c[i])
		}
	}
	return &image.YCbCr{
		Y: c[0].samples, Cb: c[1].samples, Cr: c[2].samples,
		YStride: 8 * c[0].stride, CStride: 8 * c[1].stride,
		SubsampleRatio: ratio, Rect: bounds,
	}
}

// spread gives each pixel a sample of its own.
func (d *decoder) spread(c *component) {
	h, v := d.hMax/c.h, d.vMax/c.v
	if h == 1 && v == 1 {
		return
	}
	stride := 8 * d.unitsAcross * d.hMax
	samples := make([]byte, stride*d.Height)
	for y := range d.Height {
		from, to := c.samples[y/v*8*c.stride:], samples[y*stride:][:stride]
		for x := range to {
			to[x] = from[x/h]
		}
	}
	c.samples, c.stride = samples, d.unitsAcross*d.hMax
}

// row returns row y of a component, and how many pixels share a sample of it.
func (d *decoder) row(c int, y int) (samples []byte, pixels int) {
	p := &d.components[c]
	return p.samples[y*p.v/d.vMax*8*p.stride:], d.hMax / p.h
}

func (d *decoder) rgb(bounds image.Rectangle) image.Image {
	img := image.NewRGBA(bounds)
	for y := range d.Height {
		for c := range 3 {
			row, pixels := d.row(c, y)
			to := img.Pix[y*img.Stride:]
			for x := range d.Width {
				to[4*x+c] = row[x/pixels]
				to[4*x+3] = 0xff
			}
		}
	}
	return img
}

// inks returns the picture of an image with black. As in other decoders, 255
// is no ink, whether Adobe's segment is there or not.
func (d *decoder) inks(bounds image.Rectangle) image.Image {
	img := image.NewRGBA(bounds)
	luma := d.adobe > 0
	for y := range d.Height {
		c, cn := d.row(0, y)
		m, mn := d.row(1, y)
		j, jn := d.row(2, y)
		k, kn := d.row(3, y)
		to := img.Pix[y*img.Stride:]
		for x := range d.Width {
			cyan, magenta, yellow, black := c[x/cn], m[x/mn], j[x/jn], 255-k[x/kn]
			if luma { // of the inks' negative
				cyan, magenta, yellow = color.YCbCrToRGB(cyan, magenta, yellow)
			} else {
				cyan, magenta, yellow = 255-cyan, 255-magenta, 255-yellow
			}
			to[4*x], to[4*x+1], to[4*x+2] = color.CMYKToRGB(cyan, magenta, yellow, black)
			to[4*x+3] = 0xff
		}
	}
	return img
}

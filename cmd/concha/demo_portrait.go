package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
)

// maxPortraits bounds how many images are drawn, as each takes far longer than
// an account.
const maxPortraits = 400

const portraitSide = 320

// portrait draws a figure in front of a sky, in colours that the seed decides,
// as a PNG.
func portrait(seed int64) []byte {
	hue := float64(seed%360) / 360
	top, bottom := hsl(hue, 0.55, 0.86), hsl(math.Mod(hue+0.1, 1), 0.5, 0.66)
	skin, clothes := hsl(0.07, 0.35, 0.35+float64(seed%5)*0.1), hsl(math.Mod(hue+0.5, 1), 0.4, 0.42)
	m := image.NewNRGBA(image.Rect(0, 0, portraitSide, portraitSide))
	for y := range portraitSide {
		for x := range portraitSide {
			c := mix(top, bottom, float64(y)/portraitSide)
			switch {
			case within(x, y, 160, 134, 62, 74):
				c = skin
			case within(x, y, 160, 128, 70, 84) && y < 118:
				c = mix(clothes, color.NRGBA{A: 255}, 0.55)
			case within(x, y, 160, 340, 128, 134):
				c = clothes
			}
			m.SetNRGBA(x, y, c)
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, m); err != nil {
		panic(fmt.Errorf("encode an image in memory: %w", err))
	}
	return file.Bytes()
}

// within reports whether a point is in the ellipse around cx, cy.
func within(x, y int, cx, cy, rx, ry float64) bool {
	dx, dy := (float64(x)-cx)/rx, (float64(y)-cy)/ry
	return dx*dx+dy*dy <= 1
}

func mix(a, b color.NRGBA, share float64) color.NRGBA {
	part := func(x, y uint8) uint8 { return uint8(float64(x) + (float64(y)-float64(x))*share) }
	return color.NRGBA{R: part(a.R, b.R), G: part(a.G, b.G), B: part(a.B, b.B), A: 255}
}

// hsl returns a colour of a hue, saturation and lightness in 0..1.
func hsl(hue, saturation, lightness float64) color.NRGBA {
	amplitude := saturation * min(lightness, 1-lightness)
	part := func(n float64) uint8 {
		k := math.Mod(n+hue*12, 12)
		return uint8(255 * (lightness - amplitude*max(-1, min(k-3, 9-k, 1))))
	}
	return color.NRGBA{R: part(0), G: part(8), B: part(4), A: 255}
}

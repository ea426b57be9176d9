package report

import (
	"errors"
	"fmt"
	"image"
	"image/color"
)

// A Shape is the shape of an image: H lines of W pixels in C channels, stored channel by channel, then line by line, from the top left.
type Shape struct{ H, W, C int }

// Dim returns the number of values of an image, H W C.
func (s Shape) Dim() int { return s.H * s.W * s.C }

// Valid reports whether an image of this shape can be drawn: grey (C = 1) or red, green and blue (C = 3), of at least one pixel.
func (s Shape) Valid() bool { return s.H > 0 && s.W > 0 && (s.C == 1 || s.C == 3) }

const gap = 2 // pixels between neighbouring tiles and around the grid, after scaling

// Grid tiles images into a picture, left to right and top to bottom.
//
// pixels holds rows images of the shape, row-major, with values in [0, 1]; values outside are clipped and NaN is black. Small images
// are enlarged by a whole factor, two at 28x28. It is an error when the shape is not grey or RGB, when there is no image or no column,
// or when pixels is too short.
func Grid(pixels []float32, rows, columns int, s Shape) (image.Image, error) {
	if !s.Valid() {
		return nil, fmt.Errorf("report: cannot draw images of %d x %d pixels in %d channels; 1 or 3 channels can be drawn", s.H, s.W, s.C)
	}
	if rows <= 0 || columns <= 0 {
		return nil, errors.New("report: a grid needs at least one image and one column")
	}
	if len(pixels)/s.Dim() < rows {
		return nil, fmt.Errorf("report: %d values are too few for %d images of %d", len(pixels), rows, s.Dim())
	}
	columns = min(columns, rows)
	scale := enlargement(s)
	lines := (rows + columns - 1) / columns
	cellW, cellH := s.W*scale+gap, s.H*scale+gap
	canvas := newCanvas(columns*cellW+gap, lines*cellH+gap, s.C)
	for i := range rows {
		x0, y0 := gap+(i%columns)*cellW, gap+(i/columns)*cellH
		drawTile(canvas, x0, y0, scale, pixels[i*s.Dim():(i+1)*s.Dim()], s)
	}
	return canvas, nil
}

// enlargement returns the whole factor by which images are drawn so that they can be seen: the longer side comes near 56 pixels.
func enlargement(s Shape) int { return max(1, (56+max(s.H, s.W)/2)/max(s.H, s.W)) }

type canvas interface {
	image.Image
	Set(x, y int, c color.Color)
}

// newCanvas returns a canvas of the colour of the gaps, grey where the images are.
func newCanvas(w, h, channels int) canvas {
	const background = 96
	if channels == 1 {
		m := image.NewGray(image.Rect(0, 0, w, h))
		for i := range m.Pix {
			m.Pix[i] = background
		}
		return m
	}
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = background
		if i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	return m
}

func drawTile(m canvas, x0, y0, scale int, px []float32, s Shape) {
	plane := s.H * s.W
	for y := range s.H * scale {
		for x := range s.W * scale {
			k := y/scale*s.W + x/scale
			if s.C == 1 {
				m.Set(x0+x, y0+y, color.Gray{Y: level(px[k])})
			} else {
				m.Set(x0+x, y0+y, color.RGBA{level(px[k]), level(px[plane+k]), level(px[2*plane+k]), 255})
			}
		}
	}
}

// level returns the byte of a value in [0, 1], rounded and clipped.
func level(v float32) uint8 {
	if !(v > 0) {
		return 0
	}
	return uint8(255*min(v, 1) + .5)
}

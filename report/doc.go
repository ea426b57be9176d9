// Package report draws what a run has learned: grids of images, curves of a loss, and scatter plots of points in the plane.
//
// Every picture is an [image.Image], a function of its arguments only; [WritePNG] encodes it.
package report

import (
	"image"
	"image/png"
	"io"
)

// WritePNG encodes the picture as PNG. The bytes depend on the picture only.
func WritePNG(w io.Writer, m image.Image) error {
	enc := png.Encoder{CompressionLevel: png.BestSpeed}
	return enc.Encode(w, m)
}

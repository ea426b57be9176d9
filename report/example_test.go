package report_test

import (
	"bytes"
	"fmt"

	"github.com/sinkcpu/sinkcpu/report"
)

// Four grey images of 28 x 28 pixels, two in a line, enlarged by two with two pixels around each.
func ExampleGrid() {
	const n = 28
	pixels := make([]float32, 4*n*n)
	for i := range pixels {
		pixels[i] = float32(i/(n*n)) / 3
	}
	m, err := report.Grid(pixels, 4, 2, report.Shape{H: n, W: n, C: 1})
	if err != nil {
		panic(err)
	}
	var png bytes.Buffer
	if err := report.WritePNG(&png, m); err != nil {
		panic(err)
	}
	fmt.Println(m.Bounds().Dx(), "x", m.Bounds().Dy(), "pixels,", string(png.Bytes()[1:4]))
	// Output: 118 x 118 pixels, PNG
}

package train

import (
	"context"
	"image/png"
	"math"
	"os"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/report"
)

// squareDecoder paints u and v of its latent point on an image of two pixels.
type squareDecoder struct{ *meanObjective }

func (squareDecoder) LatentDim() int                    { return 2 }
func (squareDecoder) LatentPoint(dst, u []float32)      { copy(dst, u) }
func (squareDecoder) Decode(dst, z []float32, rows int) { copy(dst, z[:2*rows]) }

func TestDecodeSquareCoversTheSquare(t *testing.T) {
	const side = 15
	dst := make([]float32, 2*side*side)
	decodeSquare(squareDecoder{}, dst, side)
	for i := range side {
		for j := range side {
			u, v := dst[2*(i*side+j)], dst[2*(i*side+j)+1]
			if !(math.Abs(float64(u)-(float64(j)+.5)/side) <= 1e-7) || !(math.Abs(float64(v)-(float64(i)+.5)/side) <= 1e-7) {
				t.Fatalf("row %d, column %d shows (%g, %g)", i, j, u, v)
			}
		}
	}
}

func TestPicturesOfEachKindOfData(t *testing.T) {
	c := testConfig()
	images, err := data.NewImages(1, 2, 1, make([]uint8, 2*100), nil)
	if err != nil {
		t.Fatal(err)
	}
	space, err := data.NewPoints(5, make([]float32, 500), nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := samplePicture(squareDecoder{newMean(t, c, 2, nil)}, images, 1, "")
	grid, wantErr := report.Grid(make([]float32, 450), 225, 15, report.Shape{H: 1, W: 2, C: 1})
	if err != nil || wantErr != nil || m.Bounds() != grid.Bounds() {
		t.Errorf("images: %v, %v", m, err)
	}
	if m, err := samplePicture(newMean(t, c, 2, nil), images, 1, ""); err != nil || m.Bounds() != grid.Bounds() {
		t.Errorf("images from the prior: %v, %v", m, err)
	}
	if m, err := samplePicture(newMean(t, c, 5, nil), space, 1, ""); err != nil || m != nil {
		t.Errorf("points of five dimensions: %v, %v", m, err)
	}
}

func TestThePicturesOfARunAreThere(t *testing.T) {
	c := testConfig()
	dir := newDir(t)
	if _, err := Run(context.Background(), testOptions(t, dir, c)); err != nil {
		t.Fatal(err)
	}
	f := folder(dir)
	for _, path := range []string{f.samples(20), f.samples(40), f.samples(60), f.curve()} {
		file, err := os.Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := png.Decode(file); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		file.Close()
	}
}

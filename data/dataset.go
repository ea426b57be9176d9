package data

import "fmt"

const (
	errShortDst  = "data: destination is too short"
	errRowRange  = "data: row out of range"
	errEmptySet  = "data: empty data set"
	errRowsRange = "data: number of rows is negative"
)

// A Dataset is a set of N points of dimension Dim, held in memory.
//
// A set of images keeps a byte a pixel in Pixels and has H*W*C = Dim; any other set keeps Points and has H = W = C = 0. Both are
// row-major, N x Dim. A row of an image is planar: channel, then line, then column, all from the top left.
// A Dataset is not changed after it is made and may be read by any number of goroutines.
type Dataset struct {
	N, Dim  int
	H, W, C int

	Pixels []uint8   // N x Dim, for images
	Points []float32 // N x Dim, otherwise
	Labels []int     // the class of each row, or nil
}

// NewImages returns the set of the images in pixels, each of h lines of w pixels in c channels.
// The slices are kept, not copied. It is an error when pixels does not hold a whole number of images, at least one, or when labels
// is neither nil nor as long as the number of images.
func NewImages(h, w, c int, pixels []uint8, labels []int) (*Dataset, error) {
	if h <= 0 || w <= 0 || c <= 0 {
		return nil, fmt.Errorf("images of %d x %d pixels in %d channels have no pixels", h, w, c)
	}
	n := len(pixels) / h / w / c
	if n == 0 || n*h*w*c != len(pixels) {
		return nil, fmt.Errorf("%d bytes are not a whole number of images of %d x %d pixels in %d channels", len(pixels), h, w, c)
	}
	if err := checkLabels(labels, n); err != nil {
		return nil, err
	}
	return &Dataset{N: n, Dim: h * w * c, H: h, W: w, C: c, Pixels: pixels, Labels: labels}, nil
}

// NewPoints returns the set of the rows of dim numbers in points.
// The slices are kept, not copied. It is an error when points does not hold a whole number of rows, at least one, or when labels is
// neither nil nor as long as the number of rows.
func NewPoints(dim int, points []float32, labels []int) (*Dataset, error) {
	if dim <= 0 {
		return nil, fmt.Errorf("points of dimension %d; at least 1 is needed", dim)
	}
	n := len(points) / dim
	if n == 0 || n*dim != len(points) {
		return nil, fmt.Errorf("%d numbers are not a whole number of points of dimension %d", len(points), dim)
	}
	if err := checkLabels(labels, n); err != nil {
		return nil, err
	}
	return &Dataset{N: n, Dim: dim, Points: points, Labels: labels}, nil
}

func checkLabels(labels []int, n int) error {
	if labels != nil && len(labels) != n {
		return fmt.Errorf("%d labels for %d rows", len(labels), n)
	}
	return nil
}

// unit holds b/255 rounded to float32 for every byte b.
var unit = func() (t [256]float32) {
	for b := range t {
		t[b] = float32(b) / 255
	}
	return t
}()

// Row copies row i into dst[:Dim]: b/255 in [0, 1] for the byte b of an image, the number itself for points.
// It panics when i is not in [0, N) or dst is shorter than Dim.
func (d *Dataset) Row(dst []float32, i int) {
	if i < 0 || i >= d.N {
		panic(errRowRange)
	}
	if len(dst) < d.Dim {
		panic(errShortDst)
	}
	dst = dst[:d.Dim]
	if d.Pixels == nil {
		copy(dst, d.Points[i*d.Dim:])
		return
	}
	src := d.Pixels[i*d.Dim:][:len(dst)]
	for k, b := range src {
		dst[k] = unit[b]
	}
}

// Rows copies the rows of these indices into dst, len(index) x Dim, as Row does.
func (d *Dataset) Rows(dst []float32, index []int) {
	if len(dst) < len(index)*d.Dim {
		panic(errShortDst)
	}
	for k, i := range index {
		d.Row(dst[k*d.Dim:], i)
	}
}

// Subset returns a new set of the rows of these indices, in their order, with their labels.
// It panics when an index is not in [0, N) or there is none.
func (d *Dataset) Subset(index []int) *Dataset {
	if len(index) == 0 {
		panic(errEmptySet)
	}
	s := &Dataset{N: len(index), Dim: d.Dim, H: d.H, W: d.W, C: d.C}
	for _, i := range index {
		if i < 0 || i >= d.N {
			panic(errRowRange)
		}
		if d.Pixels != nil {
			s.Pixels = append(s.Pixels, d.Pixels[i*d.Dim:(i+1)*d.Dim]...)
		} else {
			s.Points = append(s.Points, d.Points[i*d.Dim:(i+1)*d.Dim]...)
		}
		if d.Labels != nil {
			s.Labels = append(s.Labels, d.Labels[i])
		}
	}
	return s
}

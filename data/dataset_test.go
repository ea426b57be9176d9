package data

import (
	"slices"
	"testing"
)

func TestImageRowsAreBytesOver255(t *testing.T) {
	pixels := make([]uint8, 256)
	for b := range pixels {
		pixels[b] = uint8(b)
	}
	d, err := NewImages(4, 8, 2, pixels, []int{3, 1, 4, 1})
	if err != nil {
		t.Fatal(err)
	}
	if d.N != 4 || d.Dim != 64 {
		t.Fatalf("%d x %d, want 4 x 64", d.N, d.Dim)
	}
	row := make([]float32, 65)
	row[64] = 7
	for i := range d.N {
		d.Row(row, i)
		for k, v := range row[:64] {
			if want := float32(float64(64*i+k) / 255); v != want {
				t.Fatalf("pixel %d of image %d: %v, want %v", k, i, v, want)
			}
		}
	}
	if row[64] != 7 {
		t.Error("Row wrote past Dim")
	}
}

func TestSubsetAndRowsKeepOrder(t *testing.T) {
	d, err := NewPoints(2, []float32{0, 1, 2, 3, 4, 5}, []int{7, 8, 9})
	if err != nil {
		t.Fatal(err)
	}
	index := []int{2, 0, 2}
	s := d.Subset(index)
	if want := []float32{4, 5, 0, 1, 4, 5}; !slices.Equal(s.Points, want) {
		t.Errorf("points %v, want %v", s.Points, want)
	}
	if want := []int{9, 7, 9}; !slices.Equal(s.Labels, want) {
		t.Errorf("labels %v, want %v", s.Labels, want)
	}
	rows := make([]float32, 6)
	d.Rows(rows, index)
	if !slices.Equal(rows, s.Points) {
		t.Errorf("Rows %v, Subset %v", rows, s.Points)
	}
	images := Glyphs(1, 12).Subset([]int{11, 5})
	if images.H != 28 || images.W != 28 || images.C != 1 || !slices.Equal(images.Labels, []int{1, 5}) {
		t.Errorf("subset of images: %dx%dx%d, labels %v", images.H, images.W, images.C, images.Labels)
	}
}

func TestDatasetRefusesWrongSizes(t *testing.T) {
	_, err := NewImages(2, 2, 1, make([]uint8, 7), nil)
	wantError(t, err, "7 bytes", "2 x 2")
	_, err = NewImages(2, 2, 1, nil, nil)
	wantError(t, err, "0 bytes")
	_, err = NewImages(1<<40, 1<<40, 1<<40, make([]uint8, 7), nil)
	wantError(t, err, "7 bytes")
	_, err = NewImages(0, 2, 1, make([]uint8, 4), nil)
	wantError(t, err, "no pixels")
	_, err = NewImages(2, 2, 1, make([]uint8, 8), []int{1})
	wantError(t, err, "1 labels for 2 rows")
	_, err = NewPoints(2, make([]float32, 3), nil)
	wantError(t, err, "3 numbers", "dimension 2")
	_, err = NewPoints(0, make([]float32, 3), nil)
	wantError(t, err, "dimension 0")

	d, err := NewPoints(2, make([]float32, 4), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, errRowRange, func() { d.Row(make([]float32, 2), 2) })
	wantPanic(t, errRowRange, func() { d.Row(make([]float32, 2), -1) })
	wantPanic(t, errShortDst, func() { d.Row(make([]float32, 1), 0) })
	wantPanic(t, errShortDst, func() { d.Rows(make([]float32, 3), []int{0, 1}) })
	wantPanic(t, errEmptySet, func() { d.Subset(nil) })
	wantPanic(t, errRowRange, func() { d.Subset([]int{2}) })
}

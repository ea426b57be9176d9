package data

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"path/filepath"
	"testing"
)

// picture returns an image of that colour.
func picture(w, h int, at func(x, y int) color.Color) image.Image {
	m := image.NewNRGBA(image.Rect(3, 5, 3+w, 5+h)) // whose corner is not the origin
	for y := range h {
		for x := range w {
			m.Set(3+x, 5+y, at(x, y))
		}
	}
	return m
}

func pngBytes(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOpenImagesKeepsPixelsOfTheRightSize(t *testing.T) {
	dir := t.TempDir()
	m := picture(6, 4, func(x, y int) color.Color { return color.NRGBA{uint8(10 * x), uint8(20 * y), 7, 255} })
	put(t, dir, "below/a.PNG", pngBytes(t, m))
	put(t, dir, "notes.txt", []byte("no image"))
	s, err := Open("images:"+dir+",size=4", 1)
	if err != nil {
		t.Fatal(err)
	}
	d := s.Train
	if d.N != 1 || s.Test != nil || d.H != 4 || d.W != 4 || d.C != 3 || s.Name != filepath.Base(dir) {
		t.Fatalf("%q: %d images of %d x %d x %d", s.Name, d.N, d.H, d.W, d.C)
	}
	for y := range 4 {
		for x := range 4 {
			for c, want := range []uint8{uint8(10 * (x + 1)), uint8(20 * y), 7} { // the square at the middle of 6 x 4 begins at 1
				if got := d.Pixels[c*16+y*4+x]; got != want {
					t.Errorf("channel %d at (%d, %d): %d, want %d", c, x, y, got, want)
				}
			}
		}
	}
}

// TestOpenImagesResizes: one colour stays itself at any size and in either format, and a smooth ramp keeps its mean.
func TestOpenImagesResizes(t *testing.T) {
	dir := t.TempDir()
	flat := picture(50, 40, func(x, y int) color.Color { return color.NRGBA{200, 100, 50, 255} })
	put(t, dir, "a.png", pngBytes(t, flat))
	var b bytes.Buffer
	if err := jpeg.Encode(&b, flat, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "b.jpeg", b.Bytes())
	put(t, dir, "c.png", pngBytes(t, picture(7, 9, func(x, y int) color.Color { return color.NRGBA{200, 100, 50, 255} })))
	put(t, dir, "d.png", pngBytes(t, picture(96, 96, func(x, y int) color.Color { return color.NRGBA{uint8(2 * x), 0, 0, 255} })))
	s, err := OpenImages(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.Train.N != 4 || s.Train.H != 32 {
		t.Fatalf("%d images of %d lines", s.Train.N, s.Train.H)
	}
	row := make([]float32, s.Train.Dim)
	for i := range 4 {
		s.Train.Row(row, i)
		var mean [3]float64
		for k, v := range row {
			mean[k/1024] += 255 * float64(v) / 1024
		}
		want := [3]float64{200, 100, 50}
		if i == 3 {
			want = [3]float64{95, 0, 0}
		}
		for c := range 3 {
			if !(math.Abs(mean[c]-want[c]) <= 2.5) { // JPEG rounds its chroma
				t.Errorf("image %d, channel %d: mean %.2f, want %g", i, c, mean[c], want[c])
			}
		}
	}
}

func TestGreyImagesHaveOneChannel(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.png", "b.png", "c.png", "d.png", "e.png", "f.png"} {
		v := name[0]
		put(t, dir, name, pngBytes(t, picture(5, 5, func(x, y int) color.Color { return color.Gray{v} })))
	}
	s, err := OpenImages(dir + ",size=5")
	if err != nil {
		t.Fatal(err)
	}
	if s.Train.C != 1 || s.Train.Dim != 25 || s.Train.N != 5 || s.Test.N != 1 {
		t.Fatalf("%d and %d images of %d numbers", s.Train.N, s.Test.N, s.Train.Dim)
	}
	seen := map[uint8]bool{s.Test.Pixels[24]: true}
	for i := range 5 {
		seen[s.Train.Pixels[25*i]] = true
	}
	if len(seen) != 6 || !seen['a'] || !seen['f'] {
		t.Errorf("grey values %v", seen)
	}
	// What is transparent is black.
	put(t, dir, "g.png", pngBytes(t, picture(5, 5, func(x, y int) color.Color { return color.NRGBA{255, 255, 255, 0} })))
	if s, err = OpenImages(dir + ",size=5"); err != nil {
		t.Fatal(err)
	}
	black := 0
	for _, d := range []*Dataset{s.Train, s.Test} {
		for i := range d.N {
			if d.Pixels[25*i] == 0 {
				black++
			}
		}
	}
	if black != 1 {
		t.Errorf("%d black images", black)
	}
}

func TestImageFaults(t *testing.T) {
	whole := pngBytes(t, picture(9, 9, func(x, y int) color.Color { return color.NRGBA{uint8(x * y), 3, 1, 255} }))
	for name, content := range map[string][]byte{"text": []byte("hello"), "empty": nil, "cut": whole[:len(whole)-30]} {
		dir := t.TempDir()
		put(t, dir, "a.png", content)
		_, err := OpenImages(dir)
		t.Run(name, func(t *testing.T) { wantError(t, err, "a.png") })
	}
	bomb := bytes.Clone(whole)
	copy(bomb[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65536 x 65536 pixels
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	dir := t.TempDir()
	put(t, dir, "a.png", bomb)
	_, err := OpenImages(dir)
	wantError(t, err, "a.png", "65536 x 65536 pixels")
	_, err = OpenImages(t.TempDir())
	wantError(t, err, "no file ends in .png")
	_, err = OpenImages(filepath.Join(t.TempDir(), "absent"))
	wantError(t, err, "no such folder")
	_, err = OpenImages(dir + ",size=0")
	wantError(t, err, "want 1 to 1024")
}

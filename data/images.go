package data

import (
	"bufio"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // a format that image.Decode knows
	_ "image/png"  // a format that image.Decode knows
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	scale "golang.org/x/image/draw"

	"github.com/sinkcpu/sinkcpu/internal/random"
)

// The size of images that OpenImages makes, and the largest that it reads.
const (
	defaultSide   = 32
	maxSide       = 1024
	maxReadPixels = 1 << 26
)

var sideSuffix = regexp.MustCompile(`^(.*),size=([0-9]+)$`)

// OpenImages returns the source of the PNG and JPEG files in a folder and the folders below it, in the order of their paths. spec is the
// folder, or the folder and the side of the images in pixels, "DIR,size=64"; without it they are 32 x 32.
//
// Of each image the largest square at its middle is resized by the filter of Catmull and Rom; what is transparent is black. Images
// have three channels, or one where all of them are grey. A fifth of the images, the same in every run, is held out to test; of fewer than
// 5 none is. A file that ends in .png, .jpg or .jpeg and cannot be read is an error that names it.
func OpenImages(spec string) (*Source, error) {
	dir, side := spec, defaultSide
	if m := sideSuffix.FindStringSubmatch(spec); m != nil {
		n, err := strconv.Atoi(m[2])
		if err != nil || n < 1 || n > maxSide {
			return nil, fmt.Errorf("images:%s: size %s; want 1 to %d pixels", spec, m[2], maxSide)
		}
		dir, side = m[1], n
	}
	files, err := imageFiles(dir)
	if err != nil {
		return nil, err
	}
	var pixels []uint8
	grey := true
	for _, path := range files {
		m, err := readImage(path)
		if err != nil {
			return nil, err
		}
		square := resize(m, side)
		grey = grey && isGrey(square)
		pixels = appendPlanes(pixels, square)
	}
	channels := 3
	if grey {
		channels = 1
		pixels = firstPlanes(pixels, side*side)
	}
	all, err := NewImages(side, side, channels, pixels, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	s := &Source{Name: filepath.Base(filepath.Clean(dir)), Train: all}
	order := random.New(0, "holdout").Perm(all.N) // see OpenPoints
	if held := all.N / 5; held > 0 {
		s.Test, s.Train = all.Subset(order[:held]), all.Subset(order[held:])
	}
	return s, nil
}

// imageFiles returns the paths of the images in and below a folder.
func imageFiles(dir string) ([]string, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s: no such folder; give one with PNG or JPEG files", dir)
	}
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".png", ".jpg", ".jpeg":
			if !e.IsDir() {
				files = append(files, path)
			}
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no file ends in .png, .jpg or .jpeg, here or below", dir)
	}
	return files, err
}

// readImage decodes a file whose header promises no more pixels than maxReadPixels.
func readImage(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head, _, err := image.DecodeConfig(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("%s: no PNG or JPEG image: %w", path, err)
	}
	if head.Width < 1 || head.Height < 1 || head.Width > maxReadPixels/head.Height {
		return nil, fmt.Errorf("%s: %d x %d pixels; at most %d in all are read", path, head.Width, head.Height, maxReadPixels)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	m, _, err := image.Decode(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("%s: damaged image: %w", path, err)
	}
	return m, nil
}

// resize returns the largest square at the middle of m as side x side pixels.
func resize(m image.Image, side int) *image.RGBA {
	b := m.Bounds()
	n := min(b.Dx(), b.Dy())
	x, y := b.Min.X+(b.Dx()-n)/2, b.Min.Y+(b.Dy()-n)/2
	dst := image.NewRGBA(image.Rect(0, 0, side, side))
	scale.Draw(dst, dst.Bounds(), image.NewUniform(color.Black), image.Point{}, scale.Src)
	from := image.Rect(x, y, x+n, y+n)
	if n == side {
		scale.Draw(dst, dst.Bounds(), m, from.Min, scale.Over)
	} else {
		scale.CatmullRom.Scale(dst, dst.Bounds(), m, from, scale.Over, nil)
	}
	return dst
}

func isGrey(m *image.RGBA) bool {
	for i := 0; i < len(m.Pix); i += 4 {
		if m.Pix[i] != m.Pix[i+1] || m.Pix[i] != m.Pix[i+2] {
			return false
		}
	}
	return true
}

// appendPlanes appends the red, green and blue planes of m.
func appendPlanes(pixels []uint8, m *image.RGBA) []uint8 {
	for c := range 3 {
		for i := c; i < len(m.Pix); i += 4 {
			pixels = append(pixels, m.Pix[i])
		}
	}
	return pixels
}

// firstPlanes returns the first of every three planes of n pixels.
func firstPlanes(pixels []uint8, n int) []uint8 {
	var first []uint8
	for i := 0; i < len(pixels); i += 3 * n {
		first = append(first, pixels[i:i+n]...)
	}
	return first
}

package data

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// idxFile returns an IDX file of bytes 1, 2, 3 ... of this shape.
func idxFile(shape ...uint32) []byte {
	b := []byte{0, 0, 8, byte(len(shape))}
	count := uint32(1)
	for _, d := range shape {
		b = binary.BigEndian.AppendUint32(b, d)
		count *= d
	}
	for k := range count {
		b = append(b, byte(k+1))
	}
	return b
}

func TestReadIDX(t *testing.T) {
	plain := idxFile(2, 3, 2)
	for name, content := range map[string][]byte{"a": plain, "a.gz": gzipped(t, plain), "gzip without the name": gzipped(t, plain)} {
		got, err := ReadIDX(writeFile(t, name, content))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(got.Shape, []int{2, 3, 2}) || !bytes.Equal(got.Bytes, plain[16:]) {
			t.Errorf("%s: shape %v, bytes %v", name, got.Shape, got.Bytes)
		}
	}
}

func TestIDXFaults(t *testing.T) {
	good := idxFile(2, 3)
	packed := gzipped(t, good)
	long := gzipped(t, idxFile(200))
	flipped := slices.Clone(packed)
	flipped[len(flipped)-6] ^= 1
	floats := slices.Clone(good)
	floats[2] = 0x0d
	for _, tc := range []struct {
		name    string
		content []byte
		parts   []string
	}{
		{"empty", nil, []string{"the file is empty"}},
		{"cut in the header", good[:9], []string{"12 bytes expected, 9 found"}},
		{"cut in the elements", good[:15], []string{"18 bytes expected, 15 found"}},
		{"one byte too many", append(slices.Clone(good), 0), []string{"18 bytes expected, 19 found"}},
		{"text", []byte("hello, world"), []string{"not an IDX file", "68 65 6c 6c"}},
		{"floats", floats, []string{"32-bit float", "unsigned bytes"}},
		{"no dimensions", []byte{0, 0, 8, 0, 1}, []string{"not an IDX file"}},
		{"2^60 elements", append([]byte{0, 0, 8, 2, 0x40, 0, 0, 0, 0x40, 0, 0, 0}, 1, 2), []string{"truncated", "1152921504606846988 bytes expected, 14 found"}},
		{"2^93 elements", append([]byte{0, 0, 8, 3}, bytes.Repeat([]byte{0x80, 0, 0, 0}, 3)...), []string{"larger than any file"}},
		{"gzip cut short", long[:150], []string{"truncated: 208 bytes expected, "}},
		{"gzip without its trailer", packed[:len(packed)-8], []string{"trailer"}},
		{"gzip with a wrong checksum", flipped, []string{"checksum"}},
		{"gzip with one byte too many", gzipped(t, append(slices.Clone(good), 0)), []string{"18 bytes expected, more follow"}},
		{"gzip of 2^60 elements", gzipped(t, []byte{0, 0, 8, 2, 0x40, 0, 0, 0, 0x40, 0, 0, 0, 1}), []string{"unpacks to too much"}},
		{"gzip of 2^30 elements", gzipped(t, []byte{0, 0, 8, 2, 0, 0, 0x80, 0, 0, 0, 0x80, 0, 1, 2, 3}), []string{"1073741836 bytes expected, 15 found"}},
		{"gzip header only", packed[:5], []string{"damaged gzip"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := writeFile(t, "file", tc.content)
			var err error
			if used := allocated(func() { _, err = ReadIDX(path) }); used > 1<<20 {
				t.Errorf("%d bytes allocated for a file of %d", used, len(tc.content))
			}
			wantError(t, err, append(tc.parts, path)...)
		})
	}
	_, err := ReadIDX(t.TempDir())
	wantError(t, err, "folder")
	_, err = ReadIDX(filepath.Join(t.TempDir(), "absent"))
	wantError(t, err, "absent")
}

func FuzzIDX(f *testing.F) {
	f.Add(idxFile(2, 3))
	f.Add(idxFile())
	f.Add(idxFile(0, 5))
	f.Add(gzipped(f, idxFile(4)))
	f.Add([]byte{0, 0, 8, 2, 0x40, 0, 0, 0, 0x40, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, sized := range []bool{false, true} {
			in, err := newInput(bytes.NewReader(b), "file", map[bool]int64{false: -1, true: int64(len(b))}[sized])
			if err != nil {
				continue
			}
			a, err := decodeIDX(in)
			if err != nil {
				continue
			}
			count := 1
			for _, d := range a.Shape {
				count *= d
			}
			if count != len(a.Bytes) {
				t.Fatalf("shape %v, %d bytes", a.Shape, len(a.Bytes))
			}
		}
	})
}

// mnistFolder makes a folder in MNIST's format of 3 images to train and 2 to test, spelled and packed in every way.
func mnistFolder(t *testing.T) string {
	dir := t.TempDir()
	for name, b := range map[string][]byte{
		"train-images-idx3-ubyte":   idxFile(3, 2, 4),
		"train-labels.idx1-ubyte":   idxFile(3),
		"t10k-images-idx3-ubyte.gz": gzipped(t, idxFile(2, 2, 4)),
		"t10k-labels.idx1-ubyte.gz": gzipped(t, idxFile(2)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpenMNISTInEverySpelling(t *testing.T) {
	train, test, err := OpenMNIST(mnistFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	if train.N != 3 || test.N != 2 || train.H != 2 || train.W != 4 || train.C != 1 || train.Dim != 8 {
		t.Errorf("train %d x %d, test %d, images %dx%dx%d", train.N, train.Dim, test.N, train.H, train.W, train.C)
	}
	if !slices.Equal(train.Labels, []int{1, 2, 3}) || train.Pixels[23] != 24 {
		t.Errorf("labels %v, last pixel %d", train.Labels, train.Pixels[23])
	}
}

func TestOpenMNISTFaults(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(dir string) error
		parts  []string
	}{
		{"no labels", func(dir string) error { return os.Remove(filepath.Join(dir, "train-labels.idx1-ubyte")) },
			[]string{"train-labels-idx1-ubyte", "train-labels.idx1-ubyte", "put the four MNIST files"}},
		{"other labels", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "train-labels.idx1-ubyte"), idxFile(4), 0o666)
		}, []string{"train-labels.idx1-ubyte", "[4]", "3 images"}},
		{"labels as images", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "train-images-idx3-ubyte"), idxFile(3), 0o666)
		}, []string{"train-images-idx3-ubyte", "[3]"}},
		{"no images", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "train-images-idx3-ubyte"), idxFile(0, 2, 4), 0o666)
		}, []string{"train-images-idx3-ubyte", "[0 2 4]"}},
		{"other size", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "train-images-idx3-ubyte"), idxFile(3, 4, 4), 0o666)
		}, []string{"4 x 4", "2 x 4"}},
		{"cut short", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "train-images-idx3-ubyte"), idxFile(3, 4, 4)[:40], 0o666)
		}, []string{"train-images-idx3-ubyte", "64 bytes expected, 40 found"}},
		{"no folder", os.RemoveAll, []string{"no such folder", "train-images-idx3-ubyte"}},
	} {
		dir := mnistFolder(t)
		if err := tc.change(dir); err != nil {
			t.Fatal(err)
		}
		_, err := Open("mnist:"+dir, 1)
		if err == nil {
			t.Errorf("%s: no error", tc.name)
			continue
		}
		wantError(t, err, append(tc.parts, dir)...)
	}
}

func TestRealMNIST(t *testing.T) {
	src, err := Open("mnist:"+shared(t, "mnist"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if src.Name != "mnist" || src.Train.N != 60000 || src.Test.N != 10000 || src.Train.Dim != 784 {
		t.Errorf("%s: %d and %d images of %d pixels", src.Name, src.Train.N, src.Test.N, src.Train.Dim)
	}
	if got := src.Train.Labels[:5]; !slices.Equal(got, []int{5, 0, 4, 1, 9}) {
		t.Errorf("first labels to train %v", got)
	}
	if got := src.Test.Labels[:5]; !slices.Equal(got, []int{7, 2, 1, 0, 4}) {
		t.Errorf("first labels to test %v", got)
	}
	if testing.Short() {
		return
	}
	var sum float64
	row := make([]float32, 784)
	for i := range src.Train.N {
		src.Train.Row(row, i)
		for _, v := range row {
			sum += float64(v)
		}
	}
	if mean := sum / (60000 * 784); !(mean >= .13065 && mean <= .13075) {
		t.Errorf("mean pixel %v, want .1307", mean)
	}
}

func TestOpenNamesWhatItKnows(t *testing.T) {
	for _, spec := range []string{"", "glyph", "mnist", "mnist:", "points:", "ring8:2"} {
		_, err := Open(spec, 1)
		if err == nil {
			t.Errorf("%q: no error", spec)
			continue
		}
		wantError(t, err, "unknown data source", "mnist:DIR", "points:FILE")
		for _, b := range Names() {
			wantError(t, err, b.Name)
		}
	}
}

func TestBuiltins(t *testing.T) {
	for _, b := range Names() {
		src, err := Open(b.Name, 3)
		if err != nil {
			t.Fatal(err)
		}
		if src.Name != b.Name || b.Description == "" || strings.Contains(b.Description, "\n") {
			t.Errorf("%q opens as %q, described %q", b.Name, src.Name, b.Description)
		}
		if b.Name == "pair" {
			if p := src.Train.Points; len(p) != 2 || p[0] != 1 || p[1] != -1 || src.Test != nil {
				t.Errorf("pair: %+v", src)
			}
			continue
		}
		if src.Train.N != 20000 || src.Test.N != 4000 || src.Train.Dim != src.Test.Dim {
			t.Errorf("%s: %d x %d and %d x %d", b.Name, src.Train.N, src.Train.Dim, src.Test.N, src.Test.Dim)
		}
		if mixture := b.Name == "ring8" || b.Name == "grid25"; mixture != (src.Modes != nil) {
			t.Errorf("%s: modes %v", b.Name, src.Modes)
		}
		seen := make(map[string]bool)
		key := make([]float32, src.Train.Dim)
		for _, d := range []*Dataset{src.Train, src.Test} {
			for i := range min(d.N, 500) {
				d.Row(key, i)
				k := string(appendNPY(nil, key))
				if seen[k] {
					t.Fatalf("%s: row %d repeats another", b.Name, i)
				}
				seen[k] = true
			}
		}
	}
}

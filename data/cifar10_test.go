package data

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// cifarBytes returns n records whose label is k mod 10 and whose pixels are made of k and their place.
func cifarBytes(first, n int) []byte {
	var b []byte
	for k := first; k < first+n; k++ {
		b = append(b, byte(k%10))
		for i := range cifarPixels {
			b = append(b, byte(k*7+i))
		}
	}
	return b
}

func put(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestOpenCIFAR10(t *testing.T) {
	for _, below := range []string{"", cifarFolder + "/"} {
		dir := t.TempDir()
		put(t, dir, below+"data_batch_2.bin.gz", gzipped(t, cifarBytes(3, 2)))
		put(t, dir, below+"data_batch_1.bin", cifarBytes(0, 3))
		put(t, dir, below+"data_batch_1.bin.gz", []byte("the plain file is read instead"))
		put(t, dir, below+"test_batch.bin", cifarBytes(9, 1))
		put(t, dir, below+"batches.meta.txt", []byte("airplane"))
		s, err := Open("cifar10:"+dir, 1)
		if err != nil {
			t.Fatal(err)
		}
		train, test := s.Train, s.Test
		if s.Name != "cifar10" || train.N != 5 || train.H != 32 || train.W != 32 || train.C != 3 || test.N != 1 || test.Labels[0] != 9 {
			t.Fatalf("%q: %d and %d images of %d x %d x %d, test labels %v", s.Name, train.N, test.N, train.H, train.W, train.C, test.Labels)
		}
		if !slices.Equal(train.Labels, []int{0, 1, 2, 3, 4}) {
			t.Errorf("labels %v", train.Labels)
		}
		all := cifarBytes(0, 5)
		for i := range 5 {
			if want := all[i*cifarRecord+1 : (i+1)*cifarRecord]; !bytes.Equal(train.Pixels[i*cifarPixels:(i+1)*cifarPixels], want) {
				t.Errorf("pixels of image %d differ", i)
			}
		}
	}
}

func TestCIFAR10Faults(t *testing.T) {
	good := cifarBytes(0, 2)
	bad := slices.Clone(good)
	bad[cifarRecord] = 10
	packed := gzipped(t, good)
	for name, tc := range map[string]struct {
		file    string
		content []byte
		parts   []string
	}{
		"empty":     {"data_batch_1.bin", nil, []string{"record 1", "0 bytes, want 3073"}},
		"cut":       {"data_batch_1.bin", good[:len(good)-1], []string{"record 2", "3072 bytes, want 3073"}},
		"label":     {"data_batch_1.bin", bad, []string{"byte 3073", "label 10", "record 2"}},
		"cut gzip":  {"data_batch_1.bin.gz", packed[:len(packed)-9], []string{"data_batch_1.bin.gz"}},
		"no files":  {"readme", nil, []string{"no file data_batch*.bin"}},
		"only test": {"test_batch.bin", good, []string{"no file data_batch*.bin"}},
	} {
		dir := t.TempDir()
		put(t, dir, tc.file, tc.content)
		_, _, err := OpenCIFAR10(dir)
		t.Run(name, func(t *testing.T) { wantError(t, err, append(tc.parts, dir)...) })
	}
	_, _, err := OpenCIFAR10(filepath.Join(t.TempDir(), "absent"))
	wantError(t, err, "no such folder")
}

func FuzzCIFAR10(f *testing.F) {
	f.Add(cifarBytes(0, 1))
	f.Add(gzipped(f, cifarBytes(0, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := newInput(bytes.NewReader(b), "file", int64(len(b)))
		if err != nil {
			return
		}
		pixels, labels, err := decodeCIFAR10(in, nil, nil)
		if err == nil && (len(labels) == 0 || len(pixels) != len(labels)*cifarPixels) {
			t.Errorf("%d pixels and %d labels", len(pixels), len(labels))
		}
	})
}

// TestSharedCIFAR10 reads the images beside the repository: the first pixels and labels are known.
func TestSharedCIFAR10(t *testing.T) {
	shared(t, "cifar10/data_batch_1.bin.gz")
	train, test, err := OpenCIFAR10(filepath.Join("..", "..", "shared", "data", "cifar10"))
	if err != nil {
		t.Fatal(err)
	}
	if train.N != 7897 || test.N != 932 || !bytes.Equal(train.Pixels[:4], []byte{59, 43, 50, 68}) || !slices.Equal(test.Labels[:5], []int{3, 8, 8, 0, 6}) {
		t.Errorf("%d and %d images, pixels %v, labels %v", train.N, test.N, train.Pixels[:4], test.Labels[:5])
	}
}

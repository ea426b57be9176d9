package data

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A record of CIFAR-10 is a label and the red, green and blue planes of 32 x 32 pixels.
const (
	cifarSide   = 32
	cifarPixels = 3 * cifarSide * cifarSide
	cifarRecord = 1 + cifarPixels
	cifarLabels = 10
)

// cifarFolder is where the archive of CIFAR-10 unpacks to.
const cifarFolder = "cifar-10-batches-bin"

// OpenCIFAR10 reads CIFAR-10 in its binary version from a folder, or from cifar-10-batches-bin in it.
//
//	data_batch*.bin to train on, test_batch*.bin to test; a record is one label and 3 x 32 x 32 bytes
//
// There may be any number of files, each plain or with .gz, with any number of records. Where a file is there both ways the plain one is
// read. Without a file to test, test is nil. Format: https://www.cs.toronto.edu/~kriz/cifar.html.
func OpenCIFAR10(dir string) (train, test *Dataset, err error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, nil, fmt.Errorf("%s: no such folder; give the one that holds data_batch_1.bin and the other files of CIFAR-10", dir)
	}
	if train, err = openCIFAR10Set(dir, "data_batch"); err != nil {
		return nil, nil, err
	}
	if train == nil {
		return nil, nil, fmt.Errorf("%s: no file data_batch*.bin, plain or .gz; put the binary version of CIFAR-10 into this folder or give another", dir)
	}
	test, err = openCIFAR10Set(dir, "test_batch")
	return train, test, err
}

// openCIFAR10Set reads the files whose names begin with prefix, in the order of their names; nil where there are none.
func openCIFAR10Set(dir, prefix string) (*Dataset, error) {
	files, err := cifar10Files(dir, prefix)
	if err != nil || len(files) == 0 {
		return nil, err
	}
	var pixels []uint8
	var labels []int
	for _, path := range files {
		if pixels, labels, err = readCIFAR10(path, pixels, labels); err != nil {
			return nil, err
		}
	}
	return NewImages(cifarSide, cifarSide, 3, pixels, labels)
}

func cifar10Files(dir, prefix string) ([]string, error) {
	for _, at := range []string{dir, filepath.Join(dir, cifarFolder)} {
		entries, err := os.ReadDir(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var names []string
		for _, e := range entries {
			plain := strings.TrimSuffix(e.Name(), ".gz")
			if !e.IsDir() && strings.HasPrefix(plain, prefix) && strings.HasSuffix(plain, ".bin") {
				names = append(names, e.Name())
			}
		}
		files := names[:0:0]
		for _, name := range names {
			plain := strings.TrimSuffix(name, ".gz")
			if name == plain || !slices.Contains(names, plain) {
				files = append(files, filepath.Join(at, name))
			}
		}
		if len(files) > 0 {
			return files, nil
		}
	}
	return nil, nil
}

// readCIFAR10 appends the images and labels of a file.
func readCIFAR10(path string, pixels []uint8, labels []int) ([]uint8, []int, error) {
	in, err := openInput(path)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	return decodeCIFAR10(in, pixels, labels)
}

func decodeCIFAR10(in *input, pixels []uint8, labels []int) ([]uint8, []int, error) {
	record := make([]byte, cifarRecord)
	for n := 1; ; n++ {
		got, err := io.ReadFull(in, record)
		switch {
		case errors.Is(err, io.EOF) && n > 1:
			return pixels, labels, nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && in.size >= 0, errors.Is(err, io.ErrUnexpectedEOF) && got > 0:
			return nil, nil, fmt.Errorf("%s: truncated: record %d of CIFAR-10 has %d bytes, want %d", in.name, n, got, cifarRecord)
		case err != nil:
			return nil, nil, in.damaged(err)
		case record[0] >= cifarLabels:
			return nil, nil, fmt.Errorf("%s: byte %d: label %d of record %d, want 0 to 9: not the binary version of CIFAR-10", in.name, in.off-cifarRecord, record[0], n)
		}
		labels = append(labels, int(record[0]))
		pixels = append(pixels, record[1:]...)
	}
}

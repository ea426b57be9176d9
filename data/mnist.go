package data

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// OpenMNIST reads the four files of MNIST, or of a set in its format such as Fashion-MNIST, from a folder.
//
//	train-images-idx3-ubyte  train-labels-idx1-ubyte  t10k-images-idx3-ubyte  t10k-labels-idx1-ubyte
//
// Each may end in .gz and may be spelled with a dot before idx. A missing file, images and labels of different number, or images of
// different size in the two sets are errors.
func OpenMNIST(dir string) (train, test *Dataset, err error) {
	if train, err = openMNISTSet(dir, "train"); err != nil {
		return nil, nil, err
	}
	if test, err = openMNISTSet(dir, "t10k"); err != nil {
		return nil, nil, err
	}
	if train.H != test.H || train.W != test.W {
		return nil, nil, fmt.Errorf("%s: images of %d x %d pixels to train, of %d x %d to test; they must be of one size", dir, train.H, train.W, test.H, test.W)
	}
	return train, test, nil
}

func openMNISTSet(dir, set string) (*Dataset, error) {
	images, imageFile, err := readMNIST(dir, set+"-images-idx3-ubyte")
	if err != nil {
		return nil, err
	}
	labels, labelFile, err := readMNIST(dir, set+"-labels-idx1-ubyte")
	if err != nil {
		return nil, err
	}
	if len(images.Shape) != 3 || len(images.Bytes) == 0 {
		return nil, fmt.Errorf("%s: array of shape %v; images need count, lines and columns", imageFile, images.Shape)
	}
	if len(labels.Shape) != 1 || labels.Shape[0] != images.Shape[0] {
		return nil, fmt.Errorf("%s: array of shape %v; the %d images of %s need as many labels", labelFile, labels.Shape, images.Shape[0], imageFile)
	}
	class := make([]int, len(labels.Bytes))
	for i, b := range labels.Bytes {
		class[i] = int(b)
	}
	return NewImages(images.Shape[1], images.Shape[2], 1, images.Bytes, class)
}

// readMNIST reads the file of that usual name, or of one of its other spellings, from dir and returns its path.
func readMNIST(dir, name string) (*IDX, string, error) {
	dotted := strings.Replace(name, "-idx", ".idx", 1)
	for _, spelling := range []string{name, name + ".gz", dotted, dotted + ".gz"} {
		path := filepath.Join(dir, spelling)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		idx, err := ReadIDX(path)
		return idx, path, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, "", fmt.Errorf("%s: no such folder; give the one that holds %s and the other three MNIST files", dir, name)
	}
	return nil, "", fmt.Errorf("%s: no file %s, nor %s, plain or .gz; put the four MNIST files into this folder or give another", dir, name, dotted)
}

package data

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxNPZ bounds the bytes that a .npz file smaller than that may unpack to; a larger one is bounded by its own size.
const maxNPZ = 1 << 28

// ReadNPZ reads the named arrays of a .npz file, as numpy.savez and savez_compressed write it; each is read as by ReadNPY.
//
// A member that is no array, a name that comes twice, a damaged member, and a file that unpacks to more than 256 MiB and more than its
// own size are errors.
func ReadNPZ(path string) (map[string]*Matrix, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return decodeNPZ(f, path, info.Size())
}

func decodeNPZ(r io.ReaderAt, path string, size int64) (map[string]*Matrix, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%s: not a .npz file: %w", path, err)
	}
	arrays := make(map[string]*Matrix)
	left := max(maxNPZ, size)
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			return nil, fmt.Errorf("%s: member %q is no .npy array", path, f.Name)
		}
		if arrays[name] != nil {
			return nil, fmt.Errorf("%s: two arrays of the name %q", path, name)
		}
		m, used, err := decodeMember(f, path+": "+f.Name, left)
		if err != nil {
			return nil, err
		}
		arrays[name] = m
		left -= used
	}
	return arrays, nil
}

// decodeMember reads one array, of at most limit bytes, and returns how many it had.
func decodeMember(f *zip.File, name string, limit int64) (*Matrix, int64, error) {
	r, err := f.Open()
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name, err)
	}
	defer r.Close()
	in := streamInput(r, name, limit)
	m, err := decodeNPY(in)
	return m, in.off, err
}

// An NPZWriter writes a .npz file array by array. After an error nothing more needs to be written but Close.
type NPZWriter struct{ z *zip.Writer }

// NewNPZWriter returns a writer of a .npz file to w. The same arrays give the same bytes.
func NewNPZWriter(w io.Writer) *NPZWriter { return &NPZWriter{zip.NewWriter(w)} }

// Vector adds v as an array of one dimension.
func (z *NPZWriter) Vector(name string, v []float64) error {
	w, err := z.create(name)
	if err != nil {
		return err
	}
	return WriteNPYVector(w, v)
}

// Matrix adds a, rows x cols in row-major order, as an array of two dimensions.
func (z *NPZWriter) Matrix(name string, rows, cols int, a []float64) error {
	w, err := z.create(name)
	if err != nil {
		return err
	}
	return WriteNPY(w, rows, cols, a)
}

func (z *NPZWriter) create(name string) (io.Writer, error) {
	return z.z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
}

// Close writes the directory of the file. It does not close the writer below.
func (z *NPZWriter) Close() error { return z.z.Close() }

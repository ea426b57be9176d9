package data

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/random"
)

// PointsOptions says what to read from a file of points and what to accept.
type PointsOptions struct {
	// Columns chooses columns, counted from 1 or named as in the header of a CSV file, in the order given:
	// "1-4", "1,3", "length,width". Empty means all.
	Columns string

	// AllowInf accepts +Inf, which in a matrix of costs forbids a pair. NaN and -Inf are always errors.
	AllowInf bool
}

// ReadPoints reads a matrix of numbers, a row a point, from a .npy or CSV file, plain or gzip; the content tells which.
//
// CSV has commas, a decimal point and, if the first row holds words and no numbers in the chosen columns, a header. Values must be
// finite; an error names the file, the row and the column, both counted from 1, in CSV with the header.
func ReadPoints(path string, opts PointsOptions) (*Matrix, error) {
	in, err := openInput(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return decodePoints(in, opts)
}

// DecodePoints reads a matrix as ReadPoints does, from a stream such as the standard input; name stands for it in errors.
func DecodePoints(r io.Reader, name string, opts PointsOptions) (*Matrix, error) {
	in, err := newInput(r, name, -1)
	if err != nil {
		return nil, err
	}
	return decodePoints(in, opts)
}

func decodePoints(in *input, opts PointsOptions) (*Matrix, error) {
	head, _ := in.r.Peek(len(npyMagic))
	switch {
	case string(head) == npyMagic:
	case strings.HasPrefix(string(head), "PK\x03\x04"):
		return nil, fmt.Errorf("%s: a .npz or zip file; save the one array as .npy", in.name)
	case strings.EqualFold(filepath.Ext(strings.TrimSuffix(in.name, ".gz")), ".npy"):
		return decodeNPY(in)
	default:
		return decodeCSV(in, opts)
	}
	m, err := decodeNPY(in)
	if err != nil {
		return nil, err
	}
	columns, _, err := selectColumns(opts.Columns, m.Cols, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.name, err)
	}
	for i := range m.Rows {
		for _, c := range columns {
			if err := opts.check(m.Data[i*m.Cols+c]); err != nil {
				return nil, fmt.Errorf("%s: row %d, column %d: %w", in.name, i+1, c+1, err)
			}
		}
	}
	if opts.Columns != "" {
		m = m.columns(columns)
	}
	return m, nil
}

// columns returns the matrix of these columns.
func (m *Matrix) columns(columns []int) *Matrix {
	s := &Matrix{Rows: m.Rows, Cols: len(columns), Data: make([]float64, 0, m.Rows*len(columns))}
	for i := range m.Rows {
		for _, c := range columns {
			s.Data = append(s.Data, m.Data[i*m.Cols+c])
		}
	}
	return s
}

// OpenPoints returns the source of the points in a .npy or CSV file. A fifth of the rows, the same in every run, is held out to test;
// of fewer than 5 rows none is. Its name is the file's, without folder and extension. Values are rounded to float32; it is an error
// when one is beyond its range or not finite.
func OpenPoints(path string, opts PointsOptions) (*Source, error) {
	opts.AllowInf = false
	m, err := ReadPoints(path, opts)
	if err != nil {
		return nil, err
	}
	points := make([]float32, len(m.Data))
	for k, v := range m.Data {
		points[k] = float32(v)
		if math.IsInf(float64(points[k]), 0) {
			return nil, fmt.Errorf("%s: point %d, coordinate %d: %g is beyond float32, 3.4e38; scale the points", path, k/m.Cols+1, k%m.Cols+1, v)
		}
	}
	all, err := NewPoints(m.Cols, points, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	base := filepath.Base(strings.TrimSuffix(path, ".gz"))
	s := &Source{Name: strings.TrimSuffix(base, filepath.Ext(base)), Train: all}
	// A split that followed the seed of a run would let a run of another seed be tested on what this one was trained on.
	order := random.New(0, "holdout").Perm(all.N)
	if held := all.N / 5; held > 0 {
		s.Test, s.Train = all.Subset(order[:held]), all.Subset(order[held:])
	}
	return s, nil
}

package data

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// The columns of Fisher's iris data, as every copy of it has them: four lengths and the species.
const (
	irisLengths = "1-4"
	irisSpecies = 4
)

// OpenIris returns the flowers of Fisher's iris data in their first three principal components, unscaled and with mean 0, the species in
// the order of the file as labels. The file is CSV with four lengths and the species; all rows are for training. Source of the
// protocol: Genevay, Peyre and Cuturi 2018, table 1.
func OpenIris(path string) (*Source, error) {
	m, err := ReadPoints(path, PointsOptions{Columns: irisLengths})
	if err != nil {
		return nil, err
	}
	labels, err := readSpecies(path, m.Rows)
	if err != nil {
		return nil, err
	}
	rows, err := components(m, 3)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	train, err := NewPoints(3, rows, labels)
	if err != nil {
		return nil, err
	}
	return &Source{Name: "iris", Train: train}, nil
}

// components returns the rows projected on their first k principal components, as the rows of a matrix.
func components(m *Matrix, k int) ([]float32, error) {
	x := mat.NewDense(m.Rows, m.Cols, m.Data)
	var pc stat.PC
	if !pc.PrincipalComponents(x, nil) {
		return nil, errors.New("no principal components")
	}
	var axes, scores mat.Dense
	pc.VectorsTo(&axes)
	if _, have := axes.Dims(); have < k {
		return nil, fmt.Errorf("%d rows have %d principal components; %d are needed", m.Rows, have, k)
	}
	scores.Mul(x, axes.Slice(0, m.Cols, 0, k))
	rows := make([]float32, m.Rows*k)
	for c := range k {
		column := mat.Col(nil, c, &scores)
		mean := stat.Mean(column, nil)
		for i, v := range column {
			rows[i*k+c] = float32(v - mean)
		}
	}
	return rows, nil
}

// readSpecies numbers the words in the column of the species by their first row, in the last n rows of the file.
func readSpecies(path string, n int) ([]int, error) {
	in, err := openInput(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if err := skipBOM(in); err != nil {
		return nil, err
	}
	var words []string
	for r := csv.NewReader(in); ; {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(fields) <= irisSpecies {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("%s: row %d has %d columns; the species is in column %d", path, line, len(fields), irisSpecies+1)
		}
		words = append(words, fields[irisSpecies])
	}
	number, labels := map[string]int{}, []int{}
	for _, w := range words[max(0, len(words)-n):] {
		if _, ok := number[w]; !ok {
			number[w] = len(number)
		}
		labels = append(labels, number[w])
	}
	return labels, nil
}

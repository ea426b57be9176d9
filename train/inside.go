package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
)

// InsideCounts says how many training rows of each class lie in each ellipsoid of a model: [ellipsoid][class]. Rows in two ellipsoids count
// in both.
type InsideCounts [][]int

// countInside counts the rows of a labelled set, nil where the model is not ellipsoids or the rows have no classes. Each class in turn
// takes the ellipsoid that holds most of it among those left, so that the diagonal is of classes in their own.
func countInside(obj generative.Objective, ds *data.Dataset) InsideCounts {
	model, ok := obj.(interface{ Inside(x []float32) []bool })
	if !ok || len(ds.Labels) == 0 {
		return nil
	}
	row, classes := make([]float32, ds.Dim), slices.Max(ds.Labels)+1
	var counts InsideCounts
	for i := range ds.N {
		ds.Row(row, i)
		inside := model.Inside(row)
		if inside == nil {
			return nil
		}
		for len(counts) < len(inside) {
			counts = append(counts, make([]int, classes))
		}
		for c, in := range inside {
			if in {
				counts[c][ds.Labels[i]]++
			}
		}
	}
	for class := range min(classes, len(counts)) {
		own := class
		for c := class; c < len(counts); c++ {
			if counts[c][class] > counts[own][class] {
				own = c
			}
		}
		counts[class], counts[own] = counts[own], counts[class]
	}
	return counts
}

// String returns the counts, a line an ellipsoid.
func (n InsideCounts) String() string {
	var b strings.Builder
	for c, row := range n {
		fmt.Fprintf(&b, "  ellipsoid %d  ", c+1)
		for _, count := range row {
			fmt.Fprintf(&b, "%5d", count)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

package study

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/report"
)

// A Study is something to measure over a grid. Its exported fields are its settings: a folder that holds lines of other settings is
// refused. The studies that are built in are listed by [All]; another one is a type with these methods.
type Study interface {
	Name() string    // of the command and the files
	Summary() string // a line of what it shows

	// Columns returns the columns that name a point of the grid, and those of what is measured there.
	Columns() (keys, values []string)

	// Points returns the grid. No two points have the same key.
	Points() []Point

	// Figure draws a complete table.
	Figure(t *Table) (report.Figure, error)

	// Findings says in a line each what a complete table shows, with numbers.
	Findings(t *Table) []string
}

// A Point is a point of a grid.
type Point struct {
	Key []string // a field for each key column

	// Measure returns a number for each value column, NaN for one that does not exist. It is a function of the point and the
	// settings, for any runner (times excepted), and returns soon after the end of ctx.
	Measure func(ctx context.Context, run kernels.Runner) ([]float64, error)
}

// All returns the studies in the order of the help text, with their default grids.
func All(seed uint64) []Study {
	return []Study{
		NewInterpolation(seed),
		NewSensitivity(seed),
		NewGradient(seed),
		NewSampleComplexity(seed),
		NewConvergence(seed),
		NewPrimalDual(seed),
		NewOracleAccuracy(seed),
		NewOracleRobustness(seed),
	}
}

// Find returns the study of a name with its default grid.
func Find(name string, seed uint64) (Study, error) {
	var names []string
	for _, s := range All(seed) {
		if s.Name() == name {
			return s, nil
		}
		names = append(names, s.Name())
	}
	return nil, fmt.Errorf("study: there is no study %q, want one of %s", name, strings.Join(names, ", "))
}

// number writes a float64 so that it reads back exactly.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

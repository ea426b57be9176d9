package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// An otOutput is a file that a flag asks for.
type otOutput struct {
	flag, path string
	ext        string // of its format
	isPlan     bool   // it holds n x m numbers
}

// foreignFormats are endings of formats that no output but one of that ending has; any other ending, or none, is as good as another.
var foreignFormats = []string{".csv", ".npy", ".npz", ".png", ".json", ".jpg", ".pdf", ".svg"}

// misnamed reports whether the file's name promises another format.
func (out otOutput) misnamed() bool {
	ext := strings.ToLower(filepath.Ext(out.path))
	return ext != out.ext && slices.Contains(foreignFormats, ext)
}

func (o *otOptions) outputs() []otOutput {
	return []otOutput{
		{"potentials", o.potentials, ".npz", false},
		{"plan", o.plan, ".npy", true},
		{"grad", o.gradient, ".npy", o.costMatrix != ""},
		{"map", o.barycentric, ".npy", false},
		{"assign", o.assign, ".csv", false},
		{"pairs", o.pairs, ".csv", false},
		{"plot", o.plot, ".png", false},
	}
}

// An otFile is a file to write.
type otFile struct {
	path  string
	write func(io.Writer) error
}

// write writes the files that were asked for, each in one step. A result that overflowed, which notConverged then tells, is not written.
func (o *otOptions) write(answer otAnswer, r *otReport, notConverged error) error {
	for _, f := range answer.files(o) {
		if f.path == "" {
			continue
		}
		if !r.Value.finite() {
			return errors.Join(fmt.Errorf("%s is not written, for the result is not finite; raise eps or --max-iter", f.path), notConverged)
		}
		if err := atomicfile.Write(f.path, f.write); err != nil {
			return err
		}
	}
	return nil
}

func (s *otSolution[T]) files(o *otOptions) []otFile {
	gradient := s.writeGradient
	if s.in.c != nil {
		gradient = s.writePlan
	}
	return []otFile{
		{o.potentials, s.writePotentials}, {o.plan, s.writePlan}, {o.gradient, gradient}, {o.barycentric, s.writeMap}, {o.assign, s.writeAssignment},
		{o.pairs, s.writePairs}, {o.plot, s.writePlot},
	}
}

// writePotentials writes f and g, shifted against each other so that <a,f> = <b,g> where that changes nothing, in a balanced problem.
func (s *otSolution[T]) writePotentials(w io.Writer) error {
	own, b := s.xy.Problem().Weights()
	a, err := s.gather(own)
	if err != nil {
		return err
	}
	all, err := s.gather(s.xy.F)
	if err != nil {
		return err
	}
	shift := 0.
	if !s.o.reach.given() {
		shift = (weighted(b, s.xy.G) - weighted(a, all)) / 2
	}
	return writePotentials(w, all, s.xy.G, shift)
}

// writePotentials writes f + shift and g - shift.
func writePotentials(w io.Writer, f, g []float64, shift float64) error {
	z := data.NewNPZWriter(w)
	if err := z.Vector("f", plus(f, shift)); err != nil {
		return err
	}
	if err := z.Vector("g", plus(g, -shift)); err != nil {
		return err
	}
	return z.Close()
}

func plus(x []float64, shift float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v + shift
	}
	return y
}

// weighted returns <w,x>, in which the potential of a point without mass, which may be infinite, does not count.
func weighted(w, x []float64) (sum float64) {
	for k, v := range w {
		if v > 0 {
			sum += v * x[k]
		}
	}
	return sum
}

func (s *otSolution[T]) writePlan(w io.Writer) error {
	p := make([]float64, s.in.n*s.in.m)
	s.xy.Plan(p)
	return data.WriteNPY(w, s.in.n, s.in.m, p)
}

func (s *otSolution[T]) writeGradient(w io.Writer) error {
	own := make([]float64, s.rows()*s.in.dim)
	if s.div != nil {
		s.div.Gradient(own, s.points, s.own)
	} else {
		s.xy.Gradient(own, s.points)
	}
	g, err := s.gather(own)
	if err != nil {
		return err
	}
	return data.WriteNPY(w, s.in.n, s.in.dim, g)
}

// writeMap writes the barycentric map, the mean of y under each row of the plan.
func (s *otSolution[T]) writeMap(w io.Writer) error {
	own := make([]float64, s.rows()*s.in.dim)
	s.xy.BarycentricMap(own, s.in.y, s.in.dim)
	t, err := s.gather(own)
	if err != nil {
		return err
	}
	return data.WriteNPY(w, s.in.n, s.in.dim, t)
}

// writeAssignment writes for each row its largest entry of the plan.
func (s *otSolution[T]) writeAssignment(w io.Writer) error {
	return s.writePairsOfAll(w, s.topPairs(1))
}

func (s *otSolution[T]) writePairs(w io.Writer) error { return s.writePairsOfAll(w, s.pairs()) }

// writePairsOfAll writes the pairs of all ranks, row by row.
func (s *otSolution[T]) writePairsOfAll(w io.Writer, own []sinkhorn.Pair) error {
	pairs, err := s.gatherPairs(own)
	if err != nil {
		return err
	}
	return writePairs(w, pairs)
}

// pairs returns what --pairs asks for, of the rows of this rank.
func (s *otSolution[T]) pairs() []sinkhorn.Pair {
	count := s.o.pairsCount
	if s.o.pairsMode == pairsSample {
		if count == 0 {
			count = s.in.n
		}
		return s.xy.Sample(random.New(s.o.seed, "pairs").Rand, count)
	}
	if count == 0 {
		count = defaultPartners
	}
	return s.topPairs(count)
}

// topPairs returns up to k partners of each row of this rank, row by row.
func (s *otSolution[T]) topPairs(k int) []sinkhorn.Pair {
	k = min(k, s.in.m)
	columns, p := s.xy.TopK(k)
	pairs := make([]sinkhorn.Pair, 0, len(columns))
	for e, j := range columns {
		if j >= 0 {
			pairs = append(pairs, sinkhorn.Pair{I: e / k, J: j, P: p[e]})
		}
	}
	return pairs
}

func writePairs(w io.Writer, pairs []sinkhorn.Pair) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "i,j,p")
	for _, q := range pairs {
		fmt.Fprintf(out, "%d,%d,%s\n", q.I, q.J, strconv.FormatFloat(q.P, 'g', -1, 64))
	}
	return out.Flush()
}

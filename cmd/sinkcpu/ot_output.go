package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// An otOutput is a file that a flag asks for.
type otOutput struct {
	flag, path string
	isPlan     bool // it holds n x m numbers
}

func (o *otOptions) outputs() []otOutput {
	return []otOutput{
		{"potentials", o.potentials, false},
		{"plan", o.plan, true},
		{"grad", o.gradient, o.costMatrix != ""},
		{"map", o.barycentric, false},
		{"assign", o.assign, false},
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
	}
}

// writePotentials writes f and g, shifted against each other so that <a,f> = <b,g> where that changes nothing, in a balanced problem.
func (s *otSolution[T]) writePotentials(w io.Writer) error {
	a, b := s.xy.Problem().Weights()
	shift := 0.
	if !s.o.reach.given() {
		shift = (weighted(b, s.xy.G) - weighted(a, s.xy.F)) / 2
	}
	f, g := make([]float64, len(a)), make([]float64, len(b))
	for i, v := range s.xy.F {
		f[i] = v + shift
	}
	for j, v := range s.xy.G {
		g[j] = v - shift
	}
	z := data.NewNPZWriter(w)
	if err := z.Vector("f", f); err != nil {
		return err
	}
	if err := z.Vector("g", g); err != nil {
		return err
	}
	return z.Close()
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
	g := make([]float64, s.in.n*s.in.dim)
	if s.div != nil {
		s.div.Gradient(g, s.points, s.own)
	} else {
		s.xy.Gradient(g, s.points)
	}
	return data.WriteNPY(w, s.in.n, s.in.dim, g)
}

// writeMap writes the barycentric map, the mean of y under each row of the plan.
//
//	T_i = (P y)_i / (P 1)_i
func (s *otSolution[T]) writeMap(w io.Writer) error {
	in := s.in
	t := make([]float64, in.n*in.dim)
	s.eachRow(func(i int, log []float64) {
		top, row := kernels.Max(log), t[i*in.dim:(i+1)*in.dim]
		var sum float64
		for j, v := range log {
			p := math.Exp(v - top)
			sum += p
			kernels.Axpy(row, p, in.y[j*in.dim:(j+1)*in.dim])
		}
		kernels.Scale(row, 1/sum)
	})
	return data.WriteNPY(w, in.n, in.dim, t)
}

// writeAssignment writes for each row i its largest entry p = P_ij, the first where several are; a row without any is left out.
func (s *otSolution[T]) writeAssignment(w io.Writer) error {
	partner, p := make([]int, s.in.n), make([]float64, s.in.n)
	a, _ := s.xy.Problem().Weights()
	s.eachRow(func(i int, log []float64) {
		best := math.Inf(-1)
		partner[i] = -1
		for j, v := range log {
			if v > best {
				best, partner[i] = v, j
			}
		}
		if a[i] > 0 {
			p[i] = a[i] * math.Exp(best+s.xy.F[i]/s.xy.Eps())
		}
	})
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "i,j,p")
	for i, j := range partner {
		if j >= 0 {
			fmt.Fprintf(out, "%d,%d,%s\n", i, j, strconv.FormatFloat(p[i], 'g', -1, 64))
		}
	}
	return out.Flush()
}

// eachRow shows visit, for every row i, the logarithms of its entries of the plan up to its weight and potential:
//
//	log_j = log b_j + (g_j - C_ij)/eps = log P_ij - log a_i - f_i/eps
//
// They tell apart the entries of a row whatever its weight, and do not underflow. Rows come at once; visit may overwrite log.
func (s *otSolution[T]) eachRow(visit func(i int, log []float64)) {
	r, n, m := s.xy, s.in.n, s.in.m
	a, b := r.Problem().Weights()
	u, v := shifts(r.Problem().Cost(), n, m)
	count := parallel.Chunks(len(a), 1+16384/m, 256)
	s.pool.For(count, func(k int) {
		log, buf := make([]float64, m), make([]T, m)
		lo, hi := parallel.Chunk(n, count, k)
		for i := lo; i < hi; i++ {
			c, _ := r.Problem().Cost().Tile(buf, i, i+1, 0, m)
			for j := range log {
				log[j] = math.Log(b[j])
				if b[j] > 0 {
					log[j] += (r.G[j] - v[j] - (float64(c[j]) + u[i])) / r.Eps()
				}
			}
			visit(i, log)
		}
	})
}

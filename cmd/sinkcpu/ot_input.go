package main

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// otInput is what a problem is made of: points or a matrix of costs, and weights.
type otInput struct {
	n, m, dim int // dim is 0 for a matrix
	names     [2]string
	x, y      []float64
	ground    logsumexp.Ground // of points
	c         []float64        // n x m, nil for points
	cxx, cyy  []float64
	a, b      []float64 // nil means uniform
	massX     float64
	massY     float64
	g         []float64 // to start from, or nil
}

// read reads and checks all input.
func (o *otOptions) read(r io.Reader, args []string) (*otInput, error) {
	in := new(otInput)
	var err error
	if o.costMatrix != "" {
		err = in.readMatrices(r, o)
	} else if in.ground, err = logsumexp.ParseGround(o.cost); err == nil {
		err = in.readPoints(r, args, o.columns)
	}
	if err != nil {
		return nil, err
	}
	if o.plot != "" && in.dim > 2 {
		return nil, usagef("--plot draws points of one or two dimensions, and these have %d; choose by --columns", in.dim)
	}
	if err := in.checkSize(o); err != nil {
		return nil, err
	}
	if in.a, in.massX, err = readWeights(r, o.weightsX, in.n, o.normalize); err != nil {
		return nil, err
	}
	if in.b, in.massY, err = readWeights(r, o.weightsY, in.m, o.normalize); err != nil {
		return nil, err
	}
	if !o.reach.given() && math.Abs(in.massX-in.massY) > 1e-4*max(in.massX, in.massY) {
		return nil, fmt.Errorf("the weights of X sum to %.8g (%s) and those of Y to %.8g (%s); use --normalize if only proportions matter, or --reach if mass may stay behind",
			in.massX, orUniform(o.weightsX), in.massY, orUniform(o.weightsY))
	}
	if err := in.checkPartners(o.costMatrix); err != nil {
		return nil, err
	}
	if o.init != "" {
		in.g, err = in.readPotential(o.init)
	}
	return in, err
}

func orUniform(path string) string {
	if path == "" {
		return "uniform"
	}
	return path
}

// A stoppable reader ends with its context: the read of a terminal or a pipe may wait for ever.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

// Read implements [io.Reader]. After the end of the context a read that was begun goes on in memory of its own, and is dropped.
func (s stoppable) Read(p []byte) (int, error) {
	type got struct {
		n   int
		err error
	}
	buf, done := make([]byte, len(p)), make(chan got, 1)
	go func() {
		n, err := s.r.Read(buf)
		done <- got{n, err}
	}()
	select {
	case <-s.ctx.Done():
		return 0, context.Cause(s.ctx)
	case g := <-done:
		return copy(p, buf[:g.n]), g.err
	}
}

// readArray reads a file, or the standard input where it is named -.
func readArray(r io.Reader, path string, opts data.PointsOptions) (*data.Matrix, error) {
	if path == stdin {
		return data.DecodePoints(r, "standard input", opts)
	}
	return data.ReadPoints(path, opts)
}

func (in *otInput) readPoints(r io.Reader, args []string, columns string) error {
	opts := data.PointsOptions{Columns: columns}
	x, err := readArray(r, args[0], opts)
	if err != nil {
		return err
	}
	y, err := readArray(r, args[1], opts)
	if err != nil {
		return err
	}
	if x.Cols != y.Cols {
		return fmt.Errorf("the points of %s have %d coordinates and those of %s %d; choose as many by --columns", args[0], x.Cols, args[1], y.Cols)
	}
	in.n, in.m, in.dim, in.x, in.y = x.Rows, y.Rows, x.Cols, x.Data, y.Data
	in.names = [2]string{args[0], args[1]}
	return in.checkOrigin()
}

func (in *otInput) readMatrices(r io.Reader, o *otOptions) error {
	opts := data.PointsOptions{AllowInf: true}
	c, err := readArray(r, o.costMatrix, opts)
	if err != nil {
		return err
	}
	in.n, in.m, in.c = c.Rows, c.Cols, c.Data
	in.names = [2]string{o.costMatrix}
	for _, self := range []struct {
		path, side string
		n          int
		dst        *[]float64
	}{{o.costXX, "rows", in.n, &in.cxx}, {o.costYY, "columns", in.m, &in.cyy}} {
		if self.path == "" {
			continue
		}
		c, err := readArray(r, self.path, opts)
		if err != nil {
			return err
		}
		if c.Rows != self.n || c.Cols != self.n {
			return fmt.Errorf("%s: costs of %d x %d; among the %d %s of %s they are %d x %d",
				self.path, c.Rows, c.Cols, self.n, self.side, o.costMatrix, self.n, self.n)
		}
		if err := symmetrise(c); err != nil {
			return fmt.Errorf("%s: %w", self.path, err)
		}
		*self.dst = c.Data
	}
	return nil
}

// symmetrise takes the means of entries across the diagonal where they differ by rounding, and refuses a matrix where they differ more.
func symmetrise(c *data.Matrix) error {
	n := c.Rows
	var size float64
	for _, v := range c.Data {
		if !math.IsInf(v, 0) {
			size = max(size, math.Abs(v))
		}
	}
	for i := range n {
		for j := range i {
			p, q := &c.Data[i*n+j], &c.Data[j*n+i]
			if *p == *q {
				continue
			}
			if !(math.Abs(*p-*q) <= 1e-6*size) {
				return fmt.Errorf("row %d, column %d is %g but row %d, column %d is %g; the costs of a cloud against itself are symmetric",
					i+1, j+1, *p, j+1, i+1, *q)
			}
			mean := *p/2 + *q/2
			*p, *q = mean, mean
		}
	}
	return nil
}

// readWeights returns the weights of n points and their sum; nil and 1 where no file is named.
func readWeights(r io.Reader, path string, n int, normalize bool) ([]float64, float64, error) {
	if path == "" {
		return nil, 1, nil
	}
	w, err := readArray(r, path, data.PointsOptions{})
	if err != nil {
		return nil, 0, err
	}
	if w.Cols != 1 || w.Rows != n {
		return nil, 0, fmt.Errorf("%s: %d x %d numbers; weights are one column of %d, one a point", path, w.Rows, w.Cols, n)
	}
	var sum float64
	for i, v := range w.Data {
		if v < 0 {
			return nil, 0, fmt.Errorf("%s: row %d: the weight is %g; it cannot be negative", path, i+1, v)
		}
		sum += v
	}
	if !(sum > 0) || math.IsInf(sum, 1) {
		return nil, 0, fmt.Errorf("%s: the weights sum to %g; a positive number is needed", path, sum)
	}
	if normalize {
		for i := range w.Data {
			w.Data[i] /= sum
		}
		sum = 1
	}
	return w.Data, sum, nil
}

// checkSize refuses what has to be in memory and takes more than --memory.
func (in *otInput) checkSize(o *otOptions) error {
	n, m := float64(in.n), float64(in.m)
	for _, out := range o.outputs() {
		if out.path != "" && out.isPlan && 8*n*m > float64(o.maxBytes()) {
			return usagef("--%s: the plan of %d x %d takes %.1f GiB, of at most %g; --assign and --map need no memory for it, or raise --memory",
				out.flag, in.n, in.m, 8*n*m/(1<<30), o.memory)
		}
	}
	if all := n + m; o.test != "" && 8*all*all > float64(o.maxBytes()) {
		return usagef("--test keeps the costs among all %g points, which take %.1f GiB, of at most %g; give fewer, or raise --memory", all, 8*all*all/(1<<30), o.memory)
	}
	if o.reg != regKL && 16*n*m > float64(o.maxBytes()) {
		return usagef("--reg %s solves with costs and plan in memory, and those of %d x %d take %.1f GiB, of at most %g; --reg kl needs no memory for them, or raise --memory",
			o.reg, in.n, in.m, 16*n*m/(1<<30), o.memory)
	}
	return nil
}

// checkPartners refuses a matrix in which a point with mass may go nowhere.
func (in *otInput) checkPartners(path string) error {
	column := make([]bool, in.m)
	for i := 0; i < in.n && in.c != nil; i++ {
		found := false
		for j, v := range in.c[i*in.m : (i+1)*in.m] {
			if !math.IsInf(v, 1) {
				found = found || in.b == nil || in.b[j] > 0
				column[j] = column[j] || in.a == nil || in.a[i] > 0
			}
		}
		if !found && (in.a == nil || in.a[i] > 0) {
			return fmt.Errorf("%s: row %d has mass but no column to go to; give it a finite cost or weight 0", path, i+1)
		}
	}
	for j, ok := range column {
		if in.c != nil && !ok && (in.b == nil || in.b[j] > 0) {
			return fmt.Errorf("%s: column %d has mass but no row to come from; give it a finite cost or weight 0", path, j+1)
		}
	}
	return nil
}

// readPotential reads g from a .npz. A column without mass takes no part, whatever its potential.
func (in *otInput) readPotential(path string) ([]float64, error) {
	arrays, err := data.ReadNPZ(path)
	if err != nil {
		return nil, err
	}
	for name, want := range map[string]int{"f": in.n, "g": in.m} {
		v := arrays[name]
		if v == nil {
			return nil, fmt.Errorf("%s: no array %q; it takes the potentials f and g, as --potentials writes them", path, name)
		}
		if v.Rows*v.Cols != want {
			return nil, fmt.Errorf("%s: %s has %d numbers for %d points", path, name, v.Rows*v.Cols, want)
		}
	}
	g := arrays["g"].Data
	for j, v := range g {
		switch {
		case in.b != nil && in.b[j] == 0:
			g[j] = 0
		case math.IsNaN(v) || math.IsInf(v, 0):
			return nil, fmt.Errorf("%s: g, row %d: the value is %g; a finite number is needed", path, j+1, v)
		}
	}
	return g, nil
}

// errorf returns an error that names the files of the costs.
func (in *otInput) errorf(format string, args ...any) error {
	name := in.names[0]
	if in.names[1] != "" {
		name += " and " + in.names[1]
	}
	return fmt.Errorf("%s: %w", name, fmt.Errorf(format, args...))
}

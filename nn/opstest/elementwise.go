package opstest

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// memory checks Alloc, Upload, Download, Copy and Zero.
func (s *suite[T]) memory(t *testing.T) {
	for _, n := range []int{0, 1, 3, 1000, 100003} {
		x := nn.TensorIn(s.ops.Alloc(n), 0, n)
		for i, v := range values(s.ops, x) {
			if v != 0 {
				t.Fatalf("element %d of %d is %v before anything was written", i, n, v)
			}
		}
		host := make([]T, n)
		for i := range host {
			host[i] = T(i) - 7
		}
		if n > 2 {
			host[0], host[1], host[2] = T(math.NaN()), T(math.Inf(-1)), T(math.Copysign(0, -1))
		}
		s.ops.Upload(x, host)
		y := nn.TensorIn(s.ops.Alloc(n), 0, n)
		s.ops.Copy(y, x)
		s.ops.Zero(x)
		if !bitsEqual(values(s.ops, y), host) || !bitsEqual(y.Values(), host) {
			t.Fatalf("%d elements are not what was uploaded", n)
		}
		if !bitsEqual(values(s.ops, x), make([]T, n)) {
			t.Fatalf("Zero leaves elements of %d", n)
		}
		x.SetValues(host)
		if !bitsEqual(values(s.ops, x), host) {
			t.Fatalf("%d elements are not what SetValues was given", n)
		}
	}
}

// A mapping is an element-wise method: its destination is operand 0, which may be any of the sources of the same size.
type mapping[T kernels.Float] struct {
	operation[T]
	sources  int
	floor    float64 // of the size of an element
	c        float64 // unit roundoffs
	inPlace  bool    // operand 0 is a source too
	backward bool    // of an activation, where operand 2 is its output or its input
}

func mappings[T kernels.Float]() []mapping[T] {
	return []mapping[T]{
		{operation: operation[T]{"Scale", scale[T], scale[float64]}, c: 1, inPlace: true},
		{operation: operation[T]{"Axpy", axpy[T], axpy[float64]}, sources: 1, c: 8, floor: 1, inPlace: true},
		{operation: operation[T]{"Mul", mul[T], mul[float64]}, sources: 2, c: 1},
		{operation: operation[T]{"Clamp", clamp[T], clamp[float64]}, inPlace: true},
		{operation: operation[T]{"LeakyReLU", leakyReLU[T], leakyReLU[float64]}, sources: 1, c: 1},
		{operation: operation[T]{"LeakyReLUBackward", leakyReLUBackward[T], leakyReLUBackward[float64]}, sources: 2, c: 1, backward: true},
		{operation: operation[T]{"Softplus", softplus[T], softplus[float64]}, sources: 1, c: 8, floor: 1},
		{operation: operation[T]{"SoftplusBackward", softplusBackward[T], softplusBackward[float64]}, sources: 2, c: 16, floor: 4, backward: true},
		{operation: operation[T]{"Sigmoid", sigmoid[T], sigmoid[float64]}, sources: 1, c: 8, floor: 1},
		{operation: operation[T]{"SigmoidBackward", sigmoidBackward[T], sigmoidBackward[float64]}, sources: 2, c: 16, floor: 1, backward: true},
		{operation: operation[T]{"Tanh", tanh[T], tanh[float64]}, sources: 1, c: 8, floor: 1},
		{operation: operation[T]{"TanhBackward", tanhBackward[T], tanhBackward[float64]}, sources: 2, c: 16, floor: 4, backward: true},
		{operation: operation[T]{"ELU", elu[T], elu[float64]}, sources: 1, c: 8, floor: 1},
		{operation: operation[T]{"ELUBackward", eluBackward[T], eluBackward[float64]}, sources: 2, c: 16, floor: 4, backward: true},
		{operation: operation[T]{"GELU", gelu[T], gelu[float64]}, sources: 1, c: 8, floor: 1},
		{operation: operation[T]{"GELUBackward", geluBackward[T], geluBackward[float64]}, sources: 2, c: 16, floor: 4, backward: true},
		{operation: operation[T]{"SiLU", silu[T], silu[float64]}, sources: 1, c: 8, floor: 1},
		{operation: operation[T]{"SiLUBackward", siluBackward[T], siluBackward[float64]}, sources: 2, c: 16, floor: 4, backward: true},
	}
}

func scale[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.Scale(x[0], U(a.alpha))
	return 0
}
func axpy[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.Axpy(x[0], U(a.alpha), x[1])
	return 0
}
func mul[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.Mul(x[0], x[1], x[2])
	return 0
}
func clamp[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.Clamp(x[0], -U(a.alpha), U(a.alpha))
	return 0
}
func leakyReLU[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.LeakyReLU(x[0], x[1], U(a.alpha))
	return 0
}
func leakyReLUBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.LeakyReLUBackward(x[0], x[1], x[2], U(a.alpha))
	return 0
}
func softplus[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.Softplus(x[0], x[1])
	return 0
}
func softplusBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.SoftplusBackward(x[0], x[1], x[2])
	return 0
}
func sigmoid[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.Sigmoid(x[0], x[1])
	return 0
}
func sigmoidBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.SigmoidBackward(x[0], x[1], x[2])
	return 0
}
func tanh[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.Tanh(x[0], x[1])
	return 0
}
func tanhBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.TanhBackward(x[0], x[1], x[2])
	return 0
}
func elu[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.ELU(x[0], x[1], U(a.alpha))
	return 0
}
func eluBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.ELUBackward(x[0], x[1], x[2], U(a.alpha))
	return 0
}
func gelu[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.GELU(x[0], x[1])
	return 0
}
func geluBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.GELUBackward(x[0], x[1], x[2])
	return 0
}
func silu[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.SiLU(x[0], x[1])
	return 0
}
func siluBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.SiLUBackward(x[0], x[1], x[2])
	return 0
}

// special values that mappings meet. The largest come to activations only, not to their gradients.
var special = []float64{0, math.Copysign(0, -1), 1, -1, .625, -.625, .5, -.5, 1e-4, -1e-4, 17, -17, 87, -87, math.NaN()}
var extreme = []float64{math.Inf(1), math.Inf(-1), 1e30, -1e30, 89, -104, 110, -110}

// elementwise checks all mappings: on special values, on random ones of random lengths, and onto each of their sources.
func (s *suite[T]) elementwise(t *testing.T) {
	for _, m := range mappings[T]() {
		t.Run(m.name, func(t *testing.T) {
			n := len(special)
			if !m.backward {
				n += len(extreme)
			}
			s.mapping(t, m, 1, func(k int) *operand {
				o := &operand{shape: []int{n}, values: append(append([]float64{}, special...), extreme...)[:n]}
				if k == 1 && m.sources == 2 {
					o = newDraw(7).uniform(-2, 2, n)
				}
				return o
			})
			d := newDraw(3)
			s.mapping(t, m, 16, func(int) *operand { return d.uniform(-8, 8, 5, 4099) })
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(mappings[T]()).Draw(t, "mapping")
		n := rapid.IntRange(0, 3000).Draw(t, "n")
		d := newDraw(rapid.Uint64().Draw(t, "seed"))
		s.mapping(t, m, 1, func(k int) *operand {
			if k == 2 && m.backward {
				return d.uniform(0, 2, n)
			}
			return d.normal(n)
		})
	})
}

// mapping checks one mapping with operands made by fill, whose gradients have sizes up to size.
func (s *suite[T]) mapping(t failer, m mapping[T], size float64, fill func(k int) *operand) {
	t.Helper()
	var in []*operand
	first := fill(0)
	if m.inPlace {
		in = append(in, first.written())
	} else {
		in = append(in, destination(first.shape...))
	}
	for k := range m.sources {
		in = append(in, fill(k+1))
	}
	a := args{alpha: .25}
	floor := m.floor
	if m.backward {
		floor *= size * size * math.Exp(min(size, 8)/2)
	}
	s.check(t, m.operation, in, a, s.of(m.c, floor))
	plain, _ := run(t, s.ops, m.got, in, a)
	for onto := 1; onto <= m.sources && !m.inPlace; onto++ {
		again := append([]*operand{}, in...)
		again[onto] = &operand{in[onto].shape, in[onto].values, true}
		out, _ := run(t, s.ops, func(o nn.Ops[T], x []*nn.Tensor[T], a args) float64 {
			y := append([]*nn.Tensor[T]{}, x...)
			y[0] = x[onto]
			return m.got(o, y, a)
		}, again, a)
		if !bitsEqual(out[onto], plain[0]) {
			t.Fatalf("%s onto its operand %d: other bits", m.name, onto)
		}
	}
}

// rows checks what is done with the rows of a matrix.
func (s *suite[T]) rows(t *testing.T) {
	addRow := operation[T]{"AddRow", addRow[T], addRow[float64]}
	columnSums := operation[T]{"ColumnSums", columnSums[T], columnSums[float64]}
	channelSums := operation[T]{"ChannelSums", channelSums[T], channelSums[float64]}
	dot := operation[T]{"Dot", dot[T], dot[float64]}
	one := func(t failer, d draw, rows, cols, place int) {
		s.linear(t, addRow, []*operand{d.normal(rows, cols).written(), d.normal(cols)}, args{}, 1)
		s.linear(t, columnSums, []*operand{d.normal(cols).written(), d.normal(rows, cols)}, args{}, rows)
		s.linear(t, channelSums, []*operand{d.normal(cols).written(), d.normal(rows, cols, place)}, args{}, rows*place)
		s.linear(t, dot, []*operand{d.normal(rows, cols), d.normal(rows, cols)}, args{}, rows*cols)
	}
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(0, 70).Draw(t, "rows"), rapid.IntRange(0, 70).Draw(t, "cols")
		one(t, newDraw(rapid.Uint64().Draw(t, "seed")), rows, cols, rapid.IntRange(1, 30).Draw(t, "place"))
	})
	one(t, newDraw(1), 3000, 3, 7)
	one(t, newDraw(2), 2, 5000, 2)
	one(t, newDraw(3), 9, 2, 5000)

	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(0, 40).Draw(t, "rows"), rapid.IntRange(0, 300).Draw(t, "cols")
		at, from := rapid.IntRange(0, 9).Draw(t, "at"), rapid.IntRange(0, 9).Draw(t, "from")
		beta := rapid.SampledFrom([]float64{0, 1, -.5}).Draw(t, "beta")
		d := newDraw(rapid.Uint64().Draw(t, "seed"))
		y := d.normal(rows, at+cols+rapid.IntRange(0, 3).Draw(t, "beyond y")).written()
		x := d.normal(rows, from+cols+rapid.IntRange(0, 3).Draw(t, "beyond x"))
		columns := operation[T]{"AddColumns", addColumns[T](at, from, cols), addColumns[float64](at, from, cols)}
		s.check(t, columns, []*operand{y, x}, args{alpha: .25, beta: beta}, s.of(2, 4))
	})

	nan := []*operand{newDraw(4).normal(3, 4), newDraw(5).normal(3, 4)}
	nan[0].values[5] = math.NaN()
	s.check(t, dot, nan, args{}, s.of(16, 1))
	nan[0].values[5] = math.Inf(1)
	s.check(t, dot, nan, args{}, s.of(16, 1))
	s.check(t, columnSums, []*operand{newDraw(6).normal(4).written(), nan[0]}, args{}, s.of(16, 4))

	gather := operation[T]{"Gather", gather[T], gather[float64]}
	scatter := operation[T]{"ScatterAdd", scatterAdd[T], scatterAdd[float64]}
	rapid.Check(t, func(t *rapid.T) {
		rows, cols, n := rapid.IntRange(1, 100).Draw(t, "rows"), rapid.IntRange(1, 40).Draw(t, "cols"), rapid.IntRange(0, 60).Draw(t, "n")
		d := newDraw(rapid.Uint64().Draw(t, "seed"))
		index := d.integers(0, rows, n)
		s.check(t, gather, []*operand{destination(n, cols), d.normal(rows, cols), index}, args{}, s.of(0, 0))
		s.linear(t, scatter, []*operand{d.normal(rows, cols).written(), d.normal(n, cols), index}, args{}, n)
	})
}

func addRow[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.AddRow(x[0], x[1])
	return 0
}
func addColumns[U kernels.Float](at, from, cols int) method[U] {
	return func(o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
		o.AddColumns(x[0], at, U(a.beta), x[1], from, cols, U(a.alpha))
		return 0
	}
}
func columnSums[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.ColumnSums(x[0], x[1])
	return 0
}
func channelSums[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.ChannelSums(x[0], x[1])
	return 0
}
func dot[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 { return o.Dot(x[0], x[1]) }
func gather[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.Gather(x[0], x[1], x[2])
	return 0
}
func scatterAdd[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.ScatterAdd(x[0], x[1], x[2])
	return 0
}

// optimizer checks the steps of optimisers.
func (s *suite[T]) optimizer(t *testing.T) {
	adam := operation[T]{"Adam", adam[T], adam[float64]}
	rms := operation[T]{"RMSProp", rmsProp[T], rmsProp[float64]}
	for _, n := range []int{0, 1, 777, 20011} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			d := newDraw(uint64(n))
			in := []*operand{d.normal(n).written(), d.normal(n), d.normal(n).written(), d.uniform(.01, 1, n).written()}
			s.check(t, adam, in, args{}, s.of(32, 4))
			in = []*operand{d.normal(n).written(), d.normal(n), d.uniform(.01, 1, n).written(), d.normal(n).written()}
			s.check(t, rms, in, args{}, s.of(64, 16))
			s.check(t, rms, append(in[:3:3], nil), args{}, s.of(64, 16))
		})
	}
}

func adam[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.Adam(x[0], x[1], x[2], x[3], &kernels.AdamStep[U]{Beta1: .875, Beta2: .9375, StepSize: .125, InvSqrtBias2: 1.5, Eps: 0x1p-20, WeightDecay: 0x1p-7})
	return 0
}
func rmsProp[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.RMSProp(x[0], x[1], x[2], x[3], &nn.RMSPropStep[U]{Rate: .125, Decay: .875, Eps: 0x1p-10, Momentum: .5, WeightDecay: 0x1p-7})
	return 0
}

// Package opstest tests tables of operations, as testing/fstest tests file systems: whoever writes an [nn.Ops] for a device runs [Run] on it.
package opstest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// Run tests every method of a table against the table of the host in float64, on listed and on random shapes: values within bounds that
// follow from the rounding of T, NaN and infinities, tensors of no elements, destinations that are sources where that is allowed, nothing
// written beside the destinations, the same bits from call to call, panics on what does not fit, and, where the table has
// [nn.FusedOps], the same bits as those of the operations one after the other, and [nn.SquaresOps] against Dot.
//
// Bounds are multiples of the unit roundoff of T: for a sum of products the number of its terms, times the sum of their magnitudes, which
// holds for any order of summation; elsewhere a small number, times the size of what is computed.
func Run[T kernels.Float](t *testing.T, ops nn.Ops[T]) {
	s := &suite[T]{ops: ops, host: nn.NewCPU[float64](nil), u: math.Ldexp(1, -53)}
	if _, single := any(T(0)).(float32); single {
		s.u = math.Ldexp(1, -24)
	}
	for _, test := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"Memory", s.memory}, {"Elementwise", s.elementwise}, {"Rows", s.rows}, {"Gemm", s.gemm}, {"Conv", s.conv}, {"Norm", s.norm},
		{"Pool", s.pool}, {"Loss", s.loss}, {"Optimizer", s.optimizer}, {"Fused", s.fused}, {"Squares", s.squares}, {"Panics", s.panics},
	} {
		t.Run(test.name, test.run)
	}
}

// A failer is a test, of package testing or of rapid.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

type suite[T kernels.Float] struct {
	ops  nn.Ops[T]
	host *nn.CPU[float64]
	u    float64 // unit roundoff of T
}

// args are what operations take beside tensors.
type args struct {
	alpha, beta, eps float64
	transA, transB   bool
	batch            bool
	g                nn.ConvGeometry
	factor           int
}

// A method calls one operation on tensors and returns its result, 0 without one.
type method[U kernels.Float] func(ops nn.Ops[U], x []*nn.Tensor[U], a args) float64

// An operation is a method on the table that is tested and on the host's in float64.
type operation[T kernels.Float] struct {
	name string
	got  method[T]
	want method[float64]
}

// An operand is a tensor before a call. A nil one is absent.
type operand struct {
	shape  []int
	values []float64
	writes bool
}

// A bound is the greatest error of element i of operand k, or of the result, which is element 0 of operand -1.
type bound func(k, i int, want float64) float64

// of returns a bound of c unit roundoffs of |want| + floor.
func (s *suite[T]) of(c, floor float64) bound {
	return func(_, _ int, want float64) float64 { return c * s.u * (math.Abs(want) + floor) }
}

// margin is the number of elements on each side of a tensor that must not change, and guard their value.
const (
	margin = 5
	guard  = -77
)

// place returns a tensor of the values in the middle of a storage.
func place[U kernels.Float](ops nn.Ops[U], x *operand) *nn.Tensor[U] {
	if x == nil {
		return nil
	}
	n := len(x.values)
	store := ops.Alloc(n + 2*margin)
	all := make([]U, n+2*margin)
	for i := range all {
		all[i] = guard
	}
	for i, v := range x.values {
		all[margin+i] = U(v)
	}
	ops.Upload(nn.TensorIn(store, 0, len(all)), all)
	return nn.TensorIn(store, margin, x.shape...)
}

// values returns a tensor's elements.
func values[U kernels.Float](ops nn.Ops[U], x *nn.Tensor[U]) []U {
	v := make([]U, x.Size())
	ops.Download(v, x)
	return v
}

// run calls a method on copies of the operands and returns what they hold then.
func run[U kernels.Float](t failer, ops nn.Ops[U], m method[U], in []*operand, a args) (out [][]U, result float64) {
	t.Helper()
	x := make([]*nn.Tensor[U], len(in))
	for k, o := range in {
		x[k] = place(ops, o)
	}
	result = m(ops, x, a)
	out = make([][]U, len(in))
	for k, o := range in {
		if o == nil {
			continue
		}
		store, _ := x[k].Storage()
		all := values(ops, nn.TensorIn(store, 0, store.Len()))
		out[k] = all[margin : margin+len(o.values)]
		for i, v := range all {
			if beside := i < margin || i >= margin+len(o.values); beside && v != guard {
				t.Fatalf("operand %d of %v: wrote %v at element %d, outside of the tensor", k, o.shape, v, i-margin)
			}
		}
		if !o.writes && !same(out[k], o.values) {
			t.Fatalf("operand %d of %v, a source, was changed", k, o.shape)
		}
	}
	return out, result
}

// same reports whether got is want rounded, NaN where NaN is.
func same[U kernels.Float](got []U, want []float64) bool {
	for i, v := range got {
		if w := U(want[i]); v != w && (v == v || w == w) {
			return false
		}
	}
	return true
}

// check compares an operation with the host's.
func (s *suite[T]) check(t failer, op operation[T], in []*operand, a args, limit bound) {
	t.Helper()
	for _, o := range in {
		if o != nil { // what T can hold
			for i, v := range o.values {
				o.values[i] = float64(T(v))
			}
		}
	}
	got, result := run(t, s.ops, op.got, in, a)
	want, wanted := run(t, nn.Ops[float64](s.host), op.want, in, a)
	for k, o := range in {
		if o == nil || !o.writes {
			continue
		}
		for i, v := range got[k] {
			if !near[T](float64(v), want[k][i], limit(k, i, want[k][i])) {
				t.Fatalf("%s of %v, %+v: element %d of operand %d is %v, want %v within %.3g", op.name, shapes(in), a, i, k, v, want[k][i], limit(k, i, want[k][i]))
			}
		}
	}
	if !near[T](result, wanted, limit(-1, 0, wanted)) {
		t.Fatalf("%s of %v, %+v: %v, want %v within %.3g", op.name, shapes(in), a, result, wanted, limit(-1, 0, wanted))
	}
	again, repeated := run(t, s.ops, op.got, in, a)
	for k := range again {
		if !bitsEqual(got[k], again[k]) || math.Float64bits(result) != math.Float64bits(repeated) {
			t.Fatalf("%s of %v, %+v: other bits when it is called again", op.name, shapes(in), a)
		}
	}
}

// near reports whether got is want within a bound; an infinity, a NaN or what overflows T must be that.
func near[T kernels.Float](got, want, limit float64) bool {
	if w := float64(T(want)); math.IsNaN(w) || math.IsInf(w, 0) {
		return math.IsNaN(w) && math.IsNaN(got) || got == w
	}
	return math.Abs(got-want) <= limit
}

func bitsEqual[T kernels.Float](x, y []T) bool {
	for i, v := range x {
		if math.Float64bits(float64(v)) != math.Float64bits(float64(y[i])) {
			return false
		}
	}
	return len(x) == len(y)
}

// shapes returns the shapes of operands.
func shapes(in []*operand) (all [][]int) {
	for _, o := range in {
		if o == nil {
			all = append(all, nil)
			continue
		}
		all = append(all, o.shape)
	}
	return all
}

// A draw makes operands whose values depend on the order of the calls only.
type draw struct{ rng *rand.Rand }

func newDraw(seed uint64) draw { return draw{rand.New(rand.NewPCG(seed, 1))} }

// normal returns standard normal values.
func (d draw) normal(shape ...int) *operand {
	o := &operand{shape: shape, values: make([]float64, product(shape))}
	for i := range o.values {
		o.values[i] = d.rng.NormFloat64()
	}
	return o
}

// uniform returns values of [lo, hi).
func (d draw) uniform(lo, hi float64, shape ...int) *operand {
	o := d.normal(shape...)
	for i := range o.values {
		o.values[i] = lo + (hi-lo)*d.rng.Float64()
	}
	return o
}

// integers returns integers from lo to hi-1.
func (d draw) integers(lo, hi int, shape ...int) *operand {
	o := d.normal(shape...)
	for i := range o.values {
		o.values[i] = float64(lo + d.rng.IntN(hi-lo))
	}
	return o
}

// spread returns values whose variance is not small in any channel or row: normal ones about -1 and 1 in turns.
func (d draw) spread(shape ...int) *operand {
	o := d.normal(shape...)
	for i, v := range o.values {
		o.values[i] = v/3 + 1 - 2*float64((i/shape[len(shape)-1]+i%shape[len(shape)-1])%2)
	}
	return o
}

// destination returns NaN, which an operation that sets its destination does not read.
func destination(shape ...int) *operand {
	o := &operand{shape: shape, values: make([]float64, product(shape)), writes: true}
	for i := range o.values {
		o.values[i] = math.NaN()
	}
	return o
}

// written returns o as a destination that is read too.
func (o *operand) written() *operand { o.writes = true; return o }

// absolute returns operands of the magnitudes, for the bound of a sum of products.
func absolute(in []*operand) []*operand {
	out := make([]*operand, len(in))
	for k, o := range in {
		if o != nil {
			out[k] = &operand{o.shape, make([]float64, len(o.values)), o.writes}
			for i, v := range o.values {
				out[k].values[i] = math.Abs(v)
			}
		}
	}
	return out
}

// linear checks a method that makes sums of terms products: the bound is that of the sums of the magnitudes.
func (s *suite[T]) linear(t failer, op operation[T], in []*operand, a args, terms int) {
	t.Helper()
	b := a
	b.alpha, b.beta = math.Abs(a.alpha), math.Abs(a.beta)
	size, result := run(t, nn.Ops[float64](s.host), op.want, absolute(in), b)
	c := float64(terms+4) * s.u
	s.check(t, op, in, a, func(k, i int, _ float64) float64 {
		if k < 0 {
			return c*result + 1e-37
		}
		return c*size[k][i] + 1e-37
	})
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A call is a kernel with arguments for rows and columns; one on vectors takes rows x cols elements. take returns an argument of n
// random values on [lo, hi), and may place it anywhere.
type call struct {
	name string
	make func(k *impl[float32], rows, cols int, take func(n int, lo, hi float32) []float32) func()
}

// vectorCall is a call with up to four vector arguments.
func vectorCall(name string, run func(k *impl[float32], x, y, z, w []float32)) call {
	return call{name, func(k *impl[float32], rows, cols int, take func(n int, lo, hi float32) []float32) func() {
		n := rows * cols
		x, y, z, w := take(n, 0, 1), take(n, 0, 1), take(n, 0, 1), take(n, 0, 1)
		return func() { run(k, x, y, z, w) }
	}}
}

// blockArgs are the arguments of a call on blocks.
type blockArgs struct {
	rows, cols, ld   int
	a, b, c          []float32 // blocks
	row1, row2       []float32
	col1, col2, col3 []float32
}

func blockCall(name string, run func(k *impl[float32], s *blockArgs)) call {
	return call{name, func(k *impl[float32], rows, cols int, take func(n int, lo, hi float32) []float32) func() {
		s := &blockArgs{ld: cols + rows%3, rows: rows, cols: cols}
		size := shape{rows: rows, cols: cols, ld: s.ld}.size()
		s.a, s.b, s.c = take(size, 0, 1), take(size, 0, 1), take(size, 0, 1)
		s.row1, s.row2 = take(rows, 0, 1), take(rows, 0, 1)
		s.col1, s.col2, s.col3 = take(cols, 0, 1), take(cols, 0, 1), take(cols, 0, 1)
		return func() { run(k, s) }
	}}
}

var step = &AdamStep[float32]{Beta1: .9, Beta2: .99, StepSize: .01, InvSqrtBias2: 2, Eps: 1e-3, WeightDecay: .01}

// calls are all kernels of the table but GEMM.
var calls = []call{
	vectorCall("exp", func(k *impl[float32], x, y, _, _ []float32) { k.exp(x, y) }),
	vectorCall("exp2", func(k *impl[float32], x, y, _, _ []float32) { k.exp2(x, y) }),
	vectorCall("softplus", func(k *impl[float32], x, y, _, _ []float32) { k.softplus(x, y) }),
	vectorCall("sigmoid", func(k *impl[float32], x, y, _, _ []float32) { k.sigmoid(x, y) }),
	vectorCall("tanh", func(k *impl[float32], x, y, _, _ []float32) { k.tanh(x, y) }),
	vectorCall("max", func(k *impl[float32], x, y, _, _ []float32) { set(x, k.max(y)) }),
	vectorCall("sum", func(k *impl[float32], x, y, _, _ []float32) { set(x, k.sum(y)) }),
	vectorCall("logSumExp", func(k *impl[float32], x, y, _, _ []float32) { set(x, k.logSumExp(y)) }),
	vectorCall("dot", func(k *impl[float32], x, y, z, _ []float32) { set(x, k.dot(y, z)) }),
	vectorCall("axpy", func(k *impl[float32], x, y, _, _ []float32) { k.axpy(x, .5, y) }),
	vectorCall("scale", func(k *impl[float32], x, _, _, _ []float32) { k.scale(x, .5) }),
	vectorCall("leakyReLU", func(k *impl[float32], x, y, _, _ []float32) { k.leakyReLU(x, y, .1) }),
	vectorCall("leakyReLUBw", func(k *impl[float32], x, y, z, _ []float32) { k.leakyReLUBw(x, y, z, .1) }),
	vectorCall("softplusBw", func(k *impl[float32], x, y, z, _ []float32) { k.softplusBw(x, y, z) }),
	vectorCall("sigmoidBw", func(k *impl[float32], x, y, z, _ []float32) { k.sigmoidBw(x, y, z) }),
	vectorCall("tanhBw", func(k *impl[float32], x, y, z, _ []float32) { k.tanhBw(x, y, z) }),
	vectorCall("adam", func(k *impl[float32], x, y, z, w []float32) { k.adam(x, y, z, w, step) }),
	vectorCall("sqrt", func(k *impl[float32], x, y, _, _ []float32) { k.sqrt(x, y) }),
	vectorCall("addNorms", func(k *impl[float32], x, y, _, _ []float32) { k.addNorms(x, -.75, y) }),
	blockCall("addSquared", func(k *impl[float32], s *blockArgs) { k.addSquared(s.col1, s.row1, s.a, s.ld) }),
	blockCall("addAbsolute", func(k *impl[float32], s *blockArgs) { k.addAbsolute(s.col1, s.row1, s.a, s.ld) }),
	blockCall("rowMax", func(k *impl[float32], s *blockArgs) { k.rowMax(s.row1, s.a, s.ld, 2, s.col1) }),
	blockCall("colMax", func(k *impl[float32], s *blockArgs) { k.colMax(s.col1, s.a, s.ld, 2, s.row1) }),
	blockCall("sweepRows", func(k *impl[float32], s *blockArgs) {
		k.sweepRows(s.a, s.ld, s.row1, s.b, s.ld, 2, s.col1, s.row2)
	}),
	blockCall("sweepRowsDot", func(k *impl[float32], s *blockArgs) {
		k.sweepRowsDot(s.a, s.ld, s.row1, s.b, s.ld, 2, s.col1, s.row2, s.col2)
	}),
	blockCall("sweepCols", func(k *impl[float32], s *blockArgs) { k.sweepCols(s.col1, s.a, s.ld, s.row1) }),
	blockCall("sweepAdjoint", func(k *impl[float32], s *blockArgs) {
		k.sweepAdjoint(s.col1, s.a, s.ld, s.b, s.ld, s.col2, s.col3, s.row1, s.row2)
	}),
	blockCall("sweepValue", func(k *impl[float32], s *blockArgs) {
		k.sweepValue(s.row1, s.col1, nil, 0, s.b, s.ld, s.c, s.ld, s.row2, 2)
	}),
	blockCall("sweepValue with gradient", func(k *impl[float32], s *blockArgs) {
		k.sweepValue(s.row1, s.col1, s.a, s.ld, s.b, s.ld, s.c, s.ld, s.row2, 2)
	}),
	blockCall("addRow", func(k *impl[float32], s *blockArgs) { k.addRow(s.a, s.ld, s.rows, s.col1) }),
	blockCall("columnSums", func(k *impl[float32], s *blockArgs) { k.columnSums(s.col1, s.a, s.ld, s.rows) }),
}

// set stores a result where a test sees it.
func set(x []float32, v float32) {
	if len(x) > 0 {
		x[0] = v
	}
}

// TestTiersAgree runs each call on the same arguments in every tier and compares all arguments afterwards with those of the reference.
func TestTiersAgree(t *testing.T) {
	for _, c := range calls {
		for _, size := range [][2]int{{0, 0}, {1, 1}, {3, 0}, {5, 37}, {9, 130}, {17, 1000}, {2, 5000}} {
			var want []float32
			for _, k := range tables32 {
				rng := newRand()
				var all [][]float32
				run := c.make(k, size[0], size[1], func(n int, lo, hi float32) []float32 {
					all = append(all, random(rng, n, lo, hi))
					return all[len(all)-1]
				})
				run()
				var got []float32
				for _, x := range all {
					got = append(got, x...)
				}
				if k.tier == Generic {
					want = got
					continue
				}
				for i, v := range got {
					if err := math.Abs(float64(v) - float64(want[i])); v != want[i] && !(err <= 1e-5*(1+math.Abs(float64(want[i])))) {
						t.Fatalf("%s, %v: argument element %d is %v in tier %v and %v in tier generic", c.name, size, i, v, k.tier, want[i])
					}
				}
			}
		}
	}
}

// TestDeterminism runs each call twice at other addresses.
func TestDeterminism(t *testing.T) {
	for _, c := range calls {
		for _, k := range tables32 {
			var first []float32
			for off := range 2 {
				rng := newRand()
				var all [][]float32
				run := c.make(k, 7, 333, func(n int, lo, hi float32) []float32 {
					x := make([]float32, n+off)[off:]
					copy(x, random(rng, n, lo, hi))
					all = append(all, x)
					return x
				})
				run()
				var got []float32
				for _, x := range all {
					got = append(got, x...)
				}
				if off == 0 {
					first = got
				} else {
					same(t, c.name+" at another address", got, first)
				}
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	for _, c := range calls {
		for _, k := range tables32 {
			run := c.make(k, 6, 300, func(n int, lo, hi float32) []float32 { return make([]float32, n) })
			if n := testing.AllocsPerRun(10, run); n != 0 {
				t.Errorf("%s in tier %v: %v allocations", c.name, k.tier, n)
			}
		}
	}
}

// TestAliasing runs the element-wise kernels with the destination in place of each source that the documentation allows.
func TestAliasing(t *testing.T) {
	unary := map[string]func(k *impl[float32], dst, x []float32){
		"exp":       func(k *impl[float32], dst, x []float32) { k.exp(dst, x) },
		"exp2":      func(k *impl[float32], dst, x []float32) { k.exp2(dst, x) },
		"softplus":  func(k *impl[float32], dst, x []float32) { k.softplus(dst, x) },
		"sigmoid":   func(k *impl[float32], dst, x []float32) { k.sigmoid(dst, x) },
		"tanh":      func(k *impl[float32], dst, x []float32) { k.tanh(dst, x) },
		"sqrt":      func(k *impl[float32], dst, x []float32) { k.sqrt(dst, x) },
		"leakyReLU": func(k *impl[float32], dst, x []float32) { k.leakyReLU(dst, x, .1) },
	}
	binary := map[string]func(k *impl[float32], dx, dy, y []float32){
		"leakyReLUBw": func(k *impl[float32], dx, dy, y []float32) { k.leakyReLUBw(dx, dy, y, .1) },
		"softplusBw":  func(k *impl[float32], dx, dy, y []float32) { k.softplusBw(dx, dy, y) },
		"sigmoidBw":   func(k *impl[float32], dx, dy, y []float32) { k.sigmoidBw(dx, dy, y) },
		"tanhBw":      func(k *impl[float32], dx, dy, y []float32) { k.tanhBw(dx, dy, y) },
	}
	for _, k := range tables32 {
		for _, n := range lengths() {
			rng := newRand()
			x, y, dst := random(rng, n, -3, 3), random(rng, n, 0, 1), make([]float32, n)
			for name, f := range unary {
				f(k, dst, x)
				in := append([]float32(nil), x...)
				f(k, in, in)
				same(t, name, in, dst)
			}
			for name, f := range binary {
				f(k, dst, x, y)
				dy := append([]float32(nil), x...)
				f(k, dy, dy, y)
				same(t, name+" over dy", dy, dst)
				out := append([]float32(nil), y...)
				f(k, out, x, out)
				same(t, name+" over y", out, dst)
			}
		}
	}
}

// fill sets x to random values.
func fill(rng *rand.Rand, x []float32, lo, hi float32) {
	for i := range x {
		x[i] = lo + (hi-lo)*rng.Float32()
	}
}

package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// A call is a kernel with arguments for rows and columns; one on vectors takes rows x cols elements. take returns an argument of n
// random values on [lo, hi), and may place it anywhere.
type call[T Float] struct {
	name string
	make func(k *impl[T], rows, cols int, take func(n int, lo, hi T) []T) func()
}

// vectorCall is a call with up to four vector arguments.
func vectorCall[T Float](name string, run func(k *impl[T], x, y, z, w []T)) call[T] {
	return call[T]{name, func(k *impl[T], rows, cols int, take func(n int, lo, hi T) []T) func() {
		n := rows * cols
		x, y, z, w := take(n, 0, 1), take(n, 0, 1), take(n, 0, 1), take(n, 0, 1)
		return func() { run(k, x, y, z, w) }
	}}
}

// blockArgs are the arguments of a call on blocks.
type blockArgs[T Float] struct {
	rows, cols, ld   int
	a, b, c          []T // blocks
	row1, row2       []T
	col1, col2, col3 []T
}

func blockCall[T Float](name string, run func(k *impl[T], s *blockArgs[T])) call[T] {
	return call[T]{name, func(k *impl[T], rows, cols int, take func(n int, lo, hi T) []T) func() {
		s := &blockArgs[T]{ld: cols + rows%3, rows: rows, cols: cols}
		size := shape{rows: rows, cols: cols, ld: s.ld}.size()
		s.a, s.b, s.c = take(size, 0, 1), take(size, 0, 1), take(size, 0, 1)
		s.row1, s.row2 = take(rows, 0, 1), take(rows, 0, 1)
		s.col1, s.col2, s.col3 = take(cols, 0, 1), take(cols, 0, 1), take(cols, 0, 1)
		return func() { run(k, s) }
	}}
}

// windowsCall is a call on the windows of an image of which rows x cols is a sixteenth at most.
func windowsCall[T Float](name string, run func(k *impl[T], windows, image []T, rows, cols int)) call[T] {
	return call[T]{name, func(k *impl[T], rows, cols int, take func(n int, lo, hi T) []T) func() {
		rows, cols = (rows+3)/4, cols/2
		windows, image := take(16*(rows*cols+rows%2), 0, 1), take(4*rows*cols, 0, 1)
		return func() { run(k, windows, image, rows, cols) }
	}}
}

// winogradCalls are the calls of a kernel for each map and shape, on vectors of up to 150 elements.
func winogradCalls[T Float](name string, kernel func(k *impl[T]) *winogradKernels[T]) (calls []call[T]) {
	for m := range winogradMaps {
		for s := range winogradShapes {
			if s > 0 && winogradWhole(m) {
				continue
			}
			down, across := s.sides(m)
			calls = append(calls, call[T]{fmt.Sprintf("%s, map %d, %d x %d", name, m, down, across), func(k *impl[T], rows, cols int, take func(n int, lo, hi T) []T) func() {
				n, gap := min(cols, 150), rows%2
				ld := n + gap
				points := winogradPoints*(winogradLines(m, down)-1) + winogradLines(m, across)
				v, x := take((points-1)*ld+n, 0, 1), take((down*across-1)*ld+n, 0, 1)
				return func() {
					if n > 0 {
						kernel(k)[m][s](v, ld, x, across*ld, ld, n)
					}
				}
			}})
		}
	}
	return calls
}

func step[T Float]() *AdamStep[T] {
	return &AdamStep[T]{Beta1: .9, Beta2: .99, StepSize: .01, InvSqrtBias2: 2, Eps: 1e-3, WeightDecay: .01}
}

func rmspropStep[T Float]() *RMSPropStep[T] {
	return &RMSPropStep[T]{Rate: .01, Decay: .9, Eps: 1e-3, Momentum: .5, WeightDecay: .01}
}

// calls are all kernels of the table but GEMM.
func calls[T Float]() []call[T] {
	adam, rms := step[T](), rmspropStep[T]()
	all := []call[T]{
		vectorCall("exp", func(k *impl[T], x, y, _, _ []T) { k.exp(x, y) }),
		vectorCall("exp2", func(k *impl[T], x, y, _, _ []T) { k.exp2(x, y) }),
		vectorCall("expm1", func(k *impl[T], x, y, _, _ []T) { k.expm1(x, y) }),
		vectorCall("log", func(k *impl[T], x, y, _, _ []T) { k.log(x, y) }),
		vectorCall("log2", func(k *impl[T], x, y, _, _ []T) { k.log2(x, y) }),
		vectorCall("log1p", func(k *impl[T], x, y, _, _ []T) { k.log1p(x, y) }),
		vectorCall("softplus", func(k *impl[T], x, y, _, _ []T) { k.softplus(x, y) }),
		vectorCall("sigmoid", func(k *impl[T], x, y, _, _ []T) { k.sigmoid(x, y) }),
		vectorCall("tanh", func(k *impl[T], x, y, _, _ []T) { k.tanh(x, y) }),
		vectorCall("max", func(k *impl[T], x, y, _, _ []T) { set(x, k.max(y)) }),
		vectorCall("sum", func(k *impl[T], x, y, _, _ []T) { set(x, k.sum(y)) }),
		vectorCall("logSumExp", func(k *impl[T], x, y, _, _ []T) { set(x, k.logSumExp(y)) }),
		vectorCall("dot", func(k *impl[T], x, y, z, _ []T) { set(x, k.dot(y, z)) }),
		vectorCall("expSum", func(k *impl[T], x, y, z, _ []T) { set(z, k.expSum(x, y, 1)) }),
		vectorCall("axpy", func(k *impl[T], x, y, _, _ []T) { k.axpy(x, .5, y) }),
		vectorCall("scale", func(k *impl[T], x, _, _, _ []T) { k.scale(x, .5) }),
		vectorCall("leakyReLU", func(k *impl[T], x, y, _, _ []T) { k.leakyReLU(x, y, .1) }),
		vectorCall("leakyReLUBw", func(k *impl[T], x, y, z, _ []T) { k.leakyReLUBw(x, y, z, .1) }),
		vectorCall("softplusBw", func(k *impl[T], x, y, z, _ []T) { k.softplusBw(x, y, z) }),
		vectorCall("sigmoidBw", func(k *impl[T], x, y, z, _ []T) { k.sigmoidBw(x, y, z) }),
		vectorCall("tanhBw", func(k *impl[T], x, y, z, _ []T) { k.tanhBw(x, y, z) }),
		vectorCall("adam", func(k *impl[T], x, y, z, w []T) { k.adam(x, y, z, w, adam) }),
		vectorCall("sqrt", func(k *impl[T], x, y, _, _ []T) { k.sqrt(x, y) }),
		vectorCall("addNorms", func(k *impl[T], x, y, _, _ []T) { k.addNorms(x, -.75, y) }),
		blockCall("squared", func(k *impl[T], s *blockArgs[T]) {
			k.squared(s.a, s.ld, s.row1, 1, s.col1, s.cols, s.rows, s.cols, 1)
		}),
		blockCall("absolute, dimension of rows", func(k *impl[T], s *blockArgs[T]) {
			if s.rows > 0 {
				k.absolute(s.col1, s.cols, s.row1, s.rows, s.a, s.ld, 1, s.cols, s.rows)
			}
		}),
		blockCall("addSquared", func(k *impl[T], s *blockArgs[T]) { k.addSquared(s.col1, s.row1, s.a, s.ld) }),
		blockCall("addAbsolute", func(k *impl[T], s *blockArgs[T]) { k.addAbsolute(s.col1, s.row1, s.a, s.ld) }),
		blockCall("rowMax", func(k *impl[T], s *blockArgs[T]) { k.rowMax(s.row1, s.a, s.ld, 2, s.col1) }),
		blockCall("colMax", func(k *impl[T], s *blockArgs[T]) { k.colMax(s.col1, s.a, s.ld, 2, s.row1) }),
		blockCall("sweepRows", func(k *impl[T], s *blockArgs[T]) {
			k.sweepRows(s.a, s.ld, s.row1, s.b, s.ld, 2, s.col1, s.row2)
		}),
		blockCall("sweepRowsDot", func(k *impl[T], s *blockArgs[T]) {
			k.sweepRowsDot(s.a, s.ld, s.row1, s.b, s.ld, 2, s.col1, s.row2, s.col2)
		}),
		blockCall("sweepCols", func(k *impl[T], s *blockArgs[T]) { k.sweepCols(s.col1, s.a, s.ld, s.row1) }),
		blockCall("sweepScale", func(k *impl[T], s *blockArgs[T]) {
			for r := range s.row2 {
				s.row2[r] = max(s.row2[r], .5)
			}
			k.sweepScale(s.row1, s.row2, s.a, s.ld, s.col1, s.col2, s.row2)
		}),
		blockCall("sweepScale in pairs", func(k *impl[T], s *blockArgs[T]) {
			n := max(0, s.rows-2)
			copy(s.row1, s.row2)
			if s.cols > 0 {
				k.sweepScale2(s.row1[:n/2*2], s.a, s.ld, s.col1, s.col2, s.row2[:n/2*2], s.row1[min(s.rows, 2):][:n/2*2])
			}
		}),
		blockCall("sweepAdjoint", func(k *impl[T], s *blockArgs[T]) {
			k.sweepAdjoint(s.col1, s.a, s.ld, s.b, s.ld, s.col2, s.col3, s.row1, s.row2)
		}),
		blockCall("sweepValue", func(k *impl[T], s *blockArgs[T]) {
			k.sweepValue(s.row1, s.col1, nil, 0, s.b, s.ld, s.c, s.ld, s.row2, 2)
		}),
		blockCall("sweepValue with gradient", func(k *impl[T], s *blockArgs[T]) {
			k.sweepValue(s.row1, s.col1, s.a, s.ld, s.b, s.ld, s.c, s.ld, s.row2, 2)
		}),
		blockCall("addRow", func(k *impl[T], s *blockArgs[T]) { k.addRow(s.a, s.ld, s.rows, s.col1) }),
		vectorCall("cosineSums", func(k *impl[T], x, y, z, w []T) {
			xy, xx, yy := k.cosineSums(y, z)
			set(x, xy)
			set(w, xx/yy)
		}),
		vectorCall("cosineDistances", func(k *impl[T], x, y, _, _ []T) { k.cosineDistances(x, .75, y) }),
		vectorCall("squaredDeviations", func(k *impl[T], x, y, _, _ []T) { set(x, k.squaredDeviations(y, .5)) }),
		vectorCall("deviationProducts", func(k *impl[T], x, y, z, w []T) {
			sum, product := k.deviationProducts(y, z, .5)
			set(x, sum)
			set(w, product)
		}),
		vectorCall("normalize", func(k *impl[T], x, y, _, _ []T) { k.normalize(x, y, 1.5, .5, -.25) }),
		vectorCall("normalizeBw", func(k *impl[T], x, y, z, _ []T) { k.normalizeBw(x, y, z, 1.5, -.5, .5, .25) }),
		vectorCall("normalizeRow", func(k *impl[T], x, y, z, w []T) { k.normalizeRow(x, y, .5, 1.5, z, w) }),
		vectorCall("rmsprop", func(k *impl[T], x, y, z, _ []T) { k.rmsprop(x, y, z, nil, rms) }),
		vectorCall("rmsprop with momentum", func(k *impl[T], x, y, z, w []T) { k.rmsprop(x, y, z, w, rms) }),
		vectorCall("clamp", func(k *impl[T], x, y, _, _ []T) { k.clamp(x, y, .25, .75) }),
		blockCall("addWeightedRows", func(k *impl[T], s *blockArgs[T]) { k.addWeightedRows(s.col1, s.a, s.ld, 1.5, s.row1) }),
		blockCall("ger", func(k *impl[T], s *blockArgs[T]) { k.ger(s.a, s.ld, 1.5, s.row1, s.col1) }),
		blockCall("columnSquaredDeviations", func(k *impl[T], s *blockArgs[T]) {
			k.columnSquaredDeviations(s.col1, s.a, s.ld, s.rows, s.col2)
		}),
		blockCall("columnDeviationProducts", func(k *impl[T], s *blockArgs[T]) {
			k.columnDeviationProducts(s.col1, s.col2, s.a, s.ld, s.b, s.ld, s.rows, s.col3)
		}),
		blockCall("normalizeColumns", func(k *impl[T], s *blockArgs[T]) {
			k.normalizeColumns(s.a, s.ld, s.b, s.ld, s.rows, s.col1, s.col2, s.col3)
		}),
		blockCall("normalizeColumnsBw", func(k *impl[T], s *blockArgs[T]) {
			k.normalizeColumnsBw(s.a, s.ld, s.b, s.ld, s.c, s.ld, s.rows, s.col1, s.col2, s.col3, s.col1)
		}),
		blockCall("addRowLeakyReLU", func(k *impl[T], s *blockArgs[T]) { k.addRowLeakyReLU(s.a, s.ld, s.rows, s.col1, .25) }),
		windowsCall("gatherWindows", func(k *impl[T], windows, image []T, rows, cols int) {
			k.gatherWindows(windows, rows*cols+rows%2, image, rows, cols)
		}),
		windowsCall("scatterWindows", func(k *impl[T], windows, image []T, rows, cols int) {
			k.scatterWindows(image, windows, rows*cols+rows%2, rows, cols, .5)
		}),
		blockCall("transpose", func(k *impl[T], s *blockArgs[T]) {
			if s.rows > 0 && s.cols > 0 {
				k.transpose(s.a, s.rows, s.b, s.ld, s.rows, s.cols)
			}
		}),
		blockCall("columnSums", func(k *impl[T], s *blockArgs[T]) { k.columnSums(s.col1, s.a, s.ld, s.rows) }),
	}
	all = append(all, winogradCalls("winogradExpand", func(k *impl[T]) *winogradKernels[T] { return &k.winogradExpand })...)
	return append(all, winogradCalls("winogradReduce", func(k *impl[T]) *winogradKernels[T] { return &k.winogradReduce })...)
}

// set stores a result where a test sees it.
func set[T Float](x []T, v T) {
	if len(x) > 0 {
		x[0] = v
	}
}

// TestTiersAgree runs each call on the same arguments in every tier and compares all arguments afterwards with those of the reference.
func TestTiersAgree(t *testing.T) { both(t, testTiersAgree[float32], testTiersAgree[float64]) }

func testTiersAgree[T Float](t *testing.T) {
	for _, c := range calls[T]() {
		for _, size := range [][2]int{{0, 0}, {1, 1}, {3, 0}, {5, 37}, {9, 130}, {17, 1000}, {2, 5000}} {
			var want []T
			for _, k := range tables[T]() {
				rng := newRand()
				var all [][]T
				run := c.make(k, size[0], size[1], func(n int, lo, hi T) []T {
					all = append(all, random[T](rng, n, lo, hi))
					return all[len(all)-1]
				})
				run()
				var got []T
				for _, x := range all {
					got = append(got, x...)
				}
				if k.tier == Generic {
					want = got
					continue
				}
				for i, v := range got {
					if err := math.Abs(float64(v) - float64(want[i])); v != want[i] && !(err <= unit[T]()*200*(1+math.Abs(float64(want[i])))) {
						t.Fatalf("%s, %v: argument element %d is %v in tier %v and %v in tier generic", c.name, size, i, v, k.tier, want[i])
					}
				}
			}
		}
	}
}

// TestDeterminism runs each call twice at other addresses.
func TestDeterminism(t *testing.T) { both(t, testDeterminism[float32], testDeterminism[float64]) }

func testDeterminism[T Float](t *testing.T) {
	for _, c := range calls[T]() {
		for _, k := range tables[T]() {
			var first []T
			for off := range 2 {
				rng := newRand()
				var all [][]T
				run := c.make(k, 7, 333, func(n int, lo, hi T) []T {
					x := make([]T, n+off)[off:]
					copy(x, random[T](rng, n, lo, hi))
					all = append(all, x)
					return x
				})
				run()
				var got []T
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

func TestNoAllocation(t *testing.T) { both(t, testNoAllocation[float32], testNoAllocation[float64]) }

func testNoAllocation[T Float](t *testing.T) {
	for _, c := range calls[T]() {
		for _, k := range tables[T]() {
			run := c.make(k, 6, 300, func(n int, lo, hi T) []T { return make([]T, n) })
			if n := testing.AllocsPerRun(10, run); n != 0 {
				t.Errorf("%s in tier %v: %v allocations", c.name, k.tier, n)
			}
		}
	}
}

// TestAliasing runs the element-wise kernels with the destination in place of each source that the documentation allows.
func TestAliasing(t *testing.T) { both(t, testAliasing[float32], testAliasing[float64]) }

func testAliasing[T Float](t *testing.T) {
	unary := map[string]func(k *impl[T], dst, x []T){
		"exp":       func(k *impl[T], dst, x []T) { k.exp(dst, x) },
		"exp2":      func(k *impl[T], dst, x []T) { k.exp2(dst, x) },
		"expm1":     func(k *impl[T], dst, x []T) { k.expm1(dst, x) },
		"log":       func(k *impl[T], dst, x []T) { k.log(dst, x) },
		"log2":      func(k *impl[T], dst, x []T) { k.log2(dst, x) },
		"log1p":     func(k *impl[T], dst, x []T) { k.log1p(dst, x) },
		"softplus":  func(k *impl[T], dst, x []T) { k.softplus(dst, x) },
		"sigmoid":   func(k *impl[T], dst, x []T) { k.sigmoid(dst, x) },
		"tanh":      func(k *impl[T], dst, x []T) { k.tanh(dst, x) },
		"sqrt":      func(k *impl[T], dst, x []T) { k.sqrt(dst, x) },
		"leakyReLU": func(k *impl[T], dst, x []T) { k.leakyReLU(dst, x, .1) },
		"normalize": func(k *impl[T], dst, x []T) { k.normalize(dst, x, 2, .5, -1) },
		"clamp":     func(k *impl[T], dst, x []T) { k.clamp(dst, x, -.5, .5) },
	}
	binary := map[string]func(k *impl[T], dx, dy, y []T){
		"leakyReLUBw": func(k *impl[T], dx, dy, y []T) { k.leakyReLUBw(dx, dy, y, .1) },
		"softplusBw":  func(k *impl[T], dx, dy, y []T) { k.softplusBw(dx, dy, y) },
		"sigmoidBw":   func(k *impl[T], dx, dy, y []T) { k.sigmoidBw(dx, dy, y) },
		"tanhBw":      func(k *impl[T], dx, dy, y []T) { k.tanhBw(dx, dy, y) },
		"normalizeBw": func(k *impl[T], dx, dy, y []T) { k.normalizeBw(dx, dy, y, 2, -.5, .25, 1) },
	}
	for _, k := range tables[T]() {
		for _, n := range lengths() {
			rng := newRand()
			x, y, dst := random[T](rng, n, -3, 3), random[T](rng, n, 0, 1), make([]T, n)
			for name, f := range unary {
				f(k, dst, x)
				in := append([]T(nil), x...)
				f(k, in, in)
				same(t, name, in, dst)
			}
			for name, f := range binary {
				f(k, dst, x, y)
				dy := append([]T(nil), x...)
				f(k, dy, dy, y)
				same(t, name+" over dy", dy, dst)
				out := append([]T(nil), y...)
				f(k, out, x, out)
				same(t, name+" over y", out, dst)
			}
		}
	}
}

// fill sets x to random values.
func fill[T Float](rng *rand.Rand, x []T, lo, hi T) {
	for i := range x {
		x[i] = lo + (hi-lo)*T(rng.Float64())
	}
}

package kernels

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/convolution"
)

func TestTablesAreComplete(t *testing.T) {
	check := func(table any) {
		v := reflect.ValueOf(table).Elem()
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.Func && f.IsNil() {
				t.Errorf("%v: no %s", v.Field(0), v.Type().Field(i).Name)
			}
		}
	}
	for _, k := range tables32 {
		check(k)
	}
	for _, k := range tables64 {
		check(k)
	}
}

// TestTiersOfBothPrecisions asserts that Active and Tiers say what holds of float64 too.
func TestTiersOfBothPrecisions(t *testing.T) {
	if len(tables32) != len(tables64) {
		t.Fatalf("%d tiers of float32, %d of float64", len(tables32), len(tables64))
	}
	for i, k := range tables64 {
		if k.tier != tables32[i].tier {
			t.Errorf("row %d is %v in float32 and %v in float64", i, tables32[i].tier, k.tier)
		}
	}
	if active32.tier != active64.tier || active64.tier != Active() {
		t.Errorf("active: %v in float32, %v in float64, %v by Active", active32.tier, active64.tier, Active())
	}
}

func TestChoose(t *testing.T) {
	tables := []*impl[float32]{{tier: Generic}, {tier: AVX2}, {tier: AVX512}}
	for limit, want := range map[string]Tier{"": AVX512, "avx512": AVX512, "avx2": AVX2, "AVX2": AVX2, "generic": Generic, "neon": AVX512, "sse9": AVX512} {
		if got := choose(tables, limit).tier; got != want {
			t.Errorf("%q chooses %v, want %v", limit, got, want)
		}
	}
	neon := []*impl[float32]{{tier: Generic}, {tier: NEON}}
	for limit, want := range map[string]Tier{"": NEON, "neon": NEON, "generic": Generic, "avx2": NEON, "avx512": NEON} {
		if got := choose(neon, limit).tier; got != want {
			t.Errorf("on arm64 %q chooses %v, want %v", limit, got, want)
		}
	}
	if got := choose(tables[:1], "avx512").tier; got != Generic {
		t.Errorf("a tier that the processor lacks chooses %v, want generic", got)
	}
}

func TestEnvISAProblem(t *testing.T) {
	for value, wrong := range map[string]bool{"": false, "avx2": false, "Generic": false, "sse9": true} {
		t.Setenv(EnvISA, value)
		if got := EnvISAProblem(); (got != "") != wrong || wrong && !strings.Contains(got, value) {
			t.Errorf("%q: %q", value, got)
		}
	}
}

// TestPanics hands each function lengths that do not fit.
func TestPanics(t *testing.T) {
	x := func(n int) []float32 { return make([]float32, n) }
	for name, f := range map[string]func(){
		"Exp":                           func() { Exp(x(3), x(4)) },
		"Exp2":                          func() { Exp2(x(5), x(4)) },
		"Expm1":                         func() { Expm1(x(3), x(4)) },
		"Log":                           func() { Log(x(3), x(4)) },
		"Log2":                          func() { Log2(x(3), x(4)) },
		"Log1p":                         func() { Log1p(x(3), x(4)) },
		"Softplus":                      func() { Softplus(x(3), x(4)) },
		"Sigmoid":                       func() { Sigmoid(x(3), x(4)) },
		"Tanh":                          func() { Tanh(x(3), x(4)) },
		"Dot":                           func() { Dot(x(3), x(4)) },
		"Axpy":                          func() { Axpy(x(3), 1, x(4)) },
		"LeakyReLU":                     func() { LeakyReLU(x(3), x(4), 1) },
		"LeakyReLUBackward":             func() { LeakyReLUBackward(x(4), x(4), x(3), 1) },
		"SoftplusBackward":              func() { SoftplusBackward(x(4), x(3), x(4)) },
		"SigmoidBackward":               func() { SigmoidBackward(x(4), x(4), x(3)) },
		"TanhBackward":                  func() { TanhBackward(x(3), x(4), x(4)) },
		"Adam":                          func() { Adam(x(4), x(4), x(4), x(3), step[float32]()) },
		"AddRow":                        func() { AddRow(x(11), 4, 3, x(4)) },
		"AddRow, negative rows":         func() { AddRow(x(11), 4, -3, x(4)) },
		"GatherWindows":                 func() { gatherWindows(x(16*6), 6, x(23), 2, 3) },
		"GatherWindows, windows":        func() { gatherWindows(x(16*6-1), 6, x(24), 2, 3) },
		"GatherWindows, negative":       func() { gatherWindows(x(16*6), 6, x(24), 2, -3) },
		"ScatterWindows":                func() { scatterWindows(x(23), x(16*6), 6, 2, 3, 0) },
		"ScatterWindows, leading":       func() { scatterWindows(x(24), x(16*6), 5, 2, 3, 0) },
		"WinogradExpand":                func() { winogradExpand(convolution.Output, 4, 4, x(25*3), 3, x(16*3-1), 12, 3, 3) },
		"WinogradExpand, points":        func() { winogradExpand(convolution.Output, 4, 4, x(25*3-1), 3, x(16*3), 12, 3, 3) },
		"WinogradExpand, map":           func() { winogradExpand(winogradMaps, 4, 4, x(25*3), 3, x(25*3), 15, 3, 3) },
		"WinogradExpand, tile":          func() { winogradExpand(convolution.Output, 2, 4, x(25*3), 3, x(16*3), 12, 3, 3) },
		"WinogradExpand, filter":        func() { winogradExpand(convolution.Filter, 2, 1, x(25*3), 3, x(16*3), 12, 3, 3) },
		"WinogradReduce":                func() { winogradReduce(convolution.Input, 5, 5, x(25*3-1), 15, 3, x(25*3), 3, 3) },
		"WinogradReduce, rows":          func() { winogradReduce(convolution.Input, 5, 5, x(25*3), 2, 3, x(25*3), 3, 3) },
		"WinogradReduce, negative":      func() { winogradReduce(convolution.Input, 5, 5, x(25*3), 15, 3, x(25*3), 3, -3) },
		"Transpose":                     func() { Transpose(x(12), 3, x(11), 4, 3, 4) },
		"Transpose, destination":        func() { Transpose(x(11), 3, x(12), 4, 3, 4) },
		"Transpose, negative":           func() { Transpose(x(12), 3, x(12), 4, -3, 4) },
		"ColumnSums":                    func() { ColumnSums(x(4), x(11), 4, 3) },
		"ColumnSums, leading dimension": func() { ColumnSums(x(4), x(20), 3, 3) },
		"SquaredDistances":              func() { SquaredDistances(x(11), 4, x(6), 2, x(8), 4, 3, 4, 2) },
		"AbsoluteDistances":             func() { AbsoluteDistances(x(12), 4, x(6), 2, x(7), 4, 3, 4, 2) },
		"AbsoluteDistances, negative":   func() { AbsoluteDistances(x(12), 4, x(6), 2, x(8), 4, 3, 4, -2) },
		"AddSquaredDistances":           func() { AddSquaredDistances(x(4), x(3), x(11), 4) },
		"AddAbsoluteDistances":          func() { AddAbsoluteDistances(x(4), x(3), x(12), 3) },
		"AddNorms":                      func() { AddNorms(x(4), 1, x(3)) },
		"Sqrt":                          func() { Sqrt(x(4), x(3)) },
		"Softmax":                       func() { Softmax(x(4), x(3)) },
		"Cosine":                        func() { Cosine(x(4), x(3)) },
		"CosineDistances":               func() { CosineDistances(x(4), 1, x(3)) },
		"AddWeightedRows":               func() { AddWeightedRows(x(4), x(11), 4, x(3)) },
		"Ger":                           func() { Ger(x(11), 4, 1, x(3), x(4)) },
		"Gemv, x":                       func() { Gemv(nil, false, 3, 4, 1, x(12), 4, x(3), 0, x(3)) },
		"Gemv, y":                       func() { Gemv(nil, true, 3, 4, 1, x(12), 4, x(3), 0, x(3)) },
		"Gemv, A":                       func() { Gemv(nil, false, 3, 4, 1, x(11), 4, x(4), 0, x(3)) },
		"Gemv, negative":                func() { Gemv(nil, false, -3, 4, 1, x(12), 4, x(4), 0, x(3)) },
		"Syrk, A":                       func() { Syrk(nil, true, false, 3, 4, 1, x(11), 4, 0, x(9), 3) },
		"Syrk, C":                       func() { Syrk(nil, true, true, 3, 4, 1, x(12), 3, 0, x(8), 3) },
		"DeviationProducts":             func() { DeviationProducts(x(3), x(4), 0) },
		"Normalize":                     func() { Normalize(x(3), x(4), 1, 0, 0) },
		"NormalizeBackward":             func() { NormalizeBackward(x(4), x(4), x(3), 1, 0, 0, 0) },
		"NormalizeRow":                  func() { NormalizeRow(x(4), x(4), 0, 1, x(4), x(3)) },
		"ColumnSquaredDeviations":       func() { ColumnSquaredDeviations(x(4), x(11), 4, 3, x(4)) },
		"ColumnSquaredDeviations, mean": func() { ColumnSquaredDeviations(x(4), x(12), 4, 3, x(3)) },
		"ColumnDeviationProducts":       func() { ColumnDeviationProducts(x(4), x(3), x(12), 4, x(12), 4, 3, x(4)) },
		"NormalizeColumns":              func() { NormalizeColumns(x(12), 4, x(12), 4, 3, x(4), x(4), x(3)) },
		"NormalizeColumns, rows":        func() { NormalizeColumns(x(12), 4, x(12), 4, -1, x(4), x(4), x(4)) },
		"NormalizeColumnsBackward": func() {
			NormalizeColumnsBackward(x(12), 4, x(11), 4, x(12), 4, 3, x(4), x(4), x(4), x(4))
		},
		"RMSProp":                       func() { RMSProp(x(4), x(4), x(3), nil, rmspropStep[float32]()) },
		"RMSProp, u":                    func() { RMSProp(x(4), x(4), x(4), x(3), rmspropStep[float32]()) },
		"Clamp":                         func() { Clamp(x(4), x(3), 0, 1) },
		"AddRowLeakyReLU":               func() { AddRowLeakyReLU(x(11), 4, 3, x(4), 0) },
		"RowMax":                        func() { RowMax(x(3), x(11), 4, 1, x(4)) },
		"ColMax":                        func() { ColMax(x(4), x(11), 4, 1, x(3)) },
		"SweepRows, e":                  func() { SweepRows(x(11), 4, x(3), x(12), 4, 1, x(4), x(3)) },
		"SweepRows, c":                  func() { SweepRows(x(12), 4, x(3), x(11), 4, 1, x(4), x(3)) },
		"SweepRows, s":                  func() { SweepRows(x(12), 4, x(2), x(12), 4, 1, x(4), x(3)) },
		"SweepRowsDot, q":               func() { SweepRowsDot(x(12), 4, x(3), x(12), 4, 1, x(4), x(3), x(3)) },
		"SweepRowsDot, d":               func() { SweepRowsDot(x(12), 4, x(4), x(12), 4, 1, x(4), x(3), x(4)) },
		"SweepDots":                     func() { SweepDots(x(3), x(11), 4, x(4)) },
		"SweepDots, leading dimension":  func() { SweepDots(x(3), x(12), 3, x(4)) },
		"SweepCols":                     func() { SweepCols(x(4), x(11), 4, x(3)) },
		"SweepScale, w":                 func() { SweepScale(x(3), x(2), x(12), 4, x(4), x(4), x(3)) },
		"SweepScale, acc":               func() { SweepScale(x(3), x(3), x(12), 4, x(4), x(3), x(3)) },
		"SweepScale, e":                 func() { SweepScale(x(3), x(3), x(11), 4, x(4), x(4), x(3)) },
		"SweepAdjoint, q":               func() { SweepAdjoint(x(4), x(12), 4, x(12), 4, x(3), x(4), x(3), x(3)) },
		"SweepAdjoint, fbar":            func() { SweepAdjoint(x(4), x(12), 4, x(12), 4, x(4), x(4), x(3), x(2)) },
		"SweepAdjoint, cbar":            func() { SweepAdjoint(x(4), x(11), 4, x(12), 4, x(4), x(4), x(3), x(3)) },
		"SweepValue, p":                 func() { SweepValue(x(2), x(4), nil, 0, x(12), 4, x(12), 4, x(3), 1) },
		"SweepValue, cbar":              func() { SweepValue(x(3), x(4), x(11), 4, x(12), 4, x(12), 4, x(3), 1) },
		"SweepValue, leading dimension": func() { SweepValue(x(3), x(4), nil, 0, x(12), 3, x(12), 4, x(3), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if msg, ok := recover().(string); !ok || !strings.HasPrefix(msg, "kernels: ") {
					t.Errorf("panic %q, want one that starts with the package", msg)
				}
			}()
			f()
		})
	}
}

// TestPublic runs the exported functions once in both precisions.
func TestPublic(t *testing.T) {
	t.Run("float32", testPublic[float32])
	t.Run("float64", testPublic[float64])
}

func testPublic[T Float](t *testing.T) {
	near := func(what string, got T, want float64) {
		t.Helper()
		if !(math.Abs(float64(got)-want) <= 1e-6*(1+math.Abs(want))) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	x, y := []T{-1, 0.5, 2}, make([]T, 3)
	for name, f := range map[string]struct {
		f    func(dst, x []T)
		want func(x float64) float64
	}{
		"Expm1": {Expm1[T], math.Expm1}, "Exp": {Exp[T], math.Exp}, "Exp2": {Exp2[T], math.Exp2}, "Tanh": {Tanh[T], math.Tanh},
		"Softplus": {Softplus[T], func(x float64) float64 { return math.Log1p(math.Exp(x)) }},
		"Sigmoid":  {Sigmoid[T], func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
	} {
		f.f(y, x)
		for i, v := range x {
			near(name, y[i], f.want(float64(v)))
		}
	}
	for name, f := range map[string]struct {
		f    func(dst, x []T)
		want func(x float64) float64
	}{"Log": {Log[T], math.Log}, "Log2": {Log2[T], math.Log2}, "Log1p": {Log1p[T], math.Log1p}} {
		in := []T{.25, 1, 7}
		f.f(y, in)
		for i, v := range in {
			near(name, y[i], f.want(float64(v)))
		}
	}
	near("Max", Max(x), 2)
	near("Sum", Sum(x), 1.5)
	near("Dot", Dot(x, x), 5.25)
	near("LogSumExp", LogSumExp(x), math.Log(math.Exp(-1)+math.Exp(.5)+math.Exp(2)))

	// A plan of 2 x 2 by hand: costs in halves, so that all exponents are integers.
	c, e := []T{0, 1, .5, 0}, make([]T, 4)
	s, g, f := make([]T, 2), []T{0, 1}, []T{0, 2}
	SweepRows(e, 2, s, c, 2, 2, g, f)
	for i, want := range []float64{1, .5, 2, 8} {
		near("e", e[i], want)
	}
	near("s", s[0], 1.5)
	near("s", s[1], 10)
	SweepRowsDot(e, 2, s, c, 2, 2, g, f, []T{1, -1})
	near("d", s[0], .5)
	near("d", s[1], -6)
	acc := []T{1, 1}
	SweepCols(acc, e, 2, []T{1, .5})
	near("acc", acc[0], 3)
	near("acc", acc[1], 5.5)
	RowMax(s, c, 2, 2, g)
	near("row maximum", s[0], 0)
	near("row maximum", s[1], 1)
	ColMax(acc, c, 2, 2, f)
	near("column maximum", acc[0], 3)
	near("column maximum", acc[1], 5.5)
	h, cbar := []T{0, 1}, []T{1, 1, 1, 1}
	SweepAdjoint(h, cbar, 2, e, 2, []T{1, 2}, []T{3, 4}, []T{5, 6}, []T{7, 8})
	near("h", h[0], 1*7+2*8)
	near("h", h[1], 1+.5*7+8*8)
	near("cbar", cbar[1], 1+.5*(5*2+4*7))
	near("cbar", cbar[2], 1+2*(6*1+3*8))
	SweepValue(s, h, cbar, 2, e, 2, c, 2, []T{1, 2}, 4)
	near("p", s[0], .5)
	near("p", s[1], 1)
	near("h", h[0], 23+2*2*.5)
	near("cbar", cbar[1], .5*(1-1*4))
	bias, m := []T{1, 2}, []T{1, 2, 3, 4}
	AddRow(m, 2, 2, bias)
	ColumnSums(bias, m, 2, 2)
	near("column sum", bias[0], 1+2+4)
	near("column sum", bias[1], 2+4+6)
	d := []T{1, 2}
	AddSquaredDistances(d, []T{1, 2}, []T{3, 4, 5, 6}, 2)
	near("squared distance", d[0], 1+4+9)
	near("squared distance", d[1], 2+9+16)
	AddAbsoluteDistances(d, []T{1, 2}, []T{3, 4, 5, -6}, 2)
	near("absolute distance", d[0], 14+2+3)
	near("absolute distance", d[1], 27+3+8)
	tile := make([]T, 4)
	SquaredDistances(tile, 2, []T{1, 2, 3, 5}, 2, []T{3, 4, 5, 6}, 2, 2, 2, 2)
	near("squared distance", tile[1], 9+16)
	near("squared distance", tile[2], 0)
	AbsoluteDistances(tile, 2, []T{1, 2, 3, 5}, 2, []T{3, 4, 5, 6}, 2, 2, 2, 2)
	near("absolute distance", tile[0], 2+3)
	near("absolute distance", tile[3], 1+1)
	SquaredDistances(tile, 2, nil, 0, nil, 2, 2, 2, 0)
	near("squared distance in no dimension", tile[3], 0)
	AddNorms(d, -30, []T{3, 4})
	near("distance from norms", d[0], 0)
	near("distance from norms", d[1], 12)
	Sqrt(d, []T{9, 2})
	near("root", d[0], 3)
	near("root", d[1], math.Sqrt2)
	if n := testing.AllocsPerRun(10, func() { Exp(y, x); LogSumExp(x); SweepCols(acc, e, 2, f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

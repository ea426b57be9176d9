package kernels

import (
	"math"
	"unsafe"
)

// generic returns the reference row of the table.
func generic[T Float]() *impl[T] {
	expand, reduce := winogradGo[T]()
	return &impl[T]{
		tier: Generic,

		exp: viaFloat64[T](exp64), exp2: mapGo(exp2Go[T]), expm1: viaFloat64[T](math.Expm1),
		log: viaFloat64[T](log64), log2: viaFloat64[T](log2In64), log1p: viaFloat64[T](math.Log1p),
		softplus: mapGo(softplusGo[T]), sigmoid: viaFloat64[T](sigmoid64), tanh: viaFloat64[T](math.Tanh),
		max: maxGo[T], sum: sumGo[T], logSumExp: logSumExpGo[T], dot: dotGo[T], expSum: expSumGo[T],

		rowMax: rowMaxGo[T], colMax: colMaxGo[T],
		sweepRows: sweepRowsGo[T], sweepRowsDot: sweepRowsDotGo[T], sweepCols: sweepColsGo[T], sweepScale4: sweepScaleGo[T](4), sweepScale2: sweepScaleGo[T](2),
		sweepAdjoint: sweepAdjointGo[T], sweepValue: sweepValueGo[T],

		gemm: gemmGo[T](),

		squared: rowByRow(addSquaredGo[T]), absolute: rowByRow(addAbsoluteGo[T]),
		addSquared: addSquaredGo[T], addAbsolute: addAbsoluteGo[T], addNorms: addNormsGo[T],
		sqrt: viaFloat64[T](math.Sqrt),

		axpy: axpyGo[T], scale: scaleGo[T],
		leakyReLU: leakyReLUGo[T], leakyReLUBw: leakyReLUBwGo[T],
		softplusBw: softplusBwGo[T], sigmoidBw: sigmoidBwGo[T], tanhBw: tanhBwGo[T],
		adam: adamGo[T], addRow: addRowGo[T], columnSums: columnSumsGo[T],

		addWeightedRows: addWeightedRowsGo[T], ger: gerGo[T], cosineSums: cosineSumsGo[T], cosineDistances: cosineDistancesGo[T],

		squaredDeviations: squaredDeviationsGo[T], deviationProducts: deviationProductsGo[T],
		normalize: normalizeGo[T], normalizeBw: normalizeBwGo[T], normalizeRow: normalizeRowGo[T],
		columnSquaredDeviations: columnSquaredDeviationsGo[T], columnDeviationProducts: columnDeviationProductsGo[T],
		normalizeColumns: normalizeColumnsGo[T], normalizeColumnsBw: normalizeColumnsBwGo[T],

		rmsprop: rmspropGo[T], clamp: clampGo[T], addRowLeakyReLU: addRowLeakyReLUGo[T],
		gatherWindows: gatherWindowsGo[T], scatterWindows: scatterWindowsGo[T],
		winogradExpand: expand, winogradReduce: reduce, transpose: transposeGo[T],
	}
}

func mapGo[T Float](f func(T) T) func(dst, x []T) {
	return func(dst, x []T) {
		for i, v := range x {
			dst[i] = f(v)
		}
	}
}

// viaFloat64 applies a function of package math.
func viaFloat64[T Float](f func(float64) float64) func(dst, x []T) {
	return mapGo(func(v T) T { return T(f(float64(v))) })
}

func is32[T Float]() bool { var z T; return unsafe.Sizeof(z) == 4 }

// exp2Go rounds x to the nearest integer k and evaluates the Taylor polynomial of 2^(x-k), for float32 of degree 7, whose truncation of
// 2^-27 is below half an ULP.
func exp2Go[T Float](x T) T {
	if is32[T]() {
		if !(x > -152) {
			if x != x {
				return x
			}
			return 0
		}
		if x >= 128 {
			return T(math.Inf(1))
		}
		k := math.RoundToEven(float64(x))
		return T(math.Float64frombits(uint64(int64(k)+1023)<<52) * exp2Frac7(float64(x)-k))
	}
	return T(exp2In64(float64(x)))
}

// exp2Frac7 is 2^r for |r| <= 1/2 to 2^-29.
func exp2Frac7(r float64) float64 {
	const l = math.Ln2
	const c2, c3, c4, c5, c6, c7 = l * l / 2, l * l * l / 6, l * l * l * l / 24, l * l * l * l * l / 120, l * l * l * l * l * l / 720, l * l * l * l * l * l * l / 5040
	r2 := r * r
	return (1 + l*r) + r2*((c2+c3*r)+r2*((c4+c5*r)+r2*(c6+c7*r)))
}

func softplusGo[T Float](x T) T {
	v := float64(x)
	return T(max(v, 0) + math.Log1p(exp64(-math.Abs(v))))
}

func maxGo[T Float](x []T) T {
	m := T(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

func sumGo[T Float](x []T) T {
	var s float64
	for _, v := range x {
		s += float64(v)
	}
	return T(s)
}

func logSumExpGo[T Float](x []T) T {
	m := float64(maxGo(x))
	if math.IsInf(m, 1) {
		return T(m)
	}
	m = max(m, -math.MaxFloat64)
	var s, lost float64 // Kahan's sum
	for _, v := range x {
		y := math.Exp(float64(v)-m) - lost
		next := s + y
		s, lost = next, next-s-y
	}
	return T(m + math.Log(s))
}

func dotGo[T Float](x, y []T) T {
	var s float64
	for i, v := range x {
		s += float64(v) * float64(y[i])
	}
	return T(s)
}

func axpyGo[T Float](y []T, alpha T, x []T) {
	for i, v := range x {
		y[i] += alpha * v
	}
}

func scaleGo[T Float](x []T, alpha T) {
	for i := range x {
		x[i] *= alpha
	}
}

func leakyReLUGo[T Float](dst, x []T, slope T) {
	for i, v := range x {
		if !(v > 0) {
			v *= slope
		}
		dst[i] = v
	}
}

func leakyReLUBwGo[T Float](dx, dy, y []T, slope T) {
	for i, v := range dy {
		if !(y[i] > 0) {
			v *= slope
		}
		dx[i] = v
	}
}

func softplusBwGo[T Float](dx, dy, y []T) {
	for i, v := range dy {
		dx[i] = v * T(-math.Expm1(-float64(y[i])))
	}
}

func sigmoidBwGo[T Float](dx, dy, y []T) {
	for i, v := range dy {
		dx[i] = v * y[i] * (1 - y[i])
	}
}

func tanhBwGo[T Float](dx, dy, y []T) {
	for i, v := range dy {
		dx[i] = v * ((1 - y[i]) * (1 + y[i]))
	}
}

func adamGo[T Float](p, grad, m, v []T, c *AdamStep[T]) {
	for i, g := range grad {
		m[i] = c.Beta1*m[i] + (1-c.Beta1)*g
		v[i] = c.Beta2*v[i] + (1-c.Beta2)*g*g
		p[i] -= c.WeightDecay*p[i] + c.StepSize*m[i]/(T(math.Sqrt(float64(v[i])))*c.InvSqrtBias2+c.Eps)
	}
}

func addRowGo[T Float](dst []T, ldd, rows int, bias []T) {
	for r := range rows {
		for j, v := range bias {
			dst[r*ldd+j] += v
		}
	}
}

func columnSumsGo[T Float](acc, x []T, ldx, rows int) {
	for r := range rows {
		for j := range acc {
			acc[j] += x[r*ldx+j]
		}
	}
}

func addSquaredGo[T Float](dst, x, yt []T, ldy int) {
	for k, v := range x {
		y := yt[k*ldy:]
		for j := range dst {
			t := v - y[j]
			dst[j] += t * t
		}
	}
}

func addAbsoluteGo[T Float](dst, x, yt []T, ldy int) {
	for k, v := range x {
		y := yt[k*ldy:]
		for j := range dst {
			dst[j] += max(v-y[j], y[j]-v)
		}
	}
}

func addNormsGo[T Float](dst []T, x T, y []T) {
	for j, v := range dst {
		dst[j] = max(0, v+x+y[j])
	}
}

// rowByRow makes the distances of several points from those of one.
func rowByRow[T Float](add func(dst, x, yt []T, ldy int)) func(dst []T, ldd int, x []T, ldx int, yt []T, ldy, rows, cols, d int) {
	return func(dst []T, ldd int, x []T, ldx int, yt []T, ldy, rows, cols, d int) {
		for r := range rows {
			row := dst[r*ldd:][:cols]
			clear(row)
			add(row, x[r*ldx:][:d], yt, ldy)
		}
	}
}

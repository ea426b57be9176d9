//go:build amd64 && !purego

package kernels

import (
	"github.com/klauspost/cpuid/v2"

	"github.com/sinkcpu/sinkcpu/asm"
)

// What the processor must have for a tier; a test holds it against asm.Requires.
var (
	needsAVX2   = []cpuid.FeatureID{cpuid.AVX, cpuid.AVX2, cpuid.FMA3}
	needsAVX512 = append([]cpuid.FeatureID{cpuid.BMI2, cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512CD}, needsAVX2...)
)

func registerTiers() {
	if cpuid.CPU.Supports(needsAVX2...) {
		add(&tables32, AVX2, elementwiseAVX2, logAVX2, sweepAVX2, distanceAVX2, networkAVX2, gemmAVX2,
			matvecAVX2, normAVX2, updateAVX2, winogradAVX2)
		add(&tables64, AVX2, elementwise64AVX2, log64AVX2, sweep64AVX2, distance64AVX2, network64AVX2, gemm64AVX2,
			matvec64AVX2, norm64AVX2, update64AVX2, winograd64AVX2)
	}
	if cpuid.CPU.Supports(needsAVX512...) {
		add(&tables32, AVX512, elementwiseAVX512, logAVX512, sweepAVX512, distanceAVX512, networkAVX512, gemmAVX512,
			matvecAVX512, normAVX512, updateAVX512, winogradAVX512)
		add(&tables64, AVX512, elementwise64AVX512, log64AVX512, sweep64AVX512, distance64AVX512, network64AVX512, gemm64AVX512,
			matvec64AVX512, norm64AVX512, update64AVX512, winograd64AVX512)
	}
}

func elementwiseAVX2(t *impl[float32]) {
	t.exp, t.exp2 = mapAsm(asm.ExpF32AVX2), mapAsm(asm.Exp2F32AVX2)
	t.softplus, t.sigmoid, t.tanh = mapAsm(asm.SoftplusF32AVX2), mapAsm(asm.SigmoidF32AVX2), mapAsm(asm.TanhF32AVX2)
	t.max, t.sum, t.dot = maxAsm(asm.MaxF32AVX2), sumAsm(asm.SumF32AVX2), dotAsm(asm.DotF32AVX2)
	t.logSumExp = logSumExpAsm(asm.LogSumExpF32AVX2)
	t.expSum = expSumAsm(asm.ExpSumF32AVX2)
}

func logAVX2(t *impl[float32]) {
	t.log, t.log2, t.log1p = mapAsm(asm.LogF32AVX2), mapAsm(asm.Log2F32AVX2), mapAsm(asm.Log1pF32AVX2)
	t.expm1 = mapAsm(asm.Expm1F32AVX2)
}

func sweepAVX2(t *impl[float32]) {
	t.rowMax, t.colMax = rowMaxAsm(asm.RowMaxF32AVX2), colMaxAsm(asm.ColMaxF32AVX2)
	t.sweepRows, t.sweepRowsDot = sweepRowsAsm(asm.SweepRowsF32AVX2), sweepRowsDotAsm(asm.SweepRowsDotF32AVX2)
	t.sweepCols = sweepColsAsm(asm.SweepColsF32AVX2)
	t.sweepScale4, t.sweepScale2 = sweepScaleAsm(asm.SweepScale4F32AVX2), sweepScaleAsm(asm.SweepScale2F32AVX2)
	t.sweepAdjoint = sweepAdjointAsm(asm.SweepAdjointF32AVX2)
	t.sweepValue = sweepValueAsm(asm.SweepValueF32AVX2, asm.SweepValueGradF32AVX2)
}

func distanceAVX2(t *impl[float32]) {
	t.squared, t.absolute = distancesAsm(asm.SquaredDistancesF32AVX2), distancesAsm(asm.AbsoluteDistancesF32AVX2)
	t.addSquared, t.addAbsolute = addDistancesAsm(asm.AddSquaredDistancesF32AVX2), addDistancesAsm(asm.AddAbsoluteDistancesF32AVX2)
	t.addNorms, t.sqrt = addNormsAsm(asm.AddNormsF32AVX2), mapAsm(asm.SqrtF32AVX2)
}

func networkAVX2(t *impl[float32]) {
	t.axpy, t.scale = axpyAsm(asm.AxpyF32AVX2), scaleAsm(asm.ScaleF32AVX2)
	t.leakyReLU, t.leakyReLUBw = leakyReLUAsm(asm.LeakyReLUF32AVX2), leakyReLUBwAsm(asm.LeakyReLUBackwardF32AVX2)
	t.softplusBw = backwardAsm(asm.SoftplusBackwardF32AVX2)
	t.sigmoidBw = backwardAsm(asm.SigmoidBackwardF32AVX2)
	t.tanhBw = backwardAsm(asm.TanhBackwardF32AVX2)
	t.adam = adamAsm(asm.AdamF32AVX2)
	t.addRow, t.columnSums = addRowAsm(asm.AddRowF32AVX2), columnSumsAsm(asm.ColumnSumsF32AVX2)
}

func elementwiseAVX512(t *impl[float32]) {
	t.exp, t.exp2 = mapAsm(asm.ExpF32AVX512), mapAsm(asm.Exp2F32AVX512)
	t.softplus, t.sigmoid, t.tanh = mapAsm(asm.SoftplusF32AVX512), mapAsm(asm.SigmoidF32AVX512), mapAsm(asm.TanhF32AVX512)
	t.max, t.sum, t.dot = maxAsm(asm.MaxF32AVX512), sumAsm(asm.SumF32AVX512), dotAsm(asm.DotF32AVX512)
	t.logSumExp = logSumExpAsm(asm.LogSumExpF32AVX512)
	t.expSum = expSumAsm(asm.ExpSumF32AVX512)
}

func logAVX512(t *impl[float32]) {
	t.log, t.log2, t.log1p = mapAsm(asm.LogF32AVX512), mapAsm(asm.Log2F32AVX512), mapAsm(asm.Log1pF32AVX512)
	t.expm1 = mapAsm(asm.Expm1F32AVX512)
}

func sweepAVX512(t *impl[float32]) {
	t.rowMax, t.colMax = rowMaxAsm(asm.RowMaxF32AVX512), colMaxAsm(asm.ColMaxF32AVX512)
	t.sweepRows, t.sweepRowsDot = sweepRowsAsm(asm.SweepRowsF32AVX512), sweepRowsDotAsm(asm.SweepRowsDotF32AVX512)
	t.sweepCols = sweepColsAsm(asm.SweepColsF32AVX512)
	t.sweepScale4, t.sweepScale2 = sweepScaleAsm(asm.SweepScale4F32AVX512), sweepScaleAsm(asm.SweepScale2F32AVX512)
	t.sweepAdjoint = sweepAdjointAsm(asm.SweepAdjointF32AVX512)
	t.sweepValue = sweepValueAsm(asm.SweepValueF32AVX512, asm.SweepValueGradF32AVX512)
}

func distanceAVX512(t *impl[float32]) {
	t.squared, t.absolute = distancesAsm(asm.SquaredDistancesF32AVX512), distancesAsm(asm.AbsoluteDistancesF32AVX512)
	t.addSquared, t.addAbsolute = addDistancesAsm(asm.AddSquaredDistancesF32AVX512), addDistancesAsm(asm.AddAbsoluteDistancesF32AVX512)
	t.addNorms, t.sqrt = addNormsAsm(asm.AddNormsF32AVX512), mapAsm(asm.SqrtF32AVX512)
}

func networkAVX512(t *impl[float32]) {
	t.axpy, t.scale = axpyAsm(asm.AxpyF32AVX512), scaleAsm(asm.ScaleF32AVX512)
	t.leakyReLU, t.leakyReLUBw = leakyReLUAsm(asm.LeakyReLUF32AVX512), leakyReLUBwAsm(asm.LeakyReLUBackwardF32AVX512)
	t.softplusBw = backwardAsm(asm.SoftplusBackwardF32AVX512)
	t.sigmoidBw = backwardAsm(asm.SigmoidBackwardF32AVX512)
	t.tanhBw = backwardAsm(asm.TanhBackwardF32AVX512)
	t.adam = adamAsm(asm.AdamF32AVX512)
	t.addRow, t.columnSums = addRowAsm(asm.AddRowF32AVX512), columnSumsAsm(asm.ColumnSumsF32AVX512)
	t.gatherWindows, t.scatterWindows = gatherWindowsAsm(16, asm.GatherWindowsF32AVX512), scatterWindowsAsm(16, asm.ScatterWindowsF32AVX512)
}

func matvecAVX2(t *impl[float32]) {
	t.addWeightedRows, t.ger = addWeightedRowsAsm(asm.AddWeightedRowsF32AVX2), gerAsm(asm.GerF32AVX2)
	t.cosineSums, t.cosineDistances = cosineSumsAsm(asm.CosineSumsF32AVX2), cosineDistancesAsm(asm.CosineDistancesF32AVX2)
	t.gemm.weighted, t.gemm.axpy = t.addWeightedRows, t.axpy
}

func normAVX2(t *impl[float32]) {
	t.squaredDeviations, t.deviationProducts = squaredDeviationsAsm(asm.SquaredDeviationsF32AVX2), deviationProductsAsm(asm.DeviationProductsF32AVX2)
	t.normalize, t.normalizeBw = normalizeAsm(asm.NormalizeF32AVX2), normalizeBwAsm(asm.NormalizeBackwardF32AVX2)
	t.columnSquaredDeviations = columnSquaredDeviationsAsm(asm.ColumnSquaredDeviationsF32AVX2)
	t.columnDeviationProducts = columnDeviationProductsAsm(asm.ColumnDeviationProductsF32AVX2)
	t.normalizeColumns, t.normalizeColumnsBw = normalizeColumnsAsm(asm.NormalizeColumnsF32AVX2), normalizeColumnsBwAsm(asm.NormalizeColumnsBackwardF32AVX2)
	t.normalizeRow = normalizeRowAsm(asm.NormalizeRowF32AVX2)
}

func updateAVX2(t *impl[float32]) {
	t.rmsprop = rmspropAsm(asm.RMSPropF32AVX2, asm.RMSPropMomentumF32AVX2)
	t.clamp, t.addRowLeakyReLU = clampAsm(asm.ClampF32AVX2), addRowLeakyReLUAsm(asm.AddRowLeakyReLUF32AVX2)
}

func matvecAVX512(t *impl[float32]) {
	t.addWeightedRows, t.ger = addWeightedRowsAsm(asm.AddWeightedRowsF32AVX512), gerAsm(asm.GerF32AVX512)
	t.cosineSums, t.cosineDistances = cosineSumsAsm(asm.CosineSumsF32AVX512), cosineDistancesAsm(asm.CosineDistancesF32AVX512)
	t.gemm.weighted, t.gemm.axpy = t.addWeightedRows, t.axpy
}

func normAVX512(t *impl[float32]) {
	t.squaredDeviations, t.deviationProducts = squaredDeviationsAsm(asm.SquaredDeviationsF32AVX512), deviationProductsAsm(asm.DeviationProductsF32AVX512)
	t.normalize, t.normalizeBw = normalizeAsm(asm.NormalizeF32AVX512), normalizeBwAsm(asm.NormalizeBackwardF32AVX512)
	t.columnSquaredDeviations = columnSquaredDeviationsAsm(asm.ColumnSquaredDeviationsF32AVX512)
	t.columnDeviationProducts = columnDeviationProductsAsm(asm.ColumnDeviationProductsF32AVX512)
	t.normalizeColumns, t.normalizeColumnsBw = normalizeColumnsAsm(asm.NormalizeColumnsF32AVX512), normalizeColumnsBwAsm(asm.NormalizeColumnsBackwardF32AVX512)
	t.normalizeRow = normalizeRowAsm(asm.NormalizeRowF32AVX512)
}

func updateAVX512(t *impl[float32]) {
	t.rmsprop = rmspropAsm(asm.RMSPropF32AVX512, asm.RMSPropMomentumF32AVX512)
	t.clamp, t.addRowLeakyReLU = clampAsm(asm.ClampF32AVX512), addRowLeakyReLUAsm(asm.AddRowLeakyReLUF32AVX512)
}

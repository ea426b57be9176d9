//go:build amd64 && !purego

package kernels

import "github.com/sinkcpu/sinkcpu/asm"

func elementwise64AVX2(t *impl[float64]) {
	t.exp, t.exp2 = mapAsm(asm.ExpF64AVX2), mapAsm(asm.Exp2F64AVX2)
	t.softplus, t.sigmoid, t.tanh = mapAsm(asm.SoftplusF64AVX2), mapAsm(asm.SigmoidF64AVX2), mapAsm(asm.TanhF64AVX2)
	t.max, t.sum, t.dot = maxAsm(asm.MaxF64AVX2), sumAsm(asm.SumF64AVX2), dotAsm(asm.DotF64AVX2)
	t.logSumExp = logSumExpAsm(asm.LogSumExpF64AVX2)
	t.expSum = expSumAsm(asm.ExpSumF64AVX2)
}

func log64AVX2(t *impl[float64]) {
	t.log, t.log2, t.log1p = mapAsm(asm.LogF64AVX2), mapAsm(asm.Log2F64AVX2), mapAsm(asm.Log1pF64AVX2)
	t.expm1 = mapAsm(asm.Expm1F64AVX2)
}

func sweep64AVX2(t *impl[float64]) {
	t.rowMax, t.colMax = rowMaxAsm(asm.RowMaxF64AVX2), colMaxAsm(asm.ColMaxF64AVX2)
	t.sweepRows, t.sweepRowsDot = sweepRowsAsm(asm.SweepRowsF64AVX2), sweepRowsDotAsm(asm.SweepRowsDotF64AVX2)
	t.sweepCols = sweepColsAsm(asm.SweepColsF64AVX2)
	t.sweepScale4, t.sweepScale2 = sweepScaleAsm(asm.SweepScale4F64AVX2), sweepScaleAsm(asm.SweepScale2F64AVX2)
	t.sweepAdjoint = sweepAdjointAsm(asm.SweepAdjointF64AVX2)
	t.sweepValue = sweepValueAsm(asm.SweepValueF64AVX2, asm.SweepValueGradF64AVX2)
}

func distance64AVX2(t *impl[float64]) {
	t.squared, t.absolute = distancesAsm(asm.SquaredDistancesF64AVX2), distancesAsm(asm.AbsoluteDistancesF64AVX2)
	t.addSquared, t.addAbsolute = addDistancesAsm(asm.AddSquaredDistancesF64AVX2), addDistancesAsm(asm.AddAbsoluteDistancesF64AVX2)
	t.addNorms, t.sqrt = addNormsAsm(asm.AddNormsF64AVX2), mapAsm(asm.SqrtF64AVX2)
}

func network64AVX2(t *impl[float64]) {
	t.axpy, t.scale = axpyAsm(asm.AxpyF64AVX2), scaleAsm(asm.ScaleF64AVX2)
	t.leakyReLU, t.leakyReLUBw = leakyReLUAsm(asm.LeakyReLUF64AVX2), leakyReLUBwAsm(asm.LeakyReLUBackwardF64AVX2)
	t.softplusBw = backwardAsm(asm.SoftplusBackwardF64AVX2)
	t.sigmoidBw = backwardAsm(asm.SigmoidBackwardF64AVX2)
	t.tanhBw = backwardAsm(asm.TanhBackwardF64AVX2)
	t.adam = adamAsm(asm.AdamF64AVX2)
	t.addRow, t.columnSums = addRowAsm(asm.AddRowF64AVX2), columnSumsAsm(asm.ColumnSumsF64AVX2)
}

func elementwise64AVX512(t *impl[float64]) {
	t.exp, t.exp2 = mapAsm(asm.ExpF64AVX512), mapAsm(asm.Exp2F64AVX512)
	t.softplus, t.sigmoid, t.tanh = mapAsm(asm.SoftplusF64AVX512), mapAsm(asm.SigmoidF64AVX512), mapAsm(asm.TanhF64AVX512)
	t.max, t.sum, t.dot = maxAsm(asm.MaxF64AVX512), sumAsm(asm.SumF64AVX512), dotAsm(asm.DotF64AVX512)
	t.logSumExp = logSumExpAsm(asm.LogSumExpF64AVX512)
	t.expSum = expSumAsm(asm.ExpSumF64AVX512)
}

func log64AVX512(t *impl[float64]) {
	t.log, t.log2, t.log1p = mapAsm(asm.LogF64AVX512), mapAsm(asm.Log2F64AVX512), mapAsm(asm.Log1pF64AVX512)
	t.expm1 = mapAsm(asm.Expm1F64AVX512)
}

func sweep64AVX512(t *impl[float64]) {
	t.rowMax, t.colMax = rowMaxAsm(asm.RowMaxF64AVX512), colMaxAsm(asm.ColMaxF64AVX512)
	t.sweepRows, t.sweepRowsDot = sweepRowsAsm(asm.SweepRowsF64AVX512), sweepRowsDotAsm(asm.SweepRowsDotF64AVX512)
	t.sweepCols = sweepColsAsm(asm.SweepColsF64AVX512)
	t.sweepScale4, t.sweepScale2 = sweepScaleAsm(asm.SweepScale4F64AVX512), sweepScaleAsm(asm.SweepScale2F64AVX512)
	t.sweepAdjoint = sweepAdjointAsm(asm.SweepAdjointF64AVX512)
	t.sweepValue = sweepValueAsm(asm.SweepValueF64AVX512, asm.SweepValueGradF64AVX512)
}

func distance64AVX512(t *impl[float64]) {
	t.squared, t.absolute = distancesAsm(asm.SquaredDistancesF64AVX512), distancesAsm(asm.AbsoluteDistancesF64AVX512)
	t.addSquared, t.addAbsolute = addDistancesAsm(asm.AddSquaredDistancesF64AVX512), addDistancesAsm(asm.AddAbsoluteDistancesF64AVX512)
	t.addNorms, t.sqrt = addNormsAsm(asm.AddNormsF64AVX512), mapAsm(asm.SqrtF64AVX512)
}

func network64AVX512(t *impl[float64]) {
	t.axpy, t.scale = axpyAsm(asm.AxpyF64AVX512), scaleAsm(asm.ScaleF64AVX512)
	t.leakyReLU, t.leakyReLUBw = leakyReLUAsm(asm.LeakyReLUF64AVX512), leakyReLUBwAsm(asm.LeakyReLUBackwardF64AVX512)
	t.softplusBw = backwardAsm(asm.SoftplusBackwardF64AVX512)
	t.sigmoidBw = backwardAsm(asm.SigmoidBackwardF64AVX512)
	t.tanhBw = backwardAsm(asm.TanhBackwardF64AVX512)
	t.adam = adamAsm(asm.AdamF64AVX512)
	t.addRow, t.columnSums = addRowAsm(asm.AddRowF64AVX512), columnSumsAsm(asm.ColumnSumsF64AVX512)
	t.gatherWindows, t.scatterWindows = gatherWindowsAsm(8, asm.GatherWindowsF64AVX512), scatterWindowsAsm(8, asm.ScatterWindowsF64AVX512)
}

func matvec64AVX2(t *impl[float64]) {
	t.addWeightedRows, t.ger = addWeightedRowsAsm(asm.AddWeightedRowsF64AVX2), gerAsm(asm.GerF64AVX2)
	t.cosineSums, t.cosineDistances = cosineSumsAsm(asm.CosineSumsF64AVX2), cosineDistancesAsm(asm.CosineDistancesF64AVX2)
	t.gemm.weighted, t.gemm.axpy = t.addWeightedRows, t.axpy
}

func norm64AVX2(t *impl[float64]) {
	t.squaredDeviations, t.deviationProducts = squaredDeviationsAsm(asm.SquaredDeviationsF64AVX2), deviationProductsAsm(asm.DeviationProductsF64AVX2)
	t.normalize, t.normalizeBw = normalizeAsm(asm.NormalizeF64AVX2), normalizeBwAsm(asm.NormalizeBackwardF64AVX2)
	t.columnSquaredDeviations = columnSquaredDeviationsAsm(asm.ColumnSquaredDeviationsF64AVX2)
	t.columnDeviationProducts = columnDeviationProductsAsm(asm.ColumnDeviationProductsF64AVX2)
	t.normalizeColumns, t.normalizeColumnsBw = normalizeColumnsAsm(asm.NormalizeColumnsF64AVX2), normalizeColumnsBwAsm(asm.NormalizeColumnsBackwardF64AVX2)
	t.normalizeRow = normalizeRowAsm(asm.NormalizeRowF64AVX2)
}

func update64AVX2(t *impl[float64]) {
	t.rmsprop = rmspropAsm(asm.RMSPropF64AVX2, asm.RMSPropMomentumF64AVX2)
	t.clamp, t.addRowLeakyReLU = clampAsm(asm.ClampF64AVX2), addRowLeakyReLUAsm(asm.AddRowLeakyReLUF64AVX2)
}

func matvec64AVX512(t *impl[float64]) {
	t.addWeightedRows, t.ger = addWeightedRowsAsm(asm.AddWeightedRowsF64AVX512), gerAsm(asm.GerF64AVX512)
	t.cosineSums, t.cosineDistances = cosineSumsAsm(asm.CosineSumsF64AVX512), cosineDistancesAsm(asm.CosineDistancesF64AVX512)
	t.gemm.weighted, t.gemm.axpy = t.addWeightedRows, t.axpy
}

func norm64AVX512(t *impl[float64]) {
	t.squaredDeviations, t.deviationProducts = squaredDeviationsAsm(asm.SquaredDeviationsF64AVX512), deviationProductsAsm(asm.DeviationProductsF64AVX512)
	t.normalize, t.normalizeBw = normalizeAsm(asm.NormalizeF64AVX512), normalizeBwAsm(asm.NormalizeBackwardF64AVX512)
	t.columnSquaredDeviations = columnSquaredDeviationsAsm(asm.ColumnSquaredDeviationsF64AVX512)
	t.columnDeviationProducts = columnDeviationProductsAsm(asm.ColumnDeviationProductsF64AVX512)
	t.normalizeColumns, t.normalizeColumnsBw = normalizeColumnsAsm(asm.NormalizeColumnsF64AVX512), normalizeColumnsBwAsm(asm.NormalizeColumnsBackwardF64AVX512)
	t.normalizeRow = normalizeRowAsm(asm.NormalizeRowF64AVX512)
}

func update64AVX512(t *impl[float64]) {
	t.rmsprop = rmspropAsm(asm.RMSPropF64AVX512, asm.RMSPropMomentumF64AVX512)
	t.clamp, t.addRowLeakyReLU = clampAsm(asm.ClampF64AVX512), addRowLeakyReLUAsm(asm.AddRowLeakyReLUF64AVX512)
}

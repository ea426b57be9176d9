//go:build arm64 && !purego

package kernels

import "github.com/sinkcpu/sinkcpu/asm"

func elementwise64NEON(t *impl[float64]) {
	t.exp, t.exp2 = mapAsm(asm.ExpF64NEON), mapAsm(asm.Exp2F64NEON)
	t.softplus, t.sigmoid, t.tanh = mapAsm(asm.SoftplusF64NEON), mapAsm(asm.SigmoidF64NEON), mapAsm(asm.TanhF64NEON)
	t.max, t.sum, t.dot = maxAsm(asm.MaxF64NEON), sumAsm(asm.SumF64NEON), dotAsm(asm.DotF64NEON)
	t.logSumExp = logSumExpAsm(asm.LogSumExpF64NEON)
}

func log64NEON(t *impl[float64]) {
	t.log, t.log2, t.log1p = mapAsm(asm.LogF64NEON), mapAsm(asm.Log2F64NEON), mapAsm(asm.Log1pF64NEON)
	t.expm1 = mapAsm(asm.Expm1F64NEON)
}

func sweep64NEON(t *impl[float64]) {
	t.rowMax, t.colMax = rowMaxAsm(asm.RowMaxF64NEON), colMaxAsm(asm.ColMaxF64NEON)
	t.sweepRows, t.sweepRowsDot = sweepRowsAsm(asm.SweepRowsF64NEON), sweepRowsDotAsm(asm.SweepRowsDotF64NEON)
	t.sweepCols = sweepColsAsm(asm.SweepColsF64NEON)
	t.sweepScale4, t.sweepScale2 = sweepScaleAsm(asm.SweepScale4F64NEON), sweepScaleAsm(asm.SweepScale2F64NEON)
	t.sweepAdjoint = sweepAdjointAsm(asm.SweepAdjointF64NEON)
	t.sweepValue = sweepValueAsm(asm.SweepValueF64NEON, asm.SweepValueGradF64NEON)
}

func distance64NEON(t *impl[float64]) {
	t.addSquared, t.addAbsolute = addDistancesAsm(asm.AddSquaredDistancesF64NEON), addDistancesAsm(asm.AddAbsoluteDistancesF64NEON)
	t.squared, t.absolute = distancesAsm(asm.SquaredDistancesF64NEON), distancesAsm(asm.AbsoluteDistancesF64NEON)
	t.addNorms, t.sqrt = addNormsAsm(asm.AddNormsF64NEON), mapAsm(asm.SqrtF64NEON)
}

func network64NEON(t *impl[float64]) {
	t.axpy, t.scale = axpyAsm(asm.AxpyF64NEON), scaleAsm(asm.ScaleF64NEON)
	t.leakyReLU, t.leakyReLUBw = leakyReLUAsm(asm.LeakyReLUF64NEON), leakyReLUBwAsm(asm.LeakyReLUBackwardF64NEON)
	t.softplusBw = backwardAsm(asm.SoftplusBackwardF64NEON)
	t.sigmoidBw = backwardAsm(asm.SigmoidBackwardF64NEON)
	t.tanhBw = backwardAsm(asm.TanhBackwardF64NEON)
	t.adam = adamAsm(asm.AdamF64NEON)
	t.addRow, t.columnSums = addRowAsm(asm.AddRowF64NEON), columnSumsAsm(asm.ColumnSumsF64NEON)
}

func matvec64NEON(t *impl[float64]) {
	t.addWeightedRows, t.ger = addWeightedRowsAsm(asm.AddWeightedRowsF64NEON), gerAsm(asm.GerF64NEON)
	t.cosineSums, t.cosineDistances = cosineSumsAsm(asm.CosineSumsF64NEON), cosineDistancesAsm(asm.CosineDistancesF64NEON)
	t.gemm.weighted, t.gemm.axpy = t.addWeightedRows, t.axpy
}

func norm64NEON(t *impl[float64]) {
	t.squaredDeviations, t.deviationProducts = squaredDeviationsAsm(asm.SquaredDeviationsF64NEON), deviationProductsAsm(asm.DeviationProductsF64NEON)
	t.normalize, t.normalizeBw = normalizeAsm(asm.NormalizeF64NEON), normalizeBwAsm(asm.NormalizeBackwardF64NEON)
	t.columnSquaredDeviations = columnSquaredDeviationsAsm(asm.ColumnSquaredDeviationsF64NEON)
	t.columnDeviationProducts = columnDeviationProductsAsm(asm.ColumnDeviationProductsF64NEON)
	t.normalizeColumns, t.normalizeColumnsBw = normalizeColumnsAsm(asm.NormalizeColumnsF64NEON), normalizeColumnsBwAsm(asm.NormalizeColumnsBackwardF64NEON)
	t.normalizeRow = normalizeRowAsm(asm.NormalizeRowF64NEON)
}

func update64NEON(t *impl[float64]) {
	t.rmsprop = rmspropAsm(asm.RMSPropF64NEON, asm.RMSPropMomentumF64NEON)
	t.clamp, t.addRowLeakyReLU = clampAsm(asm.ClampF64NEON), addRowLeakyReLUAsm(asm.AddRowLeakyReLUF64NEON)
}

//go:build arm64 && !purego

package kernels

import "github.com/sinkcpu/sinkcpu/asm"

// registerTiers adds NEON, which every arm64 processor that Go runs on has.
func registerTiers() {
	add(&tables32, NEON, elementwiseNEON, logNEON, sweepNEON, distanceNEON, networkNEON, gemmNEON, matvecNEON, normNEON, updateNEON)
	add(&tables64, NEON, elementwise64NEON, log64NEON, sweep64NEON, distance64NEON, network64NEON, gemm64NEON, matvec64NEON, norm64NEON, update64NEON)
}

func elementwiseNEON(t *impl[float32]) {
	t.exp, t.exp2 = mapAsm(asm.ExpF32NEON), mapAsm(asm.Exp2F32NEON)
	t.softplus, t.sigmoid, t.tanh = mapAsm(asm.SoftplusF32NEON), mapAsm(asm.SigmoidF32NEON), mapAsm(asm.TanhF32NEON)
	t.max, t.sum, t.dot = maxAsm(asm.MaxF32NEON), sumAsm(asm.SumF32NEON), dotAsm(asm.DotF32NEON)
	t.logSumExp = logSumExpAsm(asm.LogSumExpF32NEON)
}

func logNEON(t *impl[float32]) {
	t.log, t.log2, t.log1p = mapAsm(asm.LogF32NEON), mapAsm(asm.Log2F32NEON), mapAsm(asm.Log1pF32NEON)
	t.expm1 = mapAsm(asm.Expm1F32NEON)
}

func sweepNEON(t *impl[float32]) {
	t.rowMax, t.colMax = rowMaxAsm(asm.RowMaxF32NEON), colMaxAsm(asm.ColMaxF32NEON)
	t.sweepRows, t.sweepRowsDot = sweepRowsAsm(asm.SweepRowsF32NEON), sweepRowsDotAsm(asm.SweepRowsDotF32NEON)
	t.sweepCols = sweepColsAsm(asm.SweepColsF32NEON)
	t.sweepScale4, t.sweepScale2 = sweepScaleAsm(asm.SweepScale4F32NEON), sweepScaleAsm(asm.SweepScale2F32NEON)
	t.sweepAdjoint = sweepAdjointAsm(asm.SweepAdjointF32NEON)
	t.sweepValue = sweepValueAsm(asm.SweepValueF32NEON, asm.SweepValueGradF32NEON)
}

func distanceNEON(t *impl[float32]) {
	t.addSquared, t.addAbsolute = addDistancesAsm(asm.AddSquaredDistancesF32NEON), addDistancesAsm(asm.AddAbsoluteDistancesF32NEON)
	t.squared, t.absolute = distancesAsm(asm.SquaredDistancesF32NEON), distancesAsm(asm.AbsoluteDistancesF32NEON)
	t.addNorms, t.sqrt = addNormsAsm(asm.AddNormsF32NEON), mapAsm(asm.SqrtF32NEON)
}

func networkNEON(t *impl[float32]) {
	t.axpy, t.scale = axpyAsm(asm.AxpyF32NEON), scaleAsm(asm.ScaleF32NEON)
	t.leakyReLU, t.leakyReLUBw = leakyReLUAsm(asm.LeakyReLUF32NEON), leakyReLUBwAsm(asm.LeakyReLUBackwardF32NEON)
	t.softplusBw = backwardAsm(asm.SoftplusBackwardF32NEON)
	t.sigmoidBw = backwardAsm(asm.SigmoidBackwardF32NEON)
	t.tanhBw = backwardAsm(asm.TanhBackwardF32NEON)
	t.adam = adamAsm(asm.AdamF32NEON)
	t.addRow, t.columnSums = addRowAsm(asm.AddRowF32NEON), columnSumsAsm(asm.ColumnSumsF32NEON)
}

func matvecNEON(t *impl[float32]) {
	t.addWeightedRows, t.ger = addWeightedRowsAsm(asm.AddWeightedRowsF32NEON), gerAsm(asm.GerF32NEON)
	t.cosineSums, t.cosineDistances = cosineSumsAsm(asm.CosineSumsF32NEON), cosineDistancesAsm(asm.CosineDistancesF32NEON)
	t.gemm.weighted, t.gemm.axpy = t.addWeightedRows, t.axpy
}

func normNEON(t *impl[float32]) {
	t.squaredDeviations, t.deviationProducts = squaredDeviationsAsm(asm.SquaredDeviationsF32NEON), deviationProductsAsm(asm.DeviationProductsF32NEON)
	t.normalize, t.normalizeBw = normalizeAsm(asm.NormalizeF32NEON), normalizeBwAsm(asm.NormalizeBackwardF32NEON)
	t.columnSquaredDeviations = columnSquaredDeviationsAsm(asm.ColumnSquaredDeviationsF32NEON)
	t.columnDeviationProducts = columnDeviationProductsAsm(asm.ColumnDeviationProductsF32NEON)
	t.normalizeColumns, t.normalizeColumnsBw = normalizeColumnsAsm(asm.NormalizeColumnsF32NEON), normalizeColumnsBwAsm(asm.NormalizeColumnsBackwardF32NEON)
	t.normalizeRow = normalizeRowAsm(asm.NormalizeRowF32NEON)
}

func updateNEON(t *impl[float32]) {
	t.rmsprop = rmspropAsm(asm.RMSPropF32NEON, asm.RMSPropMomentumF32NEON)
	t.clamp, t.addRowLeakyReLU = clampAsm(asm.ClampF32NEON), addRowLeakyReLUAsm(asm.AddRowLeakyReLUF32NEON)
}

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
	if !cpuid.CPU.Supports(needsAVX2...) {
		return
	}
	avx2 := *tables32[0]
	avx2.tier = AVX2
	vectorAVX2(&avx2)
	sweepAVX2(&avx2)
	avx2.gemm = gemmAVX2()
	tables32 = append(tables32, &avx2)

	if !cpuid.CPU.Supports(needsAVX512...) {
		return
	}
	avx512 := avx2
	avx512.tier = AVX512
	vectorAVX512(&avx512)
	sweepAVX512(&avx512)
	avx512.gemm = gemmAVX512()
	tables32 = append(tables32, &avx512)
}

func vectorAVX2(t *impl[float32]) {
	t.exp2 = mapAsm(asm.Exp2F32AVX2)
}

func sweepAVX2(t *impl[float32]) {
	t.sweepRows = sweepRowsAsm(asm.SweepRowsF32AVX2)
	t.sweepCols = sweepColsAsm(asm.SweepColsF32AVX2)
}

func vectorAVX512(t *impl[float32]) {
	t.exp2 = mapAsm(asm.Exp2F32AVX512)
}

func sweepAVX512(t *impl[float32]) {
	t.sweepRows = sweepRowsAsm(asm.SweepRowsF32AVX512)
	t.sweepCols = sweepColsAsm(asm.SweepColsF32AVX512)
}

//go:build amd64 && !purego

package measure

import (
	"slices"

	"github.com/sinkcpu/sinkcpu/bench/limits/asm"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// probesOf holds the probes of the tiers that have some.
var probesOf = map[kernels.Tier]*probes{
	kernels.AVX2: {
		tier: kernels.AVX2, lanes: 8, fma: asm.FMAAVX2, add: asm.AddAVX2, mixes: []mix{{"fma+add", 2 * chains, asm.FMAAddAVX2}, {"fma+add+int", 3 * chains, asm.FMAAddIntegerAVX2}},
		read: asm.ReadAVX2, read4: asm.Read4AVX2, load: asm.LoadAVX2, store: asm.StoreAVX2,
	},
	kernels.AVX512: {
		tier: kernels.AVX512, lanes: 16, fma: asm.FMAAVX512, add: asm.AddAVX512, mixes: []mix{{"fma+add", 2 * chains, asm.FMAAddAVX512}, {"fma+add+int", 3 * chains, asm.FMAAddIntegerAVX512}},
		scale: &rare{"scalef", asm.ScaleAVX512, asm.FMAScaleAVX512, asm.AddScaleAVX512}, reduce: &rare{"reduce", asm.ReduceAVX512, asm.FMAReduceAVX512, asm.AddReduceAVX512},
		read: asm.ReadAVX512, read4: asm.Read4AVX512, load: asm.LoadAVX512, store: asm.StoreAVX512,
	},
}

// cycles takes 32 n cycles.
func cycles(n int) { asm.Clock(n) }

// available returns the probes that this processor can run, narrow first.
func available() []*probes {
	var p []*probes
	for _, t := range kernels.Tiers() {
		if probesOf[t] != nil {
			p = append(p, probesOf[t])
		}
	}
	return slices.Clip(p)
}

//go:build amd64 && !purego

package kernels

import (
	"strings"
	"testing"

	"github.com/klauspost/cpuid/v2"

	"github.com/sinkcpu/sinkcpu/asm"
)

// TestTiersRequireWhatKernelsNeed holds what a tier asks of the processor against what the generator found in its kernels.
func TestTiersRequireWhatKernelsNeed(t *testing.T) {
	asked := map[string]map[string]bool{"AVX2": {}, "AVX512": {}}
	for tier, features := range map[string][]cpuid.FeatureID{"AVX2": needsAVX2, "AVX512": needsAVX512} {
		for _, f := range features {
			asked[tier][f.String()] = true
		}
	}
	every := map[string]bool{"MMX+": true, "SSE": true, "SSE2": true} // amd64 has them; MMX+ is avo's name for PREFETCHT0
	if len(asm.Requires) == 0 {
		t.Fatal("asm.Requires is empty")
	}
	for kernel, sets := range asm.Requires {
		_, tier, single := strings.Cut(kernel, "F32")
		if !single {
			_, tier, _ = strings.Cut(kernel, "F64")
		}
		if asked[tier] == nil {
			t.Errorf("%s names no tier", kernel)
			continue
		}
		for _, s := range sets {
			if !every[s] && !asked[tier][s] {
				t.Errorf("%s needs %s, which tier %s does not ask for", kernel, s, tier)
			}
		}
	}
}

package kernels

import (
	"os"
	"strings"
)

// A Tier is a set of instructions that kernels are written for.
type Tier int

// The tiers, from the reference up. A tier of another architecture is never available.
const (
	Generic Tier = iota // portable Go, the reference
	AVX2                // AVX2 and FMA
	AVX512              // AVX-512 F, BW, DQ, VL and CD
	NEON                // arm64's vectors of 128 bits
)

// String returns the name that SINKCPU_ISA takes.
func (t Tier) String() string {
	if int(t) < len(tierNames) {
		return tierNames[t]
	}
	return "unknown"
}

var tierNames = [...]string{Generic: "generic", AVX2: "avx2", AVX512: "avx512", NEON: "neon"}

// EnvISA is the environment variable that caps the tier: generic, avx2, avx512 or neon. It is read once, at start-up. A tier of another
// architecture caps nothing.
const EnvISA = "SINKCPU_ISA"

// Active returns the tier in use, which is the same in both precisions.
func Active() Tier { return active32.tier }

// Tiers returns the tiers that this processor and build can run, the reference first.
func Tiers() []Tier {
	tiers := make([]Tier, len(tables32))
	for i, t := range tables32 {
		tiers[i] = t.tier
	}
	return tiers
}

// EnvISAProblem returns what is wrong with the value of SINKCPU_ISA, or "". An unknown value caps nothing.
func EnvISAProblem() string {
	if v := os.Getenv(EnvISA); v != "" && parseTier(v) < 0 {
		return EnvISA + "=" + v + " is none of " + strings.Join(tierNames[:], ", ") + ", and is ignored"
	}
	return ""
}

func parseTier(name string) Tier {
	for i, n := range tierNames {
		if strings.EqualFold(n, name) {
			return Tier(i)
		}
	}
	return -1
}

// within tells whether a cap lets a tier through: those below it do, and those of another architecture.
func (t Tier) within(limit Tier) bool {
	return t <= limit || limit != Generic && (t == NEON) != (limit == NEON)
}

// choose returns the last table that does not exceed the cap.
func choose[T Float](tables []*impl[T], limit string) *impl[T] {
	best := tables[0]
	for _, t := range tables {
		if c := parseTier(limit); c < 0 || t.tier.within(c) {
			best = t
		}
	}
	return best
}

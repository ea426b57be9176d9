package discrepancy

import (
	"cmp"
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A placed is a number as a key that orders like it, and its place.
type placed struct {
	key uint64
	i   int32
}

// keyOf returns bits that order as the float64 does: those of negative numbers turned over, and the sign.
func keyOf(v float64) uint64 {
	b := math.Float64bits(v)
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

func (p placed) value() float64 {
	if p.key>>63 != 0 {
		return math.Float64frombits(p.key &^ (1 << 63))
	}
	return math.Float64frombits(^p.key)
}

// radixFrom is the length from which digits are counted. On a Zen 5 core BenchmarkSliced takes .22 ms with 64 points a side against .35
// by comparing, .75 with 256 against 3.1; shorter lines were not measured.
const radixFrom = 64

// digits of 8 bits in a key.
const digits = 8

// ordered returns the numbers x in order, equal ones by place; keys and spare hold as many, and one of them is returned.
func ordered[T kernels.Float](keys, spare []placed, x []T) []placed {
	for i, v := range x {
		keys[i] = placed{keyOf(float64(v)), int32(i)}
	}
	if len(keys) < radixFrom {
		slices.SortStableFunc(keys, func(a, b placed) int { return cmp.Compare(a.key, b.key) })
		return keys
	}
	var count [digits][256]int32
	for _, p := range keys {
		for d := range digits {
			count[d][p.key>>(8*d)&255]++
		}
	}
	for d := range digits {
		from := &count[d]
		if from[keys[0].key>>(8*d)&255] == int32(len(keys)) {
			continue // one digit for all, as the last ones of a float32
		}
		var at int32
		for k, c := range from {
			from[k] = at
			at += c
		}
		for _, p := range keys {
			k := p.key >> (8 * d) & 255
			spare[from[k]] = p
			from[k]++
		}
		keys, spare = spare, keys
	}
	return keys
}

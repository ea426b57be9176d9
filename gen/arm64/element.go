package main

import "math"

// An element is the type of a kernel's numbers, and what follows from it for the vectors that hold them.
type element struct {
	suffix string // of function names
	goType string
	size   int // bytes

	arrangement string // of a whole vector in Go's assembly
	lane        string // of one number in it
	gnu         string // the arrangement in GNU's assembly
	gnuLane     string
}

var (
	float32s = &element{"F32", "float32", 4, "S4", "S", "4s", "s"}
	float64s = &element{"F64", "float64", 8, "D2", "D", "2d", "d"}
	elements = []*element{float32s, float64s}
)

// bytes of a vector register.
const bytes = 16

// lanes is the elements of a vector.
func (e *element) lanes() int { return bytes / e.size }

func (e *element) double() bool { return e.size == 8 }

// sizeBit is the bit that makes a vector instruction on floating-point numbers one of float64.
func (e *element) sizeBit() uint32 {
	if e.double() {
		return 1 << 22
	}
	return 0
}

// pick returns the value that belongs to the element.
func (e *element) pick(single, double float64) float64 {
	if e.double() {
		return double
	}
	return single
}

// pickFrom returns the coefficients that belong to the element.
func (e *element) pickFrom(single []float32, double []float64) []float64 {
	if e.double() {
		return double
	}
	c := make([]float64, len(single))
	for i, v := range single {
		c[i] = float64(v)
	}
	return c
}

// bitsOf returns the pattern of a number as an element.
func (e *element) bitsOf(v float64) uint64 {
	if e.double() {
		return math.Float64bits(v)
	}
	return uint64(math.Float32bits(float32(v)))
}

// bias is that of the exponent, and fraction the bits below it.
func (e *element) bias() float64   { return e.pick(127, 1023) }
func (e *element) fraction() int   { return int(e.pick(23, 52)) }
func (e *element) signBit() uint64 { return 1 << (8*e.size - 1) }

// magic returns 1.5 2^fraction + offset: added to |x| < 2^(fraction-2) it leaves round(x) + offset in the low bits.
func (e *element) magic(offset float64) float64 {
	return 1.5*float64(uint64(1)<<e.fraction()) + offset
}

// Cody and Waite's ln 2: the first part has 16 bits, or 42 for float64, so that its products with exponents are exact.
const (
	ln2High = 0x1.62e4p-1
	ln2Low  = math.Ln2 - ln2High

	ln2HighDouble = 0x1.62e42fefa38p-1
	ln2LowDouble  = math.Ln2 - ln2HighDouble
)

func (e *element) ln2() (high, low float64) {
	return e.pick(ln2High, ln2HighDouble), e.pick(ln2Low, ln2LowDouble)
}

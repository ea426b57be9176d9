package ptxc

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A typ is a type of PTX: its class, b, u, s, f or p of predicates, and its bits.
type typ struct {
	class byte
	bits  int
}

var types = map[string]typ{
	"pred": {'p', 1}, "b8": {'b', 8}, "u8": {'u', 8}, "s8": {'s', 8}, "b16": {'b', 16}, "u16": {'u', 16}, "s16": {'s', 16},
	"b32": {'b', 32}, "u32": {'u', 32}, "s32": {'s', 32}, "f32": {'f', 32}, "b64": {'b', 64}, "u64": {'u', 64}, "s64": {'s', 64}, "f64": {'f', 64},
}

func (t typ) String() string {
	if t.class == 'p' {
		return ".pred"
	}
	return fmt.Sprintf(".%c%d", t.class, t.bits)
}

func (t typ) bytes() int { return t.bits / 8 }

// c is the type in C++.
func (t typ) c() string {
	switch {
	case t.class == 'p':
		return "bool"
	case t.class == 'f' && t.bits == 32:
		return "float"
	case t.class == 'f':
		return "double"
	case t.class == 's':
		return fmt.Sprintf("int%d_t", t.bits)
	}
	return fmt.Sprintf("uint%d_t", t.bits)
}

// unsigned is the type of the same bits without a sign.
func (t typ) unsigned() typ {
	if t.class == 's' || t.class == 'b' {
		t.class = 'u'
	}
	return t
}

func (t typ) integer() bool { return t.class == 'u' || t.class == 's' || t.class == 'b' }

// kept is the type in C++ that a register is: integers have no sign.
func (t typ) kept() string { return t.unsigned().c() }

// poison is what a register holds before it is written.
func (t typ) poison() string {
	switch {
	case t.class == 'p':
		return "false"
	case t.class == 'f':
		return `__builtin_nan("")`
	case t.bits == 64:
		return "0xdeadbeefdeadbeef"
	case t.bits == 16:
		return "0xbeef"
	}
	return "0xdeadbeef"
}

// holds says whether an instruction of a type may have a register of this type for an operand (PTX ISA, "Operand Type Checking"): of the same size, and the
// same kind but for bits without one.
func (t typ) holds(o typ) bool {
	if t.bits != o.bits || (t.class == 'p') != (o.class == 'p') {
		return false
	}
	return t.class == o.class || t.class == 'b' || o.class == 'b' || t.integer() && o.integer()
}

// widens says the same of loads, stores and conversions, whose registers may be wider than their type.
func (t typ) widens(o typ) bool { return t.holds(o) || t.integer() && o.integer() && t.bits > o.bits }

// from is an expression of one type as one of another: bits as they are, integers wider by the sign of what they are from, or cut off.
func (t typ) from(o typ, x string) string {
	switch {
	case t.c() == o.c():
		return x
	case t.class == 'f' || o.class == 'f':
		return fmt.Sprintf("bits<%s>(%s)", t.c(), x)
	}
	return fmt.Sprintf("%s(%s)", t.c(), x)
}

// literal is a number of a type, in C++.
func (t typ) literal(text string) (string, bool) {
	sign := strings.HasPrefix(text, "-")
	digits := strings.ToLower(strings.TrimPrefix(text, "-"))
	if kind, ok := map[string]int{"0f": 32, "0d": 64}[digits[:min(2, len(digits))]]; ok {
		u, err := strconv.ParseUint(digits[2:], 16, 64)
		if err != nil || sign || t.class != 'f' || t.bits != kind {
			return "", false
		}
		if f := math.Float32frombits(uint32(u)); kind == 32 && f == 0 && u == 0 {
			return "0.f", true
		}
		return fmt.Sprintf("bits<%s>(uint%d_t(%#xu))", t.c(), kind, u), true
	}
	u, err := strconv.ParseUint(digits, 0, 64)
	if err != nil || t.class == 'f' {
		return "", false
	}
	if sign {
		u = -u
	}
	if t.class == 'p' {
		return strconv.FormatBool(u != 0), true
	}
	if t.bits < 64 {
		if high := int64(u) >> (t.bits - 1); high != 0 && high != 1 && high != -1 {
			return "", false
		}
		u &= 1<<t.bits - 1
	}
	return fmt.Sprintf("%s(%#xu)", t.c(), u), true
}

package main

import (
	"fmt"
	"math"
	"math/bits"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A tier is a set of instructions that kernels are emitted for.
type tier struct {
	name      string          // suffix of function names
	bytes     int             // of a vector register
	registers int             // vector registers that exist
	isa       map[string]bool // what avo may find in its kernels
}

var (
	avx2   = &tier{"AVX2", 32, 16, set("MMX+", "AVX", "AVX2", "FMA3")}
	avx512 = &tier{"AVX512", 64, 32, set("MMX+", "AVX", "AVX2", "FMA3", "BMI2", "AVX512F", "AVX512BW", "AVX512DQ", "AVX512VL", "AVX512CD")}
	tiers  = []*tier{avx2, avx512}
)

func set(names ...string) map[string]bool {
	s := map[string]bool{}
	for _, n := range names {
		s[n] = true
	}
	return s
}

// perLine is the vectors of a cache line.
func (t *tier) perLine() int { return 64 / t.bytes }

// wide tells AVX-512 from AVX2.
func (t *tier) wide() bool { return t.bytes == 64 }

// A machine emits one file of kernels for a tier and a type of elements. It is avo's Context plus what differs between the tiers and the
// types: the width of a vector, where constants live, and how the tail of an array is loaded and stored. Instructions that take both YMM
// and ZMM operands are called directly.
type machine struct {
	*build.Context
	*tier
	*element
	labels    int
	constants map[string]operand.Mem
	crowded   bool         // constants are whole vectors in memory on AVX-512 too
	slide     *operand.Mem // AVX2's table of tail masks
	mask      reg.Register // lanes in use while the body of a tail is emitted, else nil
}

func newMachine(t *tier, e *element) *machine {
	m := &machine{Context: build.NewContext(), tier: t, element: e, constants: map[string]operand.Mem{}}
	m.ConstraintExpr("amd64,!purego")
	return m
}

// lanes is the elements of a vector.
func (m *machine) lanes() int { return m.bytes / m.size }

// function starts the kernel of a name, to which type and tier are added; the first line of its doc continues after that. The signature is
// that of float32.
func (m *machine) function(name, signature string, doc ...string) {
	name += m.suffix + m.name
	m.Function(name)
	m.Attributes(attr.NOSPLIT)
	m.Pragma("noescape")
	m.Doc(append([]string{name + " " + doc[0]}, doc[1:]...)...)
	m.SignatureExpr(strings.ReplaceAll(signature, float32s.goType, m.goType))
	m.labels = 0
}

// ret ends a kernel.
func (m *machine) ret() {
	m.VZEROUPPER()
	m.RET()
}

// label returns a label that is new in this function.
func (m *machine) label(name string) string {
	m.labels++
	return fmt.Sprintf("%s%d", name, m.labels)
}

// vec returns a new vector register.
func (m *machine) vec() reg.VecVirtual {
	if m.wide() {
		return m.ZMM()
	}
	return m.YMM()
}

func (m *machine) vecs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = m.vec()
	}
	return v
}

// bitsOf returns the pattern of a number as an element.
func (e *element) bitsOf(v float64) uint64 {
	if e.double() {
		return math.Float64bits(v)
	}
	return uint64(math.Float32bits(float32(v)))
}

// float returns the address of a constant: one element on AVX-512, a whole vector on AVX2.
func (m *machine) float(v float64) operand.Mem { return m.word(m.bitsOf(v)) }

func (m *machine) word(bits uint64) operand.Mem {
	name, n := "word", 1
	if m.crowded {
		name = "vector"
	}
	if m.crowded || !m.wide() {
		n = m.lanes()
	}
	name = fmt.Sprintf("%s_%0*x", name, 2*m.size, bits)
	if c, ok := m.constants[name]; ok {
		return c
	}
	c := m.StaticGlobal(name)
	m.DataAttributes(attr.RODATA | attr.NOPTR)
	for range n {
		m.AppendDatum(m.datum(bits))
	}
	m.constants[name] = c
	return c
}

// table returns the address of a table of float32.
func (m *machine) table(name string, values []float32) operand.Mem {
	if t, ok := m.constants[name]; ok {
		return t
	}
	t := m.StaticGlobal(name)
	m.DataAttributes(attr.RODATA | attr.NOPTR)
	for _, v := range values {
		m.AppendDatum(operand.U32(math.Float32bits(v)))
	}
	m.constants[name] = t
	return t
}

// datum is a pattern of bits as an element of a table.
func (e *element) datum(bits uint64) operand.Constant {
	if e.double() {
		return operand.U64(bits)
	}
	return operand.U32(bits)
}

// broadcast returns a register that holds v in all lanes.
func (m *machine) broadcast(v float64) reg.VecVirtual { return m.broadcastWord(m.bitsOf(v)) }

func (m *machine) broadcastWord(bits uint64) reg.VecVirtual {
	r := m.vec()
	m.VBROADCAST(m.word(bits), r)
	return r
}

// constant returns v as an operand of instructions: a register on AVX-512, which has 32, unless it is crowded, and memory on AVX2. Call it
// outside of loops.
func (m *machine) constant(v float64) operand.Op {
	if m.wide() && !m.crowded {
		return m.broadcast(v)
	}
	return m.float(v)
}

// crowd puts the constants of float64 functions, which are many, into memory until what it returns is called.
func (m *machine) crowd() (end func()) {
	m.crowded = m.double()
	return func() { m.crowded = false }
}

// polynomial returns the coefficients that belong to the element as constants.
func (m *machine) polynomial(single []float32, double []float64) []operand.Op {
	c := double
	if !m.double() {
		c = nil
		for _, v := range single {
			c = append(c, float64(v))
		}
	}
	ops := make([]operand.Op, len(c))
	for i, v := range c {
		ops[i] = m.constant(v)
	}
	return ops
}

// zero returns a register of zeros.
func (m *machine) zero() reg.VecVirtual {
	r := m.vec()
	m.clear(r)
	return r
}

func (m *machine) clear(r reg.Register) { m.VXOR(r, r, r) }

// copyOf returns a copy of a register or vector in memory.
func (m *machine) copyOf(x operand.Op) reg.VecVirtual {
	r := m.vec()
	m.VMOVU(x, r)
	return r
}

// pointer loads the address of a slice argument.
func (m *machine) pointer(name string) reg.GPVirtual {
	r := m.GP64()
	m.Load(m.Param(name).Base(), r)
	return r
}

// length loads the length of a slice argument.
func (m *machine) length(name string) reg.GPVirtual {
	r := m.GP64()
	m.Load(m.Param(name).Len(), r)
	return r
}

// stride loads a leading dimension and returns it in bytes.
func (m *machine) stride(name string) reg.GPVirtual { return m.inBytes(m.address(m.Param(name))) }

// inBytes loads a number of elements and returns it in bytes.
func (m *machine) inBytes(from operand.Mem) reg.GPVirtual {
	r := m.GP64()
	m.MOVQ(from, r)
	m.SHLQ(operand.U8(bits.TrailingZeros(uint(m.size))), r)
	return r
}

// scalar loads a number into all lanes.
func (m *machine) scalar(name string) reg.VecVirtual {
	r := m.vec()
	m.VBROADCAST(m.address(m.Param(name)), r)
	return r
}

// address returns where an argument lies.
func (m *machine) address(c gotypes.Component) operand.Mem {
	b, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// at addresses vector k after p.
func (m *machine) at(p reg.Register, k int) operand.Mem {
	return operand.Mem{Base: p, Disp: k * m.bytes}
}

// flush makes denormals 0, as arguments and results, until restore: each costs Intel's processors a microcode assist of a hundred
// cycles and more, and a sharp plan is full of them. Both together cost 5 ns. A leaf without a frame keeps the control words in arguments that it has read or never reads: the leading dimension and the
// length of the matrix.
func (m *machine) flush(matrix string) {
	const flushToZero, denormalsAreZero = 1 << 15, 1 << 6
	saved, changed := m.controlWords(matrix)
	r := m.GP64()
	m.VSTMXCSR(saved)
	m.MOVQ(saved, r)
	m.ORQ(operand.U32(flushToZero|denormalsAreZero), r)
	m.MOVQ(r, changed)
	m.VLDMXCSR(changed)
}

func (m *machine) restore(matrix string) {
	saved, _ := m.controlWords(matrix)
	m.VLDMXCSR(saved)
}

func (m *machine) controlWords(matrix string) (saved, changed operand.Mem) {
	return m.address(m.Param("ld" + matrix)), m.address(m.Param(matrix).Len())
}

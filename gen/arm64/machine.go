package main

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
)

// A machine emits one file of kernels for a type of elements. Its methods have the names of those of gen/amd64 where they do the same.
type machine struct {
	*code          // of the kernel in hand
	*frame         // and its arguments
	single    bool // the body of a tail is emitted: loads and stores are of one element
	crowded   bool // polynomials take fewer registers: all of their coefficients are in memory
	functions []function
	words     map[uint64]bool // constants of one number
	tables    [][]float64     // of whole vectors
}

func newMachine(e *element) *machine {
	return &machine{code: &code{element: e}, words: map[uint64]bool{}}
}

// A function is a finished kernel.
type function struct {
	name, signature string
	doc             []string
	size            int // of its arguments and results
	body            string
}

// function starts the kernel of a name, to which type and tier are added; the first line of its doc continues after that. The signature
// is that of float32, which stands for the type of elements in the doc too.
func (m *machine) function(name, signature string, doc ...string) {
	name += m.suffix + "NEON"
	signature = strings.ReplaceAll(signature, float32s.goType, m.goType)
	f, err := newFrame(signature)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	m.code, m.frame = &code{element: m.element}, f
	lines := append([]string{name + " " + doc[0]}, doc[1:]...)
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(line, float32s.goType, m.goType)
	}
	m.functions = append(m.functions, function{name: name, signature: signature, doc: lines, size: f.total})
}

// ret ends a kernel.
func (m *machine) ret() {
	m.RET()
	fn := &m.functions[len(m.functions)-1]
	physical, err := m.allocate()
	if err != nil {
		panic(fmt.Sprintf("%s: %v", fn.name, err))
	}
	var b strings.Builder
	m.print(&b, physical)
	fn.body = b.String()
}

// word loads the address of a constant.
func (m *machine) word(bits uint64) gp {
	m.words[bits] = true
	return m.symbol(m.wordName(bits))
}

// table loads the address of whole vectors, each of one number.
func (m *machine) table(numbers []float64) gp {
	i := slices.IndexFunc(m.tables, func(t []float64) bool { return slices.Equal(t, numbers) })
	if i < 0 {
		i = len(m.tables)
		m.tables = append(m.tables, numbers)
	}
	return m.symbol(tableName(i))
}

func tableName(i int) string { return fmt.Sprintf("vectors%d<>", i) }

func (m *machine) wordName(bits uint64) string { return fmt.Sprintf("word_%0*x<>", 2*m.size, bits) }

// symbol loads the address of data.
func (m *machine) symbol(name string) gp {
	r := m.gp()
	m.named("MOVD $%s(SB), %v", nil, []reg{r}, name, r)
	return r
}

// data returns the constants of the file.
func (m *machine) data() string {
	var b strings.Builder
	for _, bits := range slices.Sorted(maps.Keys(m.words)) {
		m.datum(&b, m.wordName(bits), 1, bits)
	}
	for i, table := range m.tables {
		var words []uint64
		for _, v := range table {
			words = append(words, m.bitsOf(v))
		}
		m.datum(&b, tableName(i), m.lanes(), words...)
	}
	return b.String()
}

// datum writes words, each several times, as the data of a symbol.
func (m *machine) datum(b *strings.Builder, name string, times int, words ...uint64) {
	b.WriteString("\n")
	for i, bits := range words {
		for k := range times {
			fmt.Fprintf(b, "DATA %s+%d(SB)/%d, $0x%0*x\n", name, (i*times+k)*m.size, m.size, 2*m.size, bits)
		}
	}
	fmt.Fprintf(b, "GLOBL %s(SB), RODATA|NOPTR, $%d\n", name, len(words)*times*m.size)
}

// broadcast returns a register that holds v in all lanes. Call it outside of loops.
func (m *machine) broadcast(v float64) vec { return m.broadcastWord(m.bitsOf(v)) }

func (m *machine) broadcastWord(bits uint64) vec {
	r := m.vec()
	m.VLD1R(m.word(bits), r)
	return r
}

// zero returns a register of zeros.
func (m *machine) zero() vec {
	r := m.vec()
	m.VMOVI(r)
	return r
}

func (m *machine) zeros(n int) []vec {
	v := make([]vec, n)
	for i := range v {
		v[i] = m.zero()
	}
	return v
}

func (m *machine) copyOf(x vec) vec {
	r := m.vec()
	m.VMOV(x, r)
	return r
}

// pointer loads the address of a slice argument.
func (m *machine) pointer(name string) gp { return m.integer(name + "_base") }

// length loads the length of a slice argument.
func (m *machine) length(name string) gp { return m.integer(name + "_len") }

// integer loads a parameter that is a number or a pointer.
func (m *machine) integer(name string) gp {
	r := m.gp()
	m.named("MOVD %s, %v", nil, []reg{r}, m.address(name), r)
	return r
}

// stride loads a number of elements and returns it in bytes.
func (m *machine) stride(name string) gp {
	r := m.integer(name)
	m.LSL(bits.TrailingZeros(uint(m.size)), r, r)
	return r
}

// scalar loads an element that is an argument into all lanes.
func (m *machine) scalar(name string) vec {
	r := m.vec()
	m.named(m.FMOV()+" %s, %v", nil, []reg{r}, m.address(name), fp{r})
	m.VDUP(0, r, r)
	return r
}

// result stores the first lane of x in a result.
func (m *machine) result(name string, x vec) {
	m.named(m.FMOV()+" %v, %s", []reg{x}, nil, fp{x}, m.address(name))
}

// at addresses vector k after p.
func (m *machine) at(p gp, k int) mem { return mem{p, k * bytes} }

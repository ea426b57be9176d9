package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// lanes and bytes of a vector of float32.
const (
	lanes = 4
	bytes = 16
)

// A machine emits one file of float32 kernels. Its methods have the names of those of gen/amd64 where they do the same.
type machine struct {
	*code          // of the kernel in hand
	*frame         // and its arguments
	single    bool // the body of a tail is emitted: loads and stores are of one element
	functions []function
	constants map[uint32]bool
}

// A function is a finished kernel.
type function struct {
	name, signature string
	doc             []string
	size            int // of its arguments and results
	body            string
}

// function starts the kernel nameF32NEON; the first line of its doc continues after that name.
func (m *machine) function(name, signature string, doc ...string) {
	name += "F32NEON"
	f, err := newFrame(signature)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	m.code, m.frame = &code{}, f
	doc = append([]string{name + " " + doc[0]}, doc[1:]...)
	m.functions = append(m.functions, function{name: name, signature: signature, doc: doc, size: f.size})
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
func (m *machine) word(bits uint32) gp {
	m.constants[bits] = true
	r := m.gp()
	m.named("MOVD $%s, %v", nil, []reg{r}, wordName(bits), r)
	return r
}

func wordName(bits uint32) string { return fmt.Sprintf("word_%08x<>(SB)", bits) }

// data returns the constants of the file.
func (m *machine) data() string {
	var b strings.Builder
	for _, bits := range slices.Sorted(maps.Keys(m.constants)) {
		name := strings.TrimSuffix(wordName(bits), "(SB)")
		fmt.Fprintf(&b, "\nDATA %s+0(SB)/4, $0x%08x\nGLOBL %s(SB), RODATA|NOPTR, $4\n", name, bits, name)
	}
	return b.String()
}

// broadcast returns a register that holds v in all lanes. Call it outside of loops.
func (m *machine) broadcast(v float32) vec { return m.broadcastWord(math.Float32bits(v)) }

func (m *machine) broadcastWord(bits uint32) vec {
	r := m.vec()
	m.VLD1R(m.word(bits), r)
	return r
}

func (m *machine) polynomial(c []float32) []vec {
	v := make([]vec, len(c))
	for i := range c {
		v[i] = m.broadcast(c[i])
	}
	return v
}

// zero returns a register of zeros.
func (m *machine) zero() vec {
	r := m.vec()
	m.VMOVI(r)
	return r
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
	m.LSL(2, r, r)
	return r
}

// scalar loads a float32 argument into all lanes.
func (m *machine) scalar(name string) vec {
	r := m.vec()
	m.named("FMOVS %s, %v", nil, []reg{r}, m.address(name), fp{r})
	m.VDUP(0, r, r)
	return r
}

// result stores the first lane of x in a result.
func (m *machine) result(name string, x vec) {
	m.named("FMOVS %v, %s", []reg{x}, nil, fp{x}, m.address(name))
}

// at addresses vector k after p.
func (m *machine) at(p gp, k int) mem { return mem{p, k * bytes} }

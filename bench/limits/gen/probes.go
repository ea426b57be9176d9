package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// A tier is a width of vectors. Registers are named, not allocated: AVX2 has the first 16.
type tier struct {
	name   string
	bytes  int
	vector []reg.VecPhysical
}

var tiers = []tier{
	{"AVX2", 32, []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7, reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}},
	{"AVX512", 64, []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15}},
}

// chains is the number of independent sums in a loop: two multipliers of latency four need eight, and two of latency five ten.
const chains = 12

// A prober emits probes for a tier.
type prober struct {
	*build.Context
	tier
	half, scratch reg.VecPhysical
}

// probes returns the files of the probes.
func probes() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, t := range tiers {
		p := &prober{Context: build.NewContext(), tier: t, half: t.vector[chains], scratch: t.vector[chains+1]}
		p.ConstraintExpr("amd64,!purego")
		p.emit()
		f, err := p.Result()
		if err != nil {
			return nil, err
		}
		if err := pass.Compile.Execute(f); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		cfg := printer.Config{Name: "bench/limits/gen", Pkg: "asm"}
		name := "probes_" + strings.ToLower(t.name) + "_amd64"
		if files[name+".s"], err = printer.NewGoAsm(cfg).Print(f); err != nil {
			return nil, err
		}
		if files[name+".go"], err = printer.NewStubs(cfg).Print(f); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (p *prober) emit() {
	fma := func(k int) { p.VFMADD213PS(p.half, p.half, p.vector[k]) }
	add := func(int) { p.VADDPS(p.half, p.half, p.scratch) }
	integer := func(int) { p.VPADDD(p.half, p.half, p.vector[chains+2]) }
	const halve = "multiply and add: x = x/2 + 1/2, which tends to 1"
	p.operations("FMA", halve, fma)
	p.operations("Add", "additions", add)
	p.operations("FMAAdd", halve+"; and as many additions", fma, add)
	p.operations("FMAAddInteger", halve+"; and as many additions of floats and of integers", fma, add, integer)
	if p.bytes == 64 {
		p.rare("Scale", "VSCALEFPS", func(int) { p.VSCALEFPS(p.half, p.half, p.scratch) }, fma, add)
		p.rare("Reduce", "VREDUCEPS", func(int) { p.VREDUCEPS(operand.U8(9), p.half, p.scratch) }, fma, add)
	}
	p.read("Read", 1)
	p.read("Read4", 4)
	p.load()
	p.store()
	if p.bytes == 32 {
		p.clock()
	}
}

// rare emits an operation on its own, and as one of five beside multiplications and beside additions, as in an exponential.
func (p *prober) rare(name, doc string, op, fma, add func(k int)) {
	p.operations(name, doc, op)
	beside := func(other func(k int)) func(k int) {
		return func(k int) {
			other(k)
			if k%4 == 0 {
				op(k)
			}
		}
	}
	p.operations("FMA"+name, "multiply and add; and "+doc+" a quarter as often", beside(fma))
	p.operations("Add"+name, "additions; and "+doc+" a quarter as often", beside(add))
}

func (p *prober) start(name, signature string, doc ...string) {
	name += p.name
	p.Function(name)
	p.Attributes(attr.NOSPLIT)
	p.Pragma("noescape")
	p.Doc(append([]string{name + " " + doc[0]}, doc[1:]...)...)
	p.SignatureExpr(signature)
}

func (p *prober) end() {
	p.VZEROUPPER()
	p.RET()
}

func (p *prober) zero(r reg.VecPhysical) {
	x := r.AsX()
	p.VXORPS(x, x, x) // clears the whole register
}

// loop emits body until the counter is 0; body is emitted once.
func (p *prober) loop(n reg.GPVirtual, step int, body func()) {
	p.Label("loop")
	body()
	p.SUBQ(operand.U32(step), n)
	p.JA(operand.LabelRef("loop"))
}

// operations emits a loop of kinds of operations, chains of each, that touches no memory.
func (p *prober) operations(name, doc string, kinds ...func(k int)) {
	p.start(name, "func(n int, out []float32)",
		fmt.Sprintf("runs n > 0 times %d vector operations in registers: %s.", chains, doc),
		"It sets out, one vector, to the sum of the x, each 0 at first.")
	n := p.Load(p.Param("n"), p.GP64()).(reg.GPVirtual)
	out := p.Load(p.Param("out").Base(), p.GP64())
	half := p.GP32()
	p.MOVL(operand.U32(math.Float32bits(.5)), half)
	p.VMOVD(half, p.half.AsX())
	p.VBROADCASTSS(p.half.AsX(), p.half)
	for k := range chains {
		p.zero(p.vector[k])
	}
	p.loop(n, 1, func() {
		for k := range chains {
			for _, kind := range kinds {
				kind(k)
			}
		}
	})
	p.sum(out)
	p.end()
}

// sum stores the sum of the chains.
func (p *prober) sum(out reg.Register) {
	for k := 1; k < chains; k++ {
		p.VADDPS(p.vector[k], p.vector[0], p.vector[0])
	}
	p.VMOVUPS(p.vector[0], operand.Mem{Base: out})
}

// Bytes of a stream that an iteration of a reading loop takes, and how far ahead it fetches where it reads from several places: the distance of the sweeps.
const (
	readBytes = 512
	readAhead = 2048
)

// read emits the sum of an array that is read several times, as one stream or several side by side.
func (p *prober) read(name string, streams int) {
	p.start(name, "func(passes int, x []float32, out []float32)",
		fmt.Sprintf("sums x passes > 0 times over, reading it from %d places at once, and sets out, one vector, to the", streams),
		fmt.Sprintf("sums of its lanes. x has a multiple of %d elements, at least one.", streams*readBytes/4))
	passes := p.Load(p.Param("passes"), p.GP64()).(reg.GPVirtual)
	out := p.Load(p.Param("out").Base(), p.GP64())
	n := p.GP64()
	base := make([]reg.Register, streams)
	for s := range base {
		base[s] = p.GP64()
	}
	for k := range chains {
		p.zero(p.vector[k])
	}
	p.Label("pass")
	p.Load(p.Param("x").Len(), n)
	p.Load(p.Param("x").Base(), base[0])
	for s := 1; s < streams; s++ {
		p.LEAQ(operand.Mem{Base: base[s-1], Index: n, Scale: uint8(4 / streams)}, base[s])
	}
	p.loop(n, streams*readBytes/4, func() {
		k := 0
		for at := 0; at < readBytes; at += p.bytes {
			for _, b := range base {
				if at%64 == 0 && streams > 1 {
					p.PREFETCHT0(operand.Mem{Base: b, Disp: at + readAhead})
				}
				p.VADDPS(operand.Mem{Base: b, Disp: at}, p.vector[k], p.vector[k])
				k = (k + 1) % chains
			}
		}
		for _, b := range base {
			p.ADDQ(operand.U32(readBytes), b)
		}
	})
	p.SUBQ(operand.U32(1), passes)
	p.JNZ(operand.LabelRef("pass"))
	p.sum(out)
	p.end()
}

// load emits loads alone, for the rate of the first level of cache.
func (p *prober) load() {
	p.start("Load", "func(n int, x []float32)", fmt.Sprintf("loads n times the first %d vectors of x, n > 0.", chains))
	n := p.Load(p.Param("n"), p.GP64()).(reg.GPVirtual)
	x := p.Load(p.Param("x").Base(), p.GP64())
	p.loop(n, 1, func() {
		for k := range chains {
			p.VMOVUPS(operand.Mem{Base: x, Disp: k * p.bytes}, p.vector[k])
		}
	})
	p.end()
}

// store emits stores alone.
func (p *prober) store() {
	p.start("Store", "func(n int, x []float32)", fmt.Sprintf("clears n times the first %d vectors of x, n > 0.", chains))
	n := p.Load(p.Param("n"), p.GP64()).(reg.GPVirtual)
	x := p.Load(p.Param("x").Base(), p.GP64())
	p.zero(p.scratch)
	p.loop(n, 1, func() {
		for k := range chains {
			p.VMOVUPS(p.scratch, operand.Mem{Base: x, Disp: k * p.bytes})
		}
	})
	p.end()
}

// clock emits a chain of additions of one cycle each. Register to register: additions of constants are free on some processors.
func (p *prober) clock() {
	const steps = 32
	p.Function("Clock")
	p.Attributes(attr.NOSPLIT)
	p.Doc(fmt.Sprintf("Clock returns 2^(%d n) modulo 2^64 by additions that each take one cycle and wait for the one before, for n > 0.", steps))
	p.SignatureExpr("func(n int) uint64")
	n := p.Load(p.Param("n"), p.GP64()).(reg.GPVirtual)
	x := p.GP64()
	p.MOVQ(operand.U32(1), x)
	p.loop(n, 1, func() {
		for range steps {
			p.ADDQ(x, x)
		}
	})
	p.Store(x, p.ReturnIndex(0))
	p.RET()
}

package main

import (
	"fmt"
	"strings"
)

// A vec is a virtual vector register and a gp a virtual general-purpose one; allocate gives them real ones.
type (
	vec struct{ id int }
	gp  struct{ id int }
)

// A reg is a vec or a gp.
type reg interface{ name(physical int) string }

func (vec) name(physical int) string { return fmt.Sprintf("V%d", physical) }
func (gp) name(physical int) string  { return fmt.Sprintf("R%d", physical) }

// An fp is a vector register as the scalar in its first lane; writing it clears the other lanes.
type fp struct{ vec }

func (fp) name(physical int) string { return fmt.Sprintf("F%d", physical) }

// A mem is the address disp bytes after base.
type mem struct {
	base gp
	disp int
}

// An inst is a label, a comment or an instruction.
type inst struct {
	label, comment string

	format string // of args; registers are printed by %v, in a word as numbers
	args   []any
	in     []reg // vec and gp only
	out    []reg
	target string // the label that it may jump to
	ends   bool   // whether it never runs on into the next

	word   uint32 // an instruction without a name: its bits but the registers, to be placed at
	shifts []uint // these bits, one for each of args
}

// code is the body of a function on vectors of an element.
type code struct {
	*element
	insts  []inst
	nv, ng int // virtual registers in use
	labels int
}

func (c *code) vec() vec { c.nv++; return vec{c.nv - 1} }
func (c *code) gp() gp   { c.ng++; return gp{c.ng - 1} }

func (c *code) vecs(n int) []vec {
	v := make([]vec, n)
	for i := range v {
		v[i] = c.vec()
	}
	return v
}

func (c *code) emit(i inst) { c.insts = append(c.insts, i) }

// label returns a label that is new in this function.
func (c *code) label(name string) string {
	c.labels++
	return fmt.Sprintf("%s%d", name, c.labels)
}

// Label places a label.
func (c *code) Label(name string) { c.emit(inst{label: name}) }

// Commentf places a comment.
func (c *code) Commentf(format string, args ...any) {
	c.emit(inst{comment: fmt.Sprintf(format, args...)})
}

// named emits an instruction that Go's assembler has.
func (c *code) named(format string, in, out []reg, args ...any) {
	c.emit(inst{format: strings.NewReplacer("<T>", c.arrangement, "<Ts>", c.lane).Replace(format), args: args, in: in, out: out})
}

// The places of registers in the bits of an instruction.
const (
	bitsD = 0
	bitsN = 5
	bitsM = 16
)

// encoded emits an instruction that Go's assembler lacks, with its destination first, as GNU's does.
func (c *code) encoded(word uint32, format string, reads []vec, dst vec, args ...vec) {
	format = strings.NewReplacer("<T>", c.gnu, "<Ts>", c.gnuLane).Replace(format)
	i := inst{format: format, word: word, shifts: []uint{bitsD, bitsN, bitsM}[:1+len(args)], args: []any{dst}, out: []reg{dst}}
	for _, a := range args {
		i.args = append(i.args, a)
	}
	for _, r := range append(reads, args...) {
		i.in = append(i.in, r)
	}
	c.emit(i)
}

// print writes the instructions with the registers that they were given.
func (c *code) print(b *strings.Builder, physical map[reg]int) {
	for _, i := range c.insts {
		switch {
		case i.label != "":
			fmt.Fprintf(b, "\n%s:\n", i.label)
		case i.comment != "":
			fmt.Fprintf(b, "\t// %s\n", i.comment)
		case i.word != 0:
			word, args := i.word, make([]any, len(i.args))
			for k, a := range i.args {
				word |= uint32(physical[a.(vec)]) << i.shifts[k]
				args[k] = physical[a.(vec)]
			}
			fmt.Fprintf(b, "\tWORD $0x%08x // %s\n", word, fmt.Sprintf(i.format, args...))
		default:
			args := make([]any, len(i.args))
			for k, a := range i.args {
				switch a := a.(type) {
				case fp:
					args[k] = a.name(physical[a.vec])
				case reg:
					args[k] = a.name(physical[a])
				default:
					args[k] = a
				}
			}
			fmt.Fprintf(b, "\t%s\n", fmt.Sprintf(i.format, args...))
		}
	}
}

package ptxc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	sharedBase = 1024 // where a block's shared memory begins in its space: an address of 0 is none
	sharedGap  = 64   // between variables, so that what leaves one does not come into the next
)

// A translator makes one kernel.
type translator struct {
	*module
	entry   entry
	scopes  []map[string]register
	ranges  []register // such as %r0 to %r17
	symbols map[string]int
	labels  map[string]bool
	code    strings.Builder
}

// A register is one, or, with a count, those of a range.
type register struct {
	name  string
	typ   typ
	count int
}

// translate returns a kernel.
func (m *module) translate(e entry) (Kernel, error) {
	t := &translator{module: m, entry: e, scopes: []map[string]register{{}}, symbols: map[string]int{}, labels: map[string]bool{}}
	k := Kernel{Name: e.name, Threads: e.threads, Lines: e.lines, Symbol: "kernel_" + e.name}
	for _, p := range e.parameters {
		letter := map[typ]string{{'u', 32}: "u", {'b', 32}: "u", {'s', 32}: "u", {'u', 64}: "l", {'b', 64}: "l", {'s', 64}: "l", {'f', 32}: "f", {'f', 64}: "d"}[p.typ]
		if letter == "" {
			return k, t.fault(e.line, "parameter %s of type %s", p.name, p.typ)
		}
		k.Parameters += letter
	}
	t.place(&k)
	for _, s := range e.body {
		if s.label != "" {
			t.labels[s.label] = true
		}
	}
	for _, s := range e.body {
		if err := t.statement(s); err != nil {
			return k, err
		}
	}
	k.Code = fmt.Sprintf("extern \"C\" void %s(void **parameters) {\n%s}\n", k.Symbol, t.code.String())
	return k, nil
}

// place lays out the shared memory that the kernel names.
func (t *translator) place(k *Kernel) {
	used := map[string]bool{}
	var look func(os []operand)
	look = func(os []operand) {
		for _, o := range os {
			used[o.text] = true
			look(o.vector)
		}
	}
	for _, s := range t.entry.body {
		look(s.operands)
	}
	at := sharedBase
	for _, v := range t.module.shared {
		if !used[v.name] || v.dynamic {
			continue
		}
		at = up(at, max(v.align, 16))
		t.symbols[v.name] = at
		k.Layout = append(k.Layout, Range{at, v.size})
		k.Shared = up(k.Shared, v.align) + v.size
		at += v.size + sharedGap
	}
	k.Dynamic = up(at, 16)
	for _, v := range t.module.shared {
		if v.dynamic {
			t.symbols[v.name] = k.Dynamic
		}
	}
}

func up(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }

func (t *translator) emit(format string, args ...any) { fmt.Fprintf(&t.code, format, args...) }

// statement writes one in C++, on a line of its own.
func (t *translator) statement(s statement) error {
	switch {
	case s.brace == "{":
		t.scopes = append(t.scopes, map[string]register{})
		t.emit("{\n")
	case s.brace == "}":
		t.scopes = t.scopes[:len(t.scopes)-1]
		t.emit("}\n")
	case s.label != "":
		t.emit("%s:;\n", name(s.label))
	case s.register != "":
		t.declare(s)
	case s.op == nil: // a pragma
	default:
		return t.instruction(s)
	}
	return nil
}

var plain = strings.NewReplacer("%", "", "$", "_", ".", "_")

// name makes a register or a label of PTX a word of C++.
func name(word string) string { return "v" + plain.Replace(word) }

func (t *translator) declare(s statement) {
	if s.count == 0 {
		t.scopes[len(t.scopes)-1][s.register] = register{s.register, s.typ, 0}
		t.emit("%s %s = %s;\n", s.typ.kept(), name(s.register), s.typ.poison())
		return
	}
	t.ranges = append(t.ranges, register{s.register, s.typ, s.count})
	t.emit("%s ", s.typ.kept())
	for i := range s.count {
		if i > 0 {
			t.emit(", ")
		}
		t.emit("%s%d = %s", name(s.register), i, s.typ.poison())
	}
	t.emit(";\n")
}

// find returns the register of a name.
func (t *translator) find(word string) (register, bool) {
	for _, scope := range slices.Backward(t.scopes) {
		if r, ok := scope[word]; ok {
			return r, true
		}
	}
	for _, r := range t.ranges {
		if n, ok := strings.CutPrefix(word, r.name); ok {
			if i, err := strconv.Atoi(n); err == nil && i >= 0 && i < r.count {
				return register{word, r.typ, 0}, true
			}
		}
	}
	return register{}, false
}

// specials are the registers that say which thread this is.
var specials = map[string]string{}

func init() {
	for _, r := range []string{"tid", "ntid", "ctaid", "nctaid"} {
		for i, axis := range []string{"x", "y", "z"} {
			specials["%"+r+"."+axis] = fmt.Sprintf("%s(%d)", r, i)
		}
	}
	specials["%laneid"] = "laneid()"
	specials["%lanemask_lt"] = "((1u << laneid()) - 1)"
	specials["%lanemask_eq"] = "(1u << laneid())"
}

// read returns an operand of a type, in C++. With wider, its register may be wider than the type.
func (t *translator) read(s statement, o operand, as typ, wider bool) (string, error) {
	if o.vector != nil || o.address {
		return "", t.fault(s.line, "want a register or a number for an operand of %s", strings.Join(s.op, "."))
	}
	if r, ok := t.find(o.text); ok {
		if !r.typ.holds(as) && !(wider && r.typ.widens(as)) {
			return "", t.fault(s.line, "register %s of type %s for an operand of type %s", o.text, r.typ, as)
		}
		return as.from(r.typ.unsigned(), name(o.text)), nil
	}
	if x, ok := specials[o.text]; ok && as.integer() && as.bits == 32 {
		return x, nil
	}
	if at, ok := t.symbols[o.text]; ok && as.integer() && as.bits >= 32 {
		return fmt.Sprintf("%s(%d)", as.c(), at), nil
	}
	if o.text[0] == '-' || o.text[0] >= '0' && o.text[0] <= '9' {
		if x, ok := as.literal(o.text); ok {
			return x, nil
		}
		return "", t.fault(s.line, "the number %s for an operand of type %s", o.text, as)
	}
	return "", t.fault(s.line, "unknown operand %s of type %s", o.text, as)
}

// write writes the assignment of a value of a type to a register.
func (t *translator) write(s statement, o operand, as typ, wider bool, value string) error {
	r, ok := t.find(o.text)
	if !ok || o.vector != nil || o.address {
		return t.fault(s.line, "want a register for the result of %s, have %q", strings.Join(s.op, "."), o.text)
	}
	if !r.typ.holds(as) && !(wider && r.typ.widens(as)) {
		return t.fault(s.line, "register %s of type %s for a result of type %s", o.text, r.typ, as)
	}
	t.emit("%s = %s;\n", name(o.text), r.typ.unsigned().from(as, value))
	return nil
}

// address returns an operand's address in C++, of 64 bits. Only in shared memory may registers be of 32.
func (t *translator) address(s statement, o operand, narrow bool) (string, error) {
	if !o.address {
		return "", t.fault(s.line, "want an address in brackets")
	}
	base := ""
	if r, ok := t.find(o.text); ok {
		if !r.typ.integer() || r.typ.bits != 64 && !(narrow && r.typ.bits == 32) {
			return "", t.fault(s.line, "register %s of type %s for an address", o.text, r.typ)
		}
		base = fmt.Sprintf("uint64_t(%s)", name(o.text))
	} else if at, ok := t.symbols[o.text]; ok && narrow {
		base = fmt.Sprintf("uint64_t(%d)", at)
	} else {
		return "", t.fault(s.line, "unknown address %s", o.text)
	}
	if o.offset != 0 {
		base += fmt.Sprintf(" + uint64_t(%dll)", o.offset)
	}
	return base, nil
}

// instruction writes one, behind its predicate.
func (t *translator) instruction(s statement) error {
	if s.guard != "" {
		r, ok := t.find(s.guard)
		if !ok || r.typ.class != 'p' {
			return t.fault(s.line, "want a predicate behind @, have %q", s.guard)
		}
		not := ""
		if s.negated {
			not = "!"
		}
		t.emit("if (%s%s) ", not, name(s.guard))
	}
	handler, ok := instructions[s.op[0]]
	if !ok {
		return t.fault(s.line, "unknown instruction %s", strings.Join(s.op, "."))
	}
	t.emit("{ ")
	if err := handler(t, s); err != nil {
		return err
	}
	t.emit("}\n")
	return nil
}

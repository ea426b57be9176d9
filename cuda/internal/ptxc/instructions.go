package ptxc

import (
	"fmt"
	"strings"
)

// instructions are those that are known, by the first part of their opcode.
var instructions map[string]func(*translator, statement) error

func init() {
	instructions = map[string]func(*translator, statement) error{
		"mov": (*translator).mov, "ld": (*translator).ld, "st": (*translator).st, "cvt": (*translator).cvt, "cvta": (*translator).cvta,
		"setp": (*translator).setp, "selp": (*translator).selp, "bra": (*translator).bra, "ret": (*translator).ret, "bar": (*translator).bar,
		"shfl": (*translator).shfl, "mma": (*translator).mma, "cp": (*translator).cp, "atom": (*translator).atom,
	}
	for op, forms := range formulas {
		instructions[op] = func(t *translator, s statement) error { return t.formula(s, forms) }
	}
}

// A form is an instruction that is a formula of its operands.
type form struct {
	modifiers string // between the operation and the type, such as lo.
	classes   string // of types
	bits      string // of types
	value     string // $0 to $2 are the operands, LINE the line
	operands  string // the type of each: t the instruction's, u that without a sign, 4 .u32
	result    string // the type of the result: t, u, 4, or w of twice the bits
}

// formulas are the forms of each operation. Integers wrap around.
var formulas = map[string][]form{
	"add": {{"", "us", "16 32 64", "$0 + $1", "uu", "u"}, {"", "f", "32 64", "$0 + $1", "tt", "t"}, {"rn.", "f", "32 64", "apart($0 + $1)", "tt", "t"}},
	"sub": {{"", "us", "16 32 64", "$0 - $1", "uu", "u"}, {"", "f", "32 64", "$0 - $1", "tt", "t"}, {"rn.", "f", "32 64", "apart($0 - $1)", "tt", "t"}},
	"mul": {{"", "f", "32 64", "$0 * $1", "tt", "t"}, {"rn.", "f", "32 64", "apart($0 * $1)", "tt", "t"}, {"lo.", "us", "32 64", "$0 * $1", "uu", "u"},
		{"wide.", "us", "32", "$W($0) * $W($1)", "tt", "w"}},
	"mad":   {{"lo.", "us", "32 64", "$0 * $1 + $2", "uuu", "u"}},
	"fma":   {{"rn.", "f", "32 64", "fused($0, $1, $2)", "ttt", "t"}},
	"div":   {{"", "us", "32 64", "quotient($0, $1, LINE)", "tt", "t"}, {"rn.", "f", "32 64", "$0 / $1", "tt", "t"}},
	"rem":   {{"", "us", "32 64", "remainder($0, $1, LINE)", "tt", "t"}},
	"neg":   {{"", "s", "32 64", "-$0", "u", "u"}, {"", "f", "32 64", "-$0", "t", "t"}},
	"abs":   {{"", "f", "32 64", "absolute($0)", "t", "t"}},
	"min":   {{"", "us", "32 64", "$0 < $1 ? $0 : $1", "tt", "t"}, {"", "f", "32 64", "least($0, $1)", "tt", "t"}},
	"max":   {{"", "us", "32 64", "$0 < $1 ? $1 : $0", "tt", "t"}, {"", "f", "32 64", "greatest($0, $1)", "tt", "t"}},
	"and":   {{"", "bp", "1 16 32 64", "$0 & $1", "tt", "t"}},
	"or":    {{"", "bp", "1 16 32 64", "$0 | $1", "tt", "t"}},
	"xor":   {{"", "bp", "1 16 32 64", "$0 ^ $1", "tt", "t"}},
	"not":   {{"", "b", "16 32 64", "~$0", "t", "t"}, {"", "p", "1", "!$0", "t", "t"}},
	"shl":   {{"", "b", "32 64", "shifted_left($0, $1)", "t4", "t"}},
	"shr":   {{"", "bus", "32 64", "shifted_right($0, $1)", "t4", "t"}},
	"bfe":   {{"", "u", "32", "field($0, $1, $2)", "t44", "t"}},
	"clz":   {{"", "b", "32 64", "leading_zeros($0)", "t", "4"}},
	"rcp":   {{"rn.", "f", "32 64", "1 / $0", "t", "t"}, {"approx.ftz.", "f", "32", "reciprocal_approx($0)", "t", "t"}},
	"sqrt":  {{"rn.", "f", "32 64", "root($0)", "t", "t"}, {"approx.ftz.", "f", "32", "root_approx($0)", "t", "t"}},
	"rsqrt": {{"approx.ftz.", "f", "32", "inverse_root_approx($0)", "t", "t"}},
	"ex2":   {{"approx.ftz.", "f", "32", "exp2_approx($0)", "t", "t"}},
	"lg2":   {{"approx.ftz.", "f", "32", "log2_approx($0)", "t", "t"}},
}

// unknown is the error of an opcode that is none.
func (t *translator) unknown(s statement) error {
	return t.fault(s.line, "unknown instruction %s with %d operands", strings.Join(s.op, "."), len(s.operands))
}

// last returns the type that an opcode ends with, and its modifiers before it, each with a dot behind.
func (t *translator) last(s statement) (as typ, modifiers string, err error) {
	as, ok := types[s.op[len(s.op)-1]]
	if !ok {
		return as, "", t.unknown(s)
	}
	for _, m := range s.op[1 : len(s.op)-1] {
		modifiers += m + "."
	}
	return as, modifiers, nil
}

func (t *translator) formula(s statement, forms []form) error {
	as, modifiers, err := t.last(s)
	if err != nil {
		return err
	}
	named := func(letter byte) typ {
		switch letter {
		case 'u':
			return as.unsigned()
		case '4':
			return types["u32"]
		case 'w':
			return typ{as.class, 2 * as.bits}
		}
		return as
	}
	for _, f := range forms {
		if f.modifiers != modifiers || !strings.Contains(f.classes, string(as.class)) || !strings.Contains(" "+f.bits+" ", fmt.Sprintf(" %d ", as.bits)) ||
			len(s.operands) != len(f.operands)+1 {
			continue
		}
		replace := []string{"LINE", fmt.Sprint(s.line), "$W", named('w').c()}
		for i, o := range s.operands[1:] {
			x, err := t.read(s, o, named(f.operands[i]), false)
			if err != nil {
				return err
			}
			replace = append(replace, fmt.Sprintf("$%d", i), x)
		}
		return t.write(s, s.operands[0], named(f.result[0]), false, strings.NewReplacer(replace...).Replace(f.value))
	}
	return t.unknown(s)
}

// mov copies, or takes a register apart into a vector, or puts one together.
func (t *translator) mov(s statement) error {
	as, modifiers, err := t.last(s)
	if err != nil || modifiers != "" || len(s.operands) != 2 {
		return t.unknown(s)
	}
	to, from := s.operands[0], s.operands[1]
	part := types["b32"]
	switch {
	case to.vector == nil && from.vector == nil:
		x, err := t.read(s, from, as, false)
		if err != nil {
			return err
		}
		return t.write(s, to, as, false, x)
	case as != types["b64"] || len(to.vector)+len(from.vector) != 2:
		return t.unknown(s)
	case to.vector != nil:
		x, err := t.read(s, from, as, false)
		if err != nil {
			return err
		}
		t.emit("uint64_t whole = %s; ", x)
		for i, o := range to.vector {
			if err := t.write(s, o, part, false, fmt.Sprintf("uint32_t(whole >> %d)", 32*i)); err != nil {
				return err
			}
		}
		return nil
	}
	low, err := t.read(s, from.vector[0], part, false)
	if err != nil {
		return err
	}
	high, err := t.read(s, from.vector[1], part, false)
	if err != nil {
		return err
	}
	return t.write(s, to, as, false, fmt.Sprintf("uint64_t(%s) << 32 | %s", high, low))
}

// An access is what a load or a store says of itself.
type access struct {
	space string
	as    typ
	count int
}

// access reads space.[nc.][v2.|v4.]type.
func (t *translator) access(s statement) (a access, err error) {
	a.count = 1
	parts := s.op[1:]
	if len(parts) > 0 && (parts[0] == "global" || parts[0] == "shared" || parts[0] == "param") {
		a.space, parts = parts[0], parts[1:]
	}
	if len(parts) > 0 && parts[0] == "nc" && a.space == "global" && s.op[0] == "ld" {
		parts = parts[1:]
	}
	if len(parts) > 0 && (parts[0] == "v2" || parts[0] == "v4") {
		a.count, parts = int(parts[0][1]-'0'), parts[1:]
	}
	as, ok := typ{}, false
	if len(parts) == 1 {
		as, ok = types[parts[0]]
	}
	if !ok || as.class == 'p' || a.count*as.bytes() > 16 || len(s.operands) != 2 {
		return a, t.unknown(s)
	}
	a.as = as
	return a, nil
}

// pointer writes p, the place in memory of an access.
func (t *translator) pointer(s statement, a access, o operand) error {
	at, err := t.address(s, o, a.space == "shared")
	if err != nil {
		return err
	}
	space := a.space
	if space == "" {
		space = "generic"
	}
	t.emit("char *p = %s(%s, %d, %d); ", space, at, a.count*a.as.bytes(), s.line)
	return nil
}

// parts returns the registers of a load or a store.
func (t *translator) parts(s statement, a access, o operand) ([]operand, error) {
	if a.count == 1 && o.vector == nil {
		return []operand{o}, nil
	}
	if len(o.vector) != a.count || a.count == 1 {
		return nil, t.fault(s.line, "%d registers for %s", len(o.vector), strings.Join(s.op, "."))
	}
	return o.vector, nil
}

func (t *translator) ld(s statement) error {
	a, err := t.access(s)
	if err != nil {
		return err
	}
	if a.space == "param" {
		return t.loadParameter(s, a)
	}
	if err := t.pointer(s, a, s.operands[1]); err != nil {
		return err
	}
	parts, err := t.parts(s, a, s.operands[0])
	if err != nil {
		return err
	}
	for i, o := range parts {
		if err := t.write(s, o, a.as, true, fmt.Sprintf("load<%s>(p + %d)", a.as.c(), i*a.as.bytes())); err != nil {
			return err
		}
	}
	return nil
}

// loadParameter reads from a parameter, none of whose bytes may be outside of it.
func (t *translator) loadParameter(s statement, a access) error {
	o := s.operands[1]
	for i, p := range t.entry.parameters {
		if p.name != o.text || !o.address {
			continue
		}
		if a.count != 1 || o.offset < 0 || int(o.offset)+a.as.bytes() > p.typ.bytes() || int(o.offset)%a.as.bytes() != 0 {
			return t.fault(s.line, "%s at byte %d of %s, which is of type %s", strings.Join(s.op, "."), o.offset, p.name, p.typ)
		}
		return t.write(s, s.operands[0], a.as, true, fmt.Sprintf("load<%s>(static_cast<char *>(parameters[%d]) + %d)", a.as.c(), i, o.offset))
	}
	return t.fault(s.line, "unknown parameter %s", o.text)
}

func (t *translator) st(s statement) error {
	a, err := t.access(s)
	if err != nil || a.space == "param" {
		return t.unknown(s)
	}
	if err := t.pointer(s, a, s.operands[0]); err != nil {
		return err
	}
	parts, err := t.parts(s, a, s.operands[1])
	if err != nil {
		return err
	}
	for i, o := range parts {
		x, err := t.read(s, o, a.as, true)
		if err != nil {
			return err
		}
		t.emit("store<%s>(p + %d, %s); ", a.as.c(), i*a.as.bytes(), x)
	}
	return nil
}

// conversions are those between floating-point numbers, and between them and integers; FROM and TO are types in C++.
var conversions = map[string]string{
	"f64.f32": "$0", "rn.f32.f64": "float($0)", "rni.f64.f64": "__builtin_nearbyint($0)", "rni.f32.f32": "__builtin_nearbyintf($0)",
	"rn.f32.s32": "float($0)", "rn.f32.u32": "float($0)", "rn.f64.s32": "double($0)", "rn.f64.u32": "double($0)", "rn.f64.s64": "double($0)",
	"rzi.s32.f32": "cut<int32_t>($0)", "rzi.u32.f32": "cut<uint32_t>($0)", "rzi.s32.f64": "cut<int32_t>($0)", "rzi.s64.f64": "cut<int64_t>($0)",
}

func (t *translator) cvt(s statement) error {
	if len(s.op) < 3 || len(s.operands) != 2 {
		return t.unknown(s)
	}
	to, ok := types[s.op[len(s.op)-2]]
	from, ok2 := types[s.op[len(s.op)-1]]
	if !ok || !ok2 {
		return t.unknown(s)
	}
	value, ok := conversions[strings.Join(s.op[1:], ".")]
	if !ok {
		if len(s.op) != 3 || to.class == 'f' || from.class == 'f' || to.class == 'b' || from.class == 'b' || to.class == 'p' || from.class == 'p' {
			return t.unknown(s)
		}
		value = to.c() + "($0)" // wider by the sign of what it is from, or cut off
	}
	x, err := t.read(s, s.operands[1], from, true)
	if err != nil {
		return err
	}
	return t.write(s, s.operands[0], to, true, strings.ReplaceAll(value, "$0", x))
}

// cvta goes between addresses of a space and those of all spaces.
func (t *translator) cvta(s statement) error {
	functions := map[string]string{
		"cvta.to.global.u64": "to_global", "cvta.global.u64": "from_global", "cvta.to.shared.u64": "to_shared", "cvta.shared.u64": "from_shared",
	}
	f, ok := functions[strings.Join(s.op, ".")]
	if !ok || len(s.operands) != 2 {
		return t.unknown(s)
	}
	x, err := t.read(s, s.operands[1], types["u64"], false)
	if err != nil {
		return err
	}
	return t.write(s, s.operands[0], types["u64"], false, fmt.Sprintf("%s(%s, %d)", f, x, s.line))
}

// comparisons are those of setp. Those that end in u are true where a number is NaN.
var (
	comparisons = map[string]string{"eq": "$0 == $1", "ne": "$0 != $1", "lt": "$0 < $1", "le": "$0 <= $1", "gt": "$0 > $1", "ge": "$0 >= $1"}
	ofFloats    = map[string]string{
		"eq": "$0 == $1", "ne": "$0 < $1 || $0 > $1", "lt": "$0 < $1", "le": "$0 <= $1", "gt": "$0 > $1", "ge": "$0 >= $1",
		"equ": "!($0 < $1 || $0 > $1)", "neu": "!($0 == $1)", "ltu": "!($0 >= $1)", "leu": "!($0 > $1)", "gtu": "!($0 <= $1)", "geu": "!($0 < $1)",
		"num": "$0 == $0 && $1 == $1", "nan": "!($0 == $0 && $1 == $1)",
	}
)

func (t *translator) setp(s statement) error {
	as, modifiers, err := t.last(s)
	if err != nil || len(s.operands) != 3 {
		return t.unknown(s)
	}
	known := comparisons
	if as.class == 'f' {
		known = ofFloats
	}
	test, ok := known[strings.TrimSuffix(modifiers, ".")]
	if !ok || as.class == 'p' || as.class == 'b' && !strings.HasSuffix(modifiers, "e.") && modifiers != "eq." {
		return t.unknown(s)
	}
	x, err := t.read(s, s.operands[1], as, false)
	if err != nil {
		return err
	}
	y, err := t.read(s, s.operands[2], as, false)
	if err != nil {
		return err
	}
	return t.write(s, s.operands[0], types["pred"], false, strings.NewReplacer("$0", x, "$1", y).Replace(test))
}

func (t *translator) selp(s statement) error {
	as, modifiers, err := t.last(s)
	if err != nil || modifiers != "" || as.class == 'p' || len(s.operands) != 4 {
		return t.unknown(s)
	}
	x, err := t.read(s, s.operands[1], as, false)
	if err != nil {
		return err
	}
	y, err := t.read(s, s.operands[2], as, false)
	if err != nil {
		return err
	}
	p, err := t.read(s, s.operands[3], types["pred"], false)
	if err != nil {
		return err
	}
	return t.write(s, s.operands[0], as, false, fmt.Sprintf("%s ? %s : %s", p, x, y))
}

func (t *translator) bra(s statement) error {
	if len(s.operands) != 1 || len(s.op) > 2 || len(s.op) == 2 && s.op[1] != "uni" {
		return t.unknown(s)
	}
	if !t.labels[s.operands[0].text] {
		return t.fault(s.line, "no label %s", s.operands[0].text)
	}
	t.emit("goto %s; ", name(s.operands[0].text))
	return nil
}

func (t *translator) ret(s statement) error {
	if len(s.op) != 1 || len(s.operands) != 0 {
		return t.unknown(s)
	}
	t.emit("return; ")
	return nil
}

// bar waits at barrier 0.
func (t *translator) bar(s statement) error {
	if strings.Join(s.op, ".") != "bar.sync" || len(s.operands) != 1 || s.operands[0].text != "0" {
		return t.unknown(s)
	}
	t.emit("barrier(%d); ", s.line)
	return nil
}

func (t *translator) shfl(s statement) error {
	modes := map[string]string{"shfl.sync.up.b32": "up", "shfl.sync.down.b32": "down", "shfl.sync.bfly.b32": "bfly", "shfl.sync.idx.b32": "idx"}
	mode, ok := modes[strings.Join(s.op, ".")]
	if !ok || len(s.operands) != 5 {
		return t.unknown(s)
	}
	var x [4]string
	for i := range x {
		var err error
		if x[i], err = t.read(s, s.operands[i+1], types["b32"], false); err != nil {
			return err
		}
	}
	return t.write(s, s.operands[0], types["b32"], false, fmt.Sprintf("shuffle(%s, %s, %s, %s, %s, %d)", mode, x[0], x[1], x[2], x[3], s.line))
}

// mma multiplies matrices whose elements all lanes of a warp hold.
func (t *translator) mma(s statement) error {
	if strings.Join(s.op, ".") != "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32" || len(s.operands) != 4 || len(s.operands[0].vector) != 4 {
		return t.unknown(s)
	}
	list := func(o operand, n int, as typ) (string, error) {
		if len(o.vector) != n {
			return "", t.unknown(s)
		}
		var parts []string
		for _, v := range o.vector {
			x, err := t.read(s, v, as, false)
			if err != nil {
				return "", err
			}
			parts = append(parts, x)
		}
		return strings.Join(parts, ", "), nil
	}
	a, err := list(s.operands[1], 4, types["b32"])
	if err != nil {
		return err
	}
	b, err := list(s.operands[2], 2, types["b32"])
	if err != nil {
		return err
	}
	c, err := list(s.operands[3], 4, types["f32"])
	if err != nil {
		return err
	}
	t.emit("Product m = {{%s}, {%s}, {%s}}; multiply_add(&m, %d); ", a, b, c, s.line)
	for i, o := range s.operands[0].vector {
		if err := t.write(s, o, types["f32"], false, fmt.Sprintf("m.c[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

// cp is cp.async: a copy to shared memory which is there after a wait.
func (t *translator) cp(s statement) error {
	switch op := strings.Join(s.op, "."); {
	case op == "cp.async.commit_group" && len(s.operands) == 0:
		t.emit("commit(%d); ", s.line)
		return nil
	case op == "cp.async.wait_all" && len(s.operands) == 0:
		t.emit("commit(%d); wait(0, %d); ", s.line, s.line)
		return nil
	case op == "cp.async.wait_group" && len(s.operands) == 1:
		left, err := t.read(s, s.operands[0], types["u32"], false)
		if err != nil {
			return err
		}
		t.emit("wait(%s, %d); ", left, s.line)
		return nil
	case (op == "cp.async.ca.shared.global" || op == "cp.async.cg.shared.global") && (len(s.operands) == 3 || len(s.operands) == 4):
		size := s.operands[2].text
		if size != "16" && (op == "cp.async.cg.shared.global" || size != "4" && size != "8") {
			return t.unknown(s)
		}
		to, err := t.address(s, s.operands[0], true)
		if err != nil {
			return err
		}
		from, err := t.address(s, s.operands[1], false)
		if err != nil {
			return err
		}
		read := size
		if len(s.operands) == 4 {
			if read, err = t.read(s, s.operands[3], types["u32"], false); err != nil {
				return err
			}
		}
		t.emit("copy(%s, %s, %s, %s, %d); ", to, from, size, read, s.line)
		return nil
	}
	return t.unknown(s)
}

// atom adds to a number in global memory and returns what it was.
func (t *translator) atom(s statement) error {
	if strings.Join(s.op, ".") != "atom.global.add.u32" || len(s.operands) != 3 {
		return t.unknown(s)
	}
	if err := t.pointer(s, access{"global", types["u32"], 1}, s.operands[1]); err != nil {
		return err
	}
	x, err := t.read(s, s.operands[2], types["u32"], false)
	if err != nil {
		return err
	}
	return t.write(s, s.operands[0], types["u32"], false, fmt.Sprintf("__atomic_fetch_add(reinterpret_cast<uint32_t *>(p), %s, __ATOMIC_SEQ_CST)", x))
}

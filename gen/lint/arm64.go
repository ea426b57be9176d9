package lint

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"
)

// mnemonicsARM64 are the instructions with a name that kernels for NEON may use.
const mnemonicsARM64 = "ADD ADDW BHS BLO CBNZ CBZ CBZW FLDPQ FMOVD FMOVQ FMOVS JMP LSL MOVD MOVWU PRFM RET SUB SUBS TBNZ TBZ VADD VADDV VAND " +
	"VBIF VBIT VBSL VDUP VEOR VEXT VFMLA VFMLS VLD1 VLD1R VMOV VMOVI VORR VSHL VST1 VSUB VTRN1 VTRN2 VUSHR VZIP1 VZIP2"

// encodedARM64 are those that are written as a WORD, by their names in GNU's syntax.
const encodedARM64 = "fabs fadd faddp fcmeq fcmge fcmgt fcvtns fcvtzs fdiv fmax fmaxnm fmaxnmp fmin fminnm fminnmp fmla fmls fmul fneg frintn " +
	"fsqrt fsub scvtf smax smin sshr"

var (
	wordLine      = regexp.MustCompile(`^WORD\s+\$0x([0-9a-f]{8})\s*//\s*(\S.*)$`)
	generalNames  = regexp.MustCompile(`\bR(\d+)\b|\b(g|LR|R18_PLATFORM)\b`)
	vectorsARM64  = regexp.MustCompile(`\b[VF](\d+)\b`)
	jumpARM64     = regexp.MustCompile(`^(?:B|JMP|B[A-Z]{2}|T?CBN?ZW?|TBN?Z)$`)
	reservedARM64 = map[int]string{18: "the platform's", 26: "the closure's", 27: "the assembler's", 28: "g", 29: "the frame pointer", 30: "the link register"}
)

// ARM64 checks a file of Go assembly for arm64:
//
//   - a kernel is NOSPLIT, has no frame, and its name ends with F32NEON or F64NEON;
//   - it uses no register above R17 but R19 to R25, and instructions that are known to be in the tier;
//   - a WORD carries its instruction as a comment, and decodes to it;
//   - arithmetic on floating-point numbers is of the type that the name tells;
//   - RET or a jump stands at the end, it calls nothing and jumps only to its own labels.
func ARM64(src string) []Problem {
	c := &checkerARM64{}
	for i, line := range strings.Split(src, "\n") {
		c.line = i + 1
		c.check(strings.TrimSpace(line))
	}
	c.end()
	return c.problems
}

type checkerARM64 struct {
	problems []Problem
	line     int
	fn       string
	last     string // the mnemonic before
	labels   map[string]bool
	jumps    map[string]int // label to the line of a jump to it
}

func (c *checkerARM64) problem(format string, args ...any) {
	c.problems = append(c.problems, Problem{c.line, c.fn, fmt.Sprintf(format, args...)})
}

func (c *checkerARM64) check(line string) {
	text, _, _ := strings.Cut(line, "//")
	text = strings.TrimSpace(text)
	switch {
	case text == "" || strings.HasPrefix(text, "#") || strings.HasPrefix(text, "DATA ") || strings.HasPrefix(text, "GLOBL "):
	case strings.HasPrefix(text, "TEXT"):
		c.end()
		c.start(text)
	case c.fn == "":
		c.problem("%q outside of a function", text)
	case label.MatchString(text):
		c.labels[strings.TrimSuffix(text, ":")] = true
	case strings.HasPrefix(text, "WORD"):
		c.last = "WORD"
		c.word(line)
	default:
		c.instruction(text)
	}
}

// start begins a function.
func (c *checkerARM64) start(text string) {
	c.labels, c.jumps, c.last = map[string]bool{}, map[string]int{}, ""
	m := textLine.FindStringSubmatch(text)
	if m == nil {
		c.fn = "?"
		c.problem("cannot read %q", text)
		return
	}
	c.fn = m[1]
	if !strings.HasSuffix(c.fn, "F32NEON") && !strings.HasSuffix(c.fn, "F64NEON") {
		c.problem("the name does not end with a type and a tier")
	}
	if m[2] != "NOSPLIT" {
		c.problem("flags %s, want NOSPLIT", m[2])
	}
	if m[3] != "0" {
		c.problem("a frame of %s bytes", m[3])
	}
}

// end completes a function.
func (c *checkerARM64) end() {
	if c.fn == "" {
		return
	}
	if c.last != "RET" && c.last != "JMP" {
		c.problem("runs into what follows")
	}
	for to, line := range c.jumps {
		if !c.labels[to] {
			c.problems = append(c.problems, Problem{line, c.fn, "jumps to " + to + ", which is not in the function"})
		}
	}
	c.fn = ""
}

// word checks an encoded instruction against its comment.
func (c *checkerARM64) word(line string) {
	m := wordLine.FindStringSubmatch(line)
	if m == nil {
		c.problem("%q, want WORD $0x and eight digits // instruction", line)
		return
	}
	bits, err := strconv.ParseUint(m[1], 16, 32)
	if err != nil {
		c.problem("%v", err)
		return
	}
	inst, err := arm64asm.Decode(binary.LittleEndian.AppendUint32(nil, uint32(bits)))
	if err != nil {
		c.problem("WORD $0x%s: %v", m[1], err)
		return
	}
	if got := arm64asm.GNUSyntax(inst); got != m[2] {
		c.problem("WORD $0x%s is %s, and its comment says %s", m[1], got, m[2])
	}
	c.element("WORD "+m[2], m[2], ".4s", ".2d")
	if name, _, _ := strings.Cut(m[2], " "); !listed(encodedARM64, name) {
		c.problem("%s is not an instruction of tier NEON", name)
	}
}

func (c *checkerARM64) instruction(text string) {
	mnemonic, operands, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	operands = strings.TrimSpace(operands)
	name, suffix, _ := strings.Cut(mnemonic, ".")
	if !listed(mnemonicsARM64, name) || suffix != "" && suffix != "P" {
		c.problem("%s is not an instruction of tier NEON", mnemonic)
	}
	if name == "VFMLA" || name == "VFMLS" {
		c.element(text, operands, ".S4", ".D2")
	}
	c.registers(mnemonic, operands)
	if jumpARM64.MatchString(name) {
		to := operands[strings.LastIndex(operands, " ")+1:]
		c.jumps[to] = c.line
	}
	c.last = name
}

// element checks that operands have the arrangement of the kernel's type and not that of the other.
func (c *checkerARM64) element(text, operands, single, double string) {
	have, other := single, double
	if strings.HasSuffix(c.fn, "F64NEON") {
		have, other = double, single
	}
	if !strings.Contains(operands, have) || strings.Contains(operands, other) {
		c.problem("%s is not of the type of the kernel", text)
	}
}

// registers checks the names of registers among operands.
func (c *checkerARM64) registers(mnemonic, operands string) {
	for _, m := range generalNames.FindAllStringSubmatch(operands, -1) {
		n, err := strconv.Atoi(m[1])
		switch {
		case m[2] != "":
			c.problem("%s uses %s", mnemonic, m[2])
		case err != nil || n > 30:
			c.problem("%s uses %s, which does not exist", mnemonic, m[0])
		case reservedARM64[n] != "":
			c.problem("%s uses %s: %s", mnemonic, m[0], reservedARM64[n])
		}
	}
	for _, m := range vectorsARM64.FindAllStringSubmatch(operands, -1) {
		if n, err := strconv.Atoi(m[1]); err != nil || n > 31 {
			c.problem("%s uses %s, which does not exist", mnemonic, m[0])
		}
	}
}

// listed tells whether a space-separated list has a name.
func listed(list, name string) bool { return strings.Contains(" "+list+" ", " "+name+" ") }

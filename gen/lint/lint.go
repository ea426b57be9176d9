// Package lint checks the text of generated assembly against the rules of the project, from the outside: it shares nothing with the
// generators, so that a mistake in one of them does not excuse itself.
package lint

import (
	"fmt"
	"regexp"
	"strings"
)

// A Problem is a breach of a rule.
type Problem struct {
	Line int
	Func string
	Text string
}

func (p Problem) String() string { return fmt.Sprintf("line %d, %s: %s", p.Line, p.Func, p.Text) }

// An amd64 tier is what a kernel may use; kernels end with the name of theirs.
type tier struct {
	name      string
	registers int      // vector registers
	wide      bool     // Z and K registers, and suffixes of instructions
	mnemonics []string // space-separated lists of instructions that are allowed
}

const (
	general = "ADDL ADDQ ANDL ANDQ CMPL CMPQ DECQ IMULQ INCQ LEAQ MOVL MOVQ NEGQ ORL ORQ SHLQ SHRL SHRQ SUBQ TESTL TESTQ XORL XORQ " +
		"JA JAE JB JBE JE JEQ JG JGE JL JLE JLT JMP JNE JNZ JZ PREFETCHNTA PREFETCHT0 PREFETCHT1 PREFETCHT2 RET"
	avx2 = "VADDPD VADDPS VADDSD VADDSS VANDPD VANDPS VBLENDVPD VBLENDVPS VBROADCASTSD VBROADCASTSS VCMPPD VCMPPS VCVTPS2DQ " +
		"VDIVPD VDIVPS VEXTRACTF128 VFMADD132PD VFMADD132PS VFMADD213PD VFMADD213PS VFMADD231PD VFMADD231PS VFNMADD213PD " +
		"VFNMADD213PS VFNMADD231PD VFNMADD231PS VHADDPS VINSERTF128 VLDMXCSR VMASKMOVPD VMASKMOVPS VMAXPD VMAXPS VMAXSS VMINPD " +
		"VMINPS VMOVAPS VMOVHPS VMOVLPS VMOVMSKPD VMOVMSKPS VMOVSD VMOVSHDUP VMOVSS VMOVUPD VMOVUPS VMULPD VMULPS VMULSS VORPD " +
		"VORPS VPADDD VPADDQ VPAND VPBROADCASTD VPBROADCASTQ VPCMPGTD VPCMPGTQ VPERM2F128 VPERMILPD VPERMILPS VPERMPS VPSLLD " +
		"VPSLLQ VPSRAD VPSRLD VPSRLQ VPSUBD VPSUBQ VROUNDPD VROUNDPS VSHUFPS VSQRTPD VSQRTPS VSTMXCSR VSUBPD VSUBPS VSUBSS " +
		"VUNPCKHPD VUNPCKHPS VUNPCKLPD VUNPCKLPS VXORPD VXORPS VZEROUPPER"
	avx512 = "BZHIL BZHIQ KMOVW KORTESTW VBLENDMPD VBLENDMPS VEXTRACTF32X4 VEXTRACTF32X8 VEXTRACTF64X4 VFIXUPIMMPD VFIXUPIMMPS VGETEXPPD " +
		"VALIGND VALIGNQ VGETEXPPS VGETMANTPD VGETMANTPS VPERMI2PD VPERMI2PS VPERMT2PS VPMOVD2M VPMOVQ2M VPORD VPTERNLOGD VPXORD VREDUCEPD VREDUCEPS VRNDSCALEPD " +
		"VRNDSCALEPS VSCALEFPD VSCALEFPS VSHUFF32X4 VSHUFF64X2"
)

var tiers = []tier{
	{"AVX512", 32, true, []string{general, avx2, avx512}},
	{"AVX2", 16, false, []string{general, avx2}},
}

var (
	textLine   = regexp.MustCompile(`^TEXT\s+·(\w+)\(SB\),\s*([\w|]+),\s*\$(\d+)(?:-\d+)?$`)
	vectorName = regexp.MustCompile(`\b([XYZ])(\d+)\b`)
	maskName   = regexp.MustCompile(`\bK\d\b`)
	forbidden  = regexp.MustCompile(`\b(BP|R14|R15|g)\b`)
	jump       = regexp.MustCompile(`^J[A-Z]+$`)
	label      = regexp.MustCompile(`^\w+:$`)
)

// AMD64 checks a file of Go assembly for amd64:
//
//   - a kernel is NOSPLIT, has no frame, and its name ends with its tier, AVX2 or AVX512;
//   - it uses instructions of its tier only, and vector registers 16 to 31, Z and K registers only with AVX-512;
//   - no BP, R14 or R15, and no legacy SSE instruction;
//   - VZEROUPPER stands before each RET, and RET or a jump at the end;
//   - it calls nothing and jumps only to its own labels.
func AMD64(src string) []Problem {
	c := &checker{}
	for i, line := range strings.Split(src, "\n") {
		c.line = i + 1
		text, _, _ := strings.Cut(line, "//")
		c.check(strings.TrimSpace(text))
	}
	c.end()
	return c.problems
}

type checker struct {
	problems []Problem
	line     int
	fn       string
	tier     *tier
	last     string // the mnemonic before
	labels   map[string]bool
	jumps    map[string]int // label to the line of a jump to it
}

func (c *checker) problem(format string, args ...any) {
	c.problems = append(c.problems, Problem{c.line, c.fn, fmt.Sprintf(format, args...)})
}

func (c *checker) check(text string) {
	switch {
	case text == "" || strings.HasPrefix(text, "#") || strings.HasPrefix(text, "DATA ") || strings.HasPrefix(text, "GLOBL "):
	case strings.HasPrefix(text, "TEXT"):
		c.end()
		c.start(text)
	case c.fn == "":
		c.problem("%q outside of a function", text)
	case label.MatchString(text):
		c.labels[strings.TrimSuffix(text, ":")] = true
	default:
		c.instruction(text)
	}
}

// start begins a function.
func (c *checker) start(text string) {
	c.labels, c.jumps, c.last, c.tier = map[string]bool{}, map[string]int{}, "", nil
	m := textLine.FindStringSubmatch(text)
	if m == nil {
		c.fn = "?"
		c.problem("cannot read %q", text)
		return
	}
	c.fn = m[1]
	for i := range tiers {
		if c.tier == nil && strings.HasSuffix(c.fn, tiers[i].name) {
			c.tier = &tiers[i]
		}
	}
	if c.tier == nil {
		c.problem("the name does not end with a tier")
	}
	if m[2] != "NOSPLIT" {
		c.problem("flags %s, want NOSPLIT", m[2])
	}
	if m[3] != "0" {
		c.problem("a frame of %s bytes", m[3])
	}
}

// end completes a function.
func (c *checker) end() {
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

func (c *checker) instruction(text string) {
	mnemonic, operands, _ := strings.Cut(text, " ")
	if m, rest, ok := strings.Cut(text, "\t"); ok && len(m) < len(mnemonic) {
		mnemonic, operands = m, rest
	}
	operands = strings.TrimSpace(operands)
	name, suffix, _ := strings.Cut(mnemonic, ".")
	if r := forbidden.FindString(operands); r != "" {
		c.problem("%s uses %s", mnemonic, r)
	}
	vectors := vectorName.FindAllStringSubmatch(operands, -1)
	if len(vectors) > 0 && !strings.HasPrefix(name, "V") && !strings.HasPrefix(name, "K") {
		c.problem("%s is legacy SSE", mnemonic)
	}
	if name == "RET" && c.last != "VZEROUPPER" {
		c.problem("RET without VZEROUPPER before it")
	}
	if jump.MatchString(name) {
		c.jumps[operands] = c.line
	}
	if c.tier != nil {
		c.needs(name, suffix, operands, vectors)
	}
	c.last = name
}

// needs checks an instruction against the tier.
func (c *checker) needs(name, suffix, operands string, vectors [][]string) {
	known := false
	for _, list := range c.tier.mnemonics {
		known = known || strings.Contains(" "+list+" ", " "+name+" ")
	}
	if !known {
		c.problem("%s is not an instruction of tier %s", name, c.tier.name)
	}
	for _, v := range vectors {
		if len(v[2]) > 2 || v[2] >= "16" && len(v[2]) == 2 && c.tier.registers <= 16 || v[1] == "Z" && !c.tier.wide {
			c.problem("%s uses %s, which tier %s does not have", name, v[0], c.tier.name)
		}
	}
	if !c.tier.wide && (suffix != "" || maskName.MatchString(operands)) {
		c.problem("%s needs AVX-512", strings.TrimSuffix(name+"."+suffix, "."))
	}
}

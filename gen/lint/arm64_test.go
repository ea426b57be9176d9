package lint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGeneratedARM64 checks what is committed.
func TestGeneratedARM64(t *testing.T) {
	files, err := filepath.Glob("../../asm/*_arm64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly in ../../asm: %v", err)
	}
	words, doubles := 0, 0
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ARM64(string(src)) {
			t.Errorf("%s: %v", filepath.Base(name), p)
		}
		words += strings.Count(string(src), "WORD")
		doubles += strings.Count(string(src), "v0.2d")
	}
	if words == 0 || doubles == 0 {
		t.Errorf("%d WORDs, %d on vectors of float64: the kernels cannot do without", words, doubles)
	}
	t.Logf("%d files, %d words", len(files), words)
}

// functionARM64 wraps lines into a kernel.
func functionARM64(name string, lines ...string) string {
	return "#include \"textflag.h\"\n\nTEXT ·" + name + "(SB), NOSPLIT, $0-48\n\t" + strings.Join(lines, "\n\t") + "\n\tRET\n"
}

func TestGoodCodeARM64(t *testing.T) {
	for _, src := range []string{
		functionARM64("ExpF32NEON", "MOVD x_base+0(FP), R0 // a comment with R18", "FMOVQ 16(R25), F31", "VLD1R.P 4(R0), [V1.S4]"),
		functionARM64("ExpF32NEON", "WORD $0x4e22d420 // fadd v0.4s, v1.4s, v2.4s", "WORD $0x4fa21820 // fmla v0.4s, v1.4s, v2.s[3]"),
		functionARM64("ExpF32NEON", "WORD $0x4f3f0420 // sshr v0.4s, v1.4s, #1", "WORD $0x4ea0d820 // fcmeq v0.4s, v1.4s, #0"),
		functionARM64("ExpF64NEON", "WORD $0x4e62d420 // fadd v0.2d, v1.2d, v2.2d", "WORD $0x4fc21820 // fmla v0.2d, v1.2d, v2.d[1]"),
		functionARM64("ExpF64NEON", "WORD $0x4f7f0420 // sshr v0.2d, v1.2d, #1", "WORD $0x4ee0d820 // fcmeq v0.2d, v1.2d, #0", "VFMLA V0.D2, V1.D2, V2.D2"),
		functionARM64("ExpF32NEON", "loop1:", "SUBS $1, R0", "CBNZ R0, loop1", "TBZ $1, R0, loop1", "BHS loop1") +
			"\nDATA x<>+0(SB)/4, $0x3f800000\nGLOBL x<>(SB), RODATA|NOPTR, $4\n",
	} {
		if p := ARM64(src); len(p) > 0 {
			t.Errorf("%v in\n%s", p, src)
		}
	}
}

func TestBadCodeARM64(t *testing.T) {
	for _, tc := range []struct{ src, want string }{
		{functionARM64("ExpF32NEON", "WORD $0x4ea2d420 // fadd v0.4s, v1.4s, v2.4s"), "is fsub v0.4s, v1.4s, v2.4s"},
		{functionARM64("ExpF32NEON", "WORD $0x4e22d420 // fadd v0.4s, v2.4s, v1.4s"), "is fadd v0.4s, v1.4s, v2.4s"},
		{functionARM64("ExpF32NEON", "WORD $0x4fa21820 // fmla v0.4s, v1.4s, v2.s[1]"), "v2.s[3]"},
		{functionARM64("ExpF32NEON", "WORD $0x4e62d420 // fadd v0.4s, v1.4s, v2.4s"), "is fadd v0.2d, v1.2d, v2.2d"},
		{functionARM64("ExpF32NEON", "WORD $0x4e62d420 // fadd v0.2d, v1.2d, v2.2d"), "not of the type of the kernel"},
		{functionARM64("ExpF64NEON", "WORD $0x4e22d420 // fadd v0.4s, v1.4s, v2.4s"), "not of the type of the kernel"},
		{functionARM64("ExpF64NEON", "VFMLS V0.S4, V1.S4, V2.S4"), "not of the type of the kernel"},
		{functionARM64("ExpF64NEON", "VFMLS V0.D2, V1.S4, V2.D2"), "not of the type of the kernel"},
		{functionARM64("ExpF32NEON", "WORD $0x4e22d420"), "want WORD"},
		{functionARM64("ExpF32NEON", "WORD $0x00000000 // udf"), "WORD $0x00000000:"},
		{functionARM64("ExpF32NEON", "WORD $0xd65f03c0 // ret"), "ret is not an instruction"},
		{functionARM64("ExpF32NEON", "MOVD R18, R0"), "uses R18: the platform's"},
		{functionARM64("ExpF32NEON", "MOVD R18_PLATFORM, R0"), "uses R18_PLATFORM"},
		{functionARM64("ExpF32NEON", "FMOVQ (R26), F0"), "uses R26"},
		{functionARM64("ExpF32NEON", "ADD $1, R27"), "uses R27"},
		{functionARM64("ExpF32NEON", "ADD $1, R28"), "uses R28"},
		{functionARM64("ExpF32NEON", "MOVD g, R0"), "uses g"},
		{functionARM64("ExpF32NEON", "ADD $1, R29"), "uses R29"},
		{functionARM64("ExpF32NEON", "ADD $1, R30"), "uses R30"},
		{functionARM64("ExpF32NEON", "VMOV V32.B16, V0.B16"), "uses V32, which does not exist"},
		{functionARM64("ExpF32NEON", "VSHA256H V0.S4, V1, V2"), "not an instruction"},
		{functionARM64("ExpF32NEON", "BL ·f(SB)"), "not an instruction"},
		{functionARM64("ExpF32NEON", "JMP elsewhere"), "not in the function"},
		{functionARM64("ExpF32NEON", "CBZ R0, elsewhere"), "not in the function"},
		{functionARM64("ExpF32"), "does not end with a type and a tier"},
		{functionARM64("ExpNEON"), "does not end with a type and a tier"},
		{strings.Replace(functionARM64("ExpF32NEON"), "$0-48", "$8-48", 1), "a frame of 8 bytes"},
		{strings.Replace(functionARM64("ExpF32NEON"), "NOSPLIT, ", "NOSPLIT|NOFRAME, ", 1), "want NOSPLIT"},
		{strings.Replace(functionARM64("ExpF32NEON"), "\tRET\n", "\tADD $1, R0\n", 1), "runs into"},
		{"\tRET\n" + functionARM64("ExpF32NEON"), "outside of a function"},
	} {
		problems := ARM64(tc.src)
		found := false
		for _, p := range problems {
			found = found || strings.Contains(p.String(), tc.want)
		}
		if !found {
			t.Errorf("no problem with %q, but %v, in\n%s", tc.want, problems, tc.src)
		}
	}
}

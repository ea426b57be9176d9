package lint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGeneratedFiles checks what is committed.
func TestGeneratedFiles(t *testing.T) {
	files, err := filepath.Glob("../../asm/*_amd64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly in ../../asm: %v", err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range AMD64(string(src)) {
			t.Errorf("%s: %v", filepath.Base(name), p)
		}
		for _, line := range strings.Split(string(src), "\n") {
			if strings.HasPrefix(line, "TEXT") {
				tier := strings.ToUpper(strings.Split(filepath.Base(name), "_")[2])
				if !strings.Contains(line, tier+"(SB)") {
					t.Errorf("%s: %s does not belong into a file of tier %s", filepath.Base(name), line, tier)
				}
			}
		}
	}
}

// function wraps lines into a kernel.
func function(name string, lines ...string) string {
	return "#include \"textflag.h\"\n\nTEXT ·" + name + "(SB), NOSPLIT, $0-48\n\t" + strings.Join(lines, "\n\t") + "\n\tVZEROUPPER\n\tRET\n"
}

func TestGoodCode(t *testing.T) {
	for _, src := range []string{
		function("ExpF32AVX2", "MOVQ x_base+0(FP), AX // a comment with R15", "VMOVUPS (AX), Y15", "VADDPS 32(AX)(BX*4), Y15, Y0"),
		function("ExpF32AVX512", "VMOVUPS.Z (AX), K1, Z31", "VREDUCEPS $0x09, Z31, Z0", "KMOVW AX, K7"),
		function("ExpF32AVX2", "loop1:", "DECQ AX", "JNZ loop1", "VMOVSS X0, ret+48(FP)") + "\nDATA x<>+0(SB)/4, $0x3f800000\nGLOBL x<>(SB), RODATA|NOPTR, $4\n",
	} {
		if p := AMD64(src); len(p) > 0 {
			t.Errorf("%v in\n%s", p, src)
		}
	}
}

func TestBadCode(t *testing.T) {
	for _, tc := range []struct{ src, want string }{
		{function("ExpF32AVX2", "VMOVUPS (AX), Y16"), "uses Y16"},
		{function("ExpF32AVX2", "VMOVUPS (AX), X31"), "uses X31"},
		{function("ExpF32AVX2", "VMOVUPS (AX), Z0"), "uses Z0"},
		{function("ExpF32AVX2", "VMOVUPS.Z (AX), K1, Y0"), "needs AVX-512"},
		{function("ExpF32AVX2", "VADDPS Y0, Y1, K1, Y2"), "needs AVX-512"},
		{function("ExpF32AVX2", "VADDPS.BCST (AX), Y1, Y2"), "needs AVX-512"},
		{function("ExpF32AVX2", "VSCALEFPS Y0, Y1, Y2"), "not an instruction of tier AVX2"},
		{function("ExpF32AVX2", "BZHIL AX, BX, CX"), "not an instruction of tier AVX2"},
		{function("ExpF32AVX512", "VDPBF16PS Z0, Z1, Z2"), "not an instruction of tier AVX512"},
		{function("ExpF32AVX2", "MOVSS X0, ret+48(FP)"), "legacy SSE"},
		{function("ExpF32AVX2", "MOVQ AX, X0"), "legacy SSE"},
		{function("ExpF32AVX2", "ADDPS\tX0, X1"), "legacy SSE"},
		{function("ExpF32AVX2", "MOVQ AX, BP"), "uses BP"},
		{function("ExpF32AVX2", "MOVQ (R14), AX"), "uses R14"},
		{function("ExpF32AVX2", "LEAQ (AX)(R15*4), AX"), "uses R15"},
		{function("ExpF32AVX2", "RET"), "RET without VZEROUPPER"},
		{function("ExpF32AVX2", "CALL ·f(SB)"), "not an instruction"},
		{function("ExpF32AVX2", "JMP elsewhere"), "not in the function"},
		{function("ExpF32"), "does not end with a tier"},
		{strings.Replace(function("ExpF32AVX2"), "$0-48", "$8-48", 1), "a frame of 8 bytes"},
		{strings.Replace(function("ExpF32AVX2"), "NOSPLIT, ", "NOSPLIT|NOFRAME, ", 1), "want NOSPLIT"},
		{strings.Replace(function("ExpF32AVX2"), "\tRET\n", "", 1), "runs into"},
		{"\tVZEROUPPER\n" + function("ExpF32AVX2"), "outside of a function"},
	} {
		problems := AMD64(tc.src)
		found := false
		for _, p := range problems {
			found = found || strings.Contains(p.String(), tc.want)
		}
		if !found {
			t.Errorf("no problem with %q, but %v, in\n%s", tc.want, problems, tc.src)
		}
	}
}

package loop

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const source = `// Code generated. DO NOT EDIT.
#include "textflag.h"

// func First(n int)
TEXT ·First(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), AX

clear:
	MOVQ CX, (BX)
	SUBQ $1, AX
	JNZ  clear

outer:
	VBROADCASTSS (DX), Z3

loop1:
	PREFETCHT0   2048(BX)
	VMOVUPS      (BX), Z0
	VMOVUPS      64(BX), Z1
	VMOVUPS      (BX)(SI*1), Z2
	VFNMADD213PS (CX), Z6, Z0
	VADDPS       word_3f800000<>+0(SB), Z1, Z1
	VMOVUPS      Z1, Z4
	VREDUCEPS    $0x09, Z0, Z5
	VSCALEFPS    Z0, Z5, Z5
	VMULPS       Z5, Z5, Z5
	VMOVUPS      Z5, (DI)
	VADDSS       X1, X2, X2
	SUBQ         $0x10, AX
	JAE          loop1
	SUBQ         $1, CX
	JNZ          outer
	VZEROUPPER
	RET

// func Second(n int)
TEXT ·Second(SB), NOSPLIT, $0-8
loop1:
	SUBQ $1, AX
	JNZ  loop1
	RET
`

func TestMainLoop(t *testing.T) {
	functions := Functions(source)
	if len(functions) != 2 {
		t.Fatalf("%d functions, want 2", len(functions))
	}
	got, err := Main(functions["First"])
	if err != nil {
		t.Fatal(err)
	}
	want := Loop{Lanes: 16, Entries: 3, Multiply: 2, Scale: 1, Reduce: 1, Add: 1, Loads: 5, Stores: 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got.Operations() != 5 {
		t.Errorf("%d operations, want 5", got.Operations())
	}
	if _, err := Main(functions["Second"]); err == nil {
		t.Error("a loop without vectors was accepted")
	}
	narrow, err := Main(strings.NewReplacer("Z", "Y").Replace(functions["First"]))
	if err != nil || narrow.Lanes != 8 {
		t.Errorf("%d lanes and error %v, want 8", narrow.Lanes, err)
	}
}

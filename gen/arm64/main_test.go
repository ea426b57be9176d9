package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const out = "../../asm"

// TestGenerated emits all files again and compares them with those in the repository.
func TestGenerated(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		have, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if string(have) != string(want) {
			t.Errorf("%s is not what this program writes; run go generate ./...\n%s", name, firstDifference(string(have), string(want)))
		}
	}
	present, err := filepath.Glob(filepath.Join(out, "*_arm64.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range present {
		if _, ok := files[filepath.Base(name)]; !ok {
			t.Errorf("%s is written by no family", name)
		}
	}
}

// firstDifference returns the first lines that differ.
func firstDifference(have, want string) string {
	h, w := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range min(len(h), len(w)) {
		if h[i] != w[i] {
			return fmt.Sprintf("line %d\n- %s\n+ %s", i+1, h[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(h), len(w))
}

func TestGenerateIsDeterministic(t *testing.T) {
	a, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	b, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name := range a {
		if string(a[name]) != string(b[name]) {
			t.Errorf("%s differs between two runs", name)
		}
	}
}

func TestFrame(t *testing.T) {
	for _, tc := range []struct {
		signature string
		size      int
		at        map[string]string
	}{
		{"func()", 0, nil},
		{"func(x []float32) float32", 28, map[string]string{"x_base": "x_base+0(FP)", "x_len": "x_len+8(FP)", "ret": "ret+24(FP)"}},
		{"func(x float32, y []float32)", 32, map[string]string{"x": "x+0(FP)", "y_base": "y_base+8(FP)"}},
		{"func(a, b float64, n int) float64", 32, map[string]string{"b": "b+8(FP)", "n": "n+16(FP)", "ret": "ret+24(FP)"}},
		{"func(a, b float32, p *float32, n int) (u, v float32)", 32, map[string]string{"b": "b+4(FP)", "p": "p+8(FP)", "n": "n+16(FP)", "u": "u+24(FP)", "v": "v+28(FP)"}},
	} {
		f, err := newFrame(tc.signature)
		if err != nil {
			t.Fatal(err)
		}
		if f.total != tc.size {
			t.Errorf("%s takes %d bytes, want %d", tc.signature, f.total, tc.size)
		}
		for name, want := range tc.at {
			if got := f.address(name); got != want {
				t.Errorf("%s: %s is at %s, want %s", tc.signature, name, got, want)
			}
		}
	}
	for _, bad := range []string{"", "int", "func(x string)", "func(m map[int]int)", "func("} {
		if _, err := newFrame(bad); err == nil {
			t.Errorf("%q has a frame", bad)
		}
	}
}

// TestAllocate holds the registers of straight code, a loop and a branch against what may share one.
func TestAllocate(t *testing.T) {
	c := &code{element: float32s}
	n, x, y := c.gp(), c.vec(), c.vec()
	c.named("MOVD n+0(FP), %v", nil, []reg{n}, n)
	c.VMOVI(x)
	c.Label("loop")
	c.VMOV(x, y) // x lives through the loop: y may not have its register
	c.VFMLA(y, y, y)
	c.SUBS(1, n)
	c.CBNZ(n, "loop")
	z := c.vec()
	c.FADD(x, x, z) // x dies here: z may
	c.storeAll(z, mem{n, 0})
	c.RET()
	got, err := c.allocate()
	if err != nil {
		t.Fatal(err)
	}
	if got[x] == got[y] || got[z] != got[x] {
		t.Errorf("x, y, z have registers %d, %d, %d", got[x], got[y], got[z])
	}
}

func TestAllocateRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		emit       func(c *code)
	}{
		{"33 live vectors", "no register is left for main.vec", func(c *code) {
			v := c.vecs(33)
			for _, r := range v {
				c.VMOVI(r)
			}
			for _, r := range v {
				c.FADD(r, v[0], v[0])
			}
		}},
		{"26 live pointers", "no register is left for main.gp", func(c *code) {
			var p []gp
			for range 26 {
				p = append(p, c.gp())
				c.named("MOVD x+0(FP), %v", nil, []reg{p[len(p)-1]}, p[len(p)-1])
			}
			for _, r := range p {
				c.ADD(r, p[0], p[0])
			}
		}},
		{"register that was never written", "is read before it is written", func(c *code) { c.VMOV(c.vec(), c.vec()) }},
		{"register written on one path only", "is read before it is written", func(c *code) {
			n, x := c.gp(), c.vec()
			c.named("MOVD n+0(FP), %v", nil, []reg{n}, n)
			c.CBZ(n, "skip")
			c.VMOVI(x)
			c.Label("skip")
			c.VMOV(x, c.vec())
		}},
		{"unknown label", "no label nowhere", func(c *code) { c.JMP("nowhere") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &code{element: float32s}
			tc.emit(c)
			c.RET()
			if _, err := c.allocate(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

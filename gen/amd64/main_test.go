package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/reg"
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
		if !bytes.Equal(have, want) {
			t.Errorf("%s is not what this program writes; run go generate ./...\n%s", name, firstDifference(string(have), string(want)))
		}
	}
	present, err := filepath.Glob(filepath.Join(out, "*_amd64.*"))
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
		if !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s differs between two runs", name)
		}
	}
}

// TestChecksReject emits kernels that break a rule.
func TestChecksReject(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		t          *tier
		emit       func(m *machine)
	}{
		{"register 16 in AVX2", "uses register Y16", avx2, func(m *machine) { m.VADD(reg.Y16, reg.Y0, reg.Y0) }},
		{"BP", "uses register BP", avx512, func(m *machine) { m.NEGQ(reg.RBP) }},
		{"R14", "uses register R14", avx2, func(m *machine) { m.NEGQ(reg.R14) }},
		{"R15", "uses register R15", avx2, func(m *machine) { m.NEGQ(reg.R15) }},
		{"legacy SSE", "legacy SSE", avx2, func(m *machine) { m.ADDPS(reg.X0, reg.X1) }},
		{"instruction of a higher tier", "needs AVX512", avx2, func(m *machine) { m.VSCALEF(reg.Y0, reg.Y1, reg.Y1) }},
		{"frame", "frame of 8 bytes", avx2, func(m *machine) { m.AllocLocal(8) }},
		{"no VZEROUPPER", "RET without VZEROUPPER", avx2, func(m *machine) { m.RET() }},
		{"too many live registers", "failed to allocate", avx2, func(m *machine) {
			v := m.vecs(17)
			for _, r := range v {
				m.clear(r)
			}
			for _, r := range v {
				m.VADD(r, v[0], v[0])
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMachine(tc.t, float32s)
			m.function("Test", "func()", "tests.")
			tc.emit(m)
			m.ret()
			f, err := m.Result()
			if err != nil {
				t.Fatal(err)
			}
			if err := compile(tc.t).Execute(f); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

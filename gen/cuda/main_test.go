package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda/ptx"
)

// The generator writes the committed files, whatever folder it is run in and the sources lie in.
func TestGenerated(t *testing.T) {
	if _, err := exec.LookPath("clang++-19"); err != nil && os.Getenv("SINKCPU_CLANG") == "" && !strings.Contains(os.Getenv("SINKCPU_TEST_REQUIRE"), "clang") {
		t.Skip("clang++-19 is not installed")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, target := range ptx.Targets() {
		code, err := compile(dir, target)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(code, target.Image()) {
			t.Errorf("%s is not what gen/cuda writes: run go generate ./cuda/ptx", target.File())
		}
		if bytes.Contains(code, []byte(dir)) {
			t.Errorf("%s has the path of the sources", target.File())
		}
	}
}

// What is wrong is said: no compiler, no kernels, kernels that do not compile.
func TestErrors(t *testing.T) {
	target := ptx.Targets()[0]
	dir := t.TempDir()
	if _, err := compile(dir, target); err == nil || !strings.Contains(err.Error(), "no kernels") && !strings.Contains(err.Error(), "apt install clang-19") {
		t.Errorf("no kernels: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "wrong.cu"), []byte("int f( {"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := compile(dir, target); err == nil || !strings.Contains(err.Error(), "wrong.cu:1") && !strings.Contains(err.Error(), "apt install clang-19") {
		t.Errorf("wrong kernels: %v", err)
	}
	t.Setenv("SINKCPU_CLANG", "no-such-compiler")
	if _, err := compile(dir, target); err == nil || !strings.Contains(err.Error(), "apt install clang-19") {
		t.Errorf("no compiler: %v", err)
	}
}

func TestStrip(t *testing.T) {
	const code = "//\n// made by\n\n.version 6.3\n\t// .globl\tf  // -- Begin\n\tmov.u32 \t%r2, %tid.x;  \n$L__1:      // loop\n}\n"
	if got, want := string(strip([]byte(code))), ".version 6.3\nmov.u32 \t%r2, %tid.x;\n$L__1:\n}\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

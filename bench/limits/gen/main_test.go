package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestUpToDate holds the files in ../asm to what the generator writes: limits must be those of the kernels as they are.
func TestUpToDate(t *testing.T) {
	files, err := probes()
	if err != nil {
		t.Fatal(err)
	}
	if files["loops.go"], err = loopsFile("../../../asm"); err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../asm", name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes; run go generate ./bench/limits/asm", name)
		}
	}
}

func TestMissingKernels(t *testing.T) {
	if _, err := loopsFile(t.TempDir()); err == nil {
		t.Error("a folder without kernels was accepted")
	}
}

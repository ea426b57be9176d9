// Command cuda compiles the kernels of its folder to PTX for each of the targets of package cuda/ptx, into a folder. It needs clang++-19
// (Debian and Ubuntu: apt install clang-19; another name in SINKCPU_CLANG), but no CUDA toolkit: what the kernels use of CUDA C++ is in
// common.cuh. All .cu files are one translation unit and so one module: a file that includes them in the order of their names is given
// to the compiler. The same compiler writes the same bytes.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/sinkcpu/sinkcpu/cuda/ptx"
)

func main() {
	log.SetFlags(0)
	from := flag.String("i", ".", "folder of the kernels")
	to := flag.String("o", ".", "folder to write to")
	flag.Parse()
	for _, t := range ptx.Targets() {
		code, err := compile(*from, t)
		if err != nil {
			log.Fatalf("gen/cuda: %v", err)
		}
		if err := os.WriteFile(filepath.Join(*to, t.File()), code, 0o644); err != nil {
			log.Fatalf("gen/cuda: %v", err)
		}
	}
}

// compile returns the kernels of a folder for a target.
func compile(dir string, t ptx.Target) ([]byte, error) {
	compiler := os.Getenv("SINKCPU_CLANG")
	if compiler == "" {
		compiler = "clang++-19"
	}
	path, err := exec.LookPath(compiler)
	if err != nil {
		return nil, fmt.Errorf("%w: the kernels for CUDA devices are compiled by clang 19; install it (Debian, Ubuntu: apt install clang-19), "+
			"name it in SINKCPU_CLANG, or leave cuda/ptx as it is", err)
	}
	unit, err := unit(dir)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, append([]string{"-I", dir, "-o", "-"}, arguments(t)...)...)
	cmd.Stdin = strings.NewReader(unit)
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s for %s: %w\n%s", compiler, t, err, messages.Bytes())
	}
	return strip(out.Bytes()), nil
}

// comment is one of the compiler's, with the white space before it, and white space at the ends of a line.
var comment = regexp.MustCompile(`(?m)^[ \t]+|[ \t]*(//.*)?$`)

// strip removes comments, indentation and empty lines, a fifth of the bytes.
func strip(code []byte) []byte {
	code = comment.ReplaceAll(code, nil)
	var b bytes.Buffer
	for line := range bytes.Lines(code) {
		if len(line) > 1 {
			b.Write(line)
		}
	}
	return b.Bytes()
}

// unit returns a file that includes the kernels of a folder.
func unit(dir string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.cu"))
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		return "", fmt.Errorf("no kernels in %s", dir)
	}
	var b strings.Builder
	for _, f := range files { // sorted
		fmt.Fprintf(&b, "#include \"%s\"\n", filepath.Base(f))
	}
	return b.String(), nil
}

// arguments returns the compiler's for a target: of the standard library nothing is used, and no path comes into the output.
func arguments(t ptx.Target) []string {
	return []string{
		"-x", "cuda", "--cuda-device-only", "-nocudainc", "-nocudalib", "-nostdinc++", "-std=c++20", "-fdeclspec", "-O3", "-S",
		"-Wall", "-Wno-unused-function", "-Werror", "-ffp-contract=fast",
		fmt.Sprintf("--cuda-gpu-arch=sm_%d%d", t.Major, t.Minor),
		"-Xclang", "-target-feature", "-Xclang", fmt.Sprintf("+ptx%d", t.ISA),
		"-",
	}
}

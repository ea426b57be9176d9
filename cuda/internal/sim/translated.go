//go:build linux && (amd64 || arm64) && !nocuda

package sim

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"github.com/sinkcpu/sinkcpu/cuda/internal/ptxc"
)

// partLines is how many lines of PTX are compiled at once, at least. One kernel has 5,000; a new process of the compiler costs as much as 200.
const partLines = 2500

// made are the libraries of modules in PTX.
var made sync.Map

// targets finds what a module is for.
var targets = regexp.MustCompile(`\.target\s+(\w+)`)

// translated returns a shared library of the kernels of a module in PTX, made by way of C++ where it is not in the user's cache.
func translated(image []byte) (string, error) {
	hash := sha256.Sum256(image)
	if file, ok := made.Load(hash); ok {
		return file.(string), nil
	}
	name := "module.ptx"
	if m := targets.FindSubmatch(image); m != nil {
		name = string(m[1]) + ".ptx"
	}
	kernels, err := ptxc.Translate(name, image)
	if err != nil {
		return "", fmt.Errorf("sim: %w", err)
	}
	clang, err := compiler()
	if err != nil {
		return "", err
	}
	include, err := root()
	if err != nil {
		return "", err
	}
	args := append(arguments(include), "-O1", "-fno-sanitize=all", "-fwrapv", "-fno-math-errno", "-w")
	base, err := key(clang, args[2:], filepath.Join(include, "shim"))
	if err != nil {
		return "", err
	}
	units := append(parts(kernels), table(name, kernels))
	file, err := cached(named(base, strings.Join(units, "\n"))+".so", func(file string) error {
		return link(clang, args, base, units, file)
	})
	if err == nil {
		made.Store(hash, file)
	}
	return file, err
}

// named is the name of what a text makes.
func named(base, text string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(base+"\n"+text)))[:24]
}

// parts returns units of translation of some kernels each.
func parts(kernels []ptxc.Kernel) []string {
	const head = "#include \"shim/ptx.cuh\"\nusing namespace ptx;\n"
	var list []string
	var b strings.Builder
	lines := 0
	for i, k := range kernels {
		b.WriteString(k.Code)
		if lines += k.Lines; lines >= partLines || i == len(kernels)-1 {
			list = append(list, head+b.String())
			b.Reset()
			lines = 0
		}
	}
	return list
}

// table returns the unit that has the blocks, and what they and the simulated device are to know of the kernels.
func table(name string, kernels []ptxc.Kernel) string {
	var b, layouts strings.Builder
	b.WriteString("#include \"shim/ptx_block.cuh\"\n")
	rows := "#define SHIM_KERNELS"
	for _, k := range kernels {
		fmt.Fprintf(&b, "extern \"C\" void %s(void **);\nstatic const ptx::Range ranges_of_%s[] = {", k.Symbol, k.Name)
		for _, r := range k.Layout {
			fmt.Fprintf(&b, "{%d, %d}, ", r.At, r.Size)
		}
		b.WriteString("{0, 0}};\n")
		fmt.Fprintf(&layouts, "{%s, ranges_of_%s, %d},\n", k.Symbol, k.Name, k.Dynamic)
		rows += fmt.Sprintf(" {%q, %s, %q, %d, %d},", k.Name, k.Symbol, k.Parameters, k.Threads, k.Shared)
	}
	fmt.Fprintf(&b, "const char *const ptx::file = %q;\nconst ptx::Layout ptx::layouts[] = {\n%s{nullptr, nullptr, 0}};\n%s\n#include \"shim/table.cuh\"\n", name, &layouts, rows)
	return b.String()
}

// link compiles units, as many at once as there are processors, and makes a library of them. What the units make is kept: after a change of a
// kernel its unit alone is compiled.
func link(clang string, args []string, base string, units []string, file string) error {
	dir := filepath.Join(filepath.Dir(file), "units")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	clean(dir, "*.o")
	objects, failures := make([]string, len(units)), make([]error, len(units))
	var wait sync.WaitGroup
	tokens := make(chan struct{}, runtime.NumCPU())
	for i, u := range units {
		objects[i] = filepath.Join(dir, named(base, u)+".o")
		wait.Go(func() {
			tokens <- struct{}{}
			defer func() { <-tokens }()
			if _, err := os.Stat(objects[i]); err == nil {
				return
			}
			if _, failures[i] = run(clang, u, append(args[:len(args):len(args)], "-c", "-o", objects[i]+".new", "-")...); failures[i] == nil {
				failures[i] = os.Rename(objects[i]+".new", objects[i])
			}
		})
	}
	wait.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	_, err := run(clang, "", append([]string{"-shared", "-nostdlib++", "-o", file}, append(objects, "-lm")...)...)
	return err
}

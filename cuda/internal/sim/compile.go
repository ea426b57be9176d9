//go:build linux && (amd64 || arm64) && !nocuda

package sim

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// errNoCompiler is the error where clang is not installed.
var errNoCompiler = errors.New("clang++-19 is not installed (Debian, Ubuntu: apt install clang-19; another name in SINKCPU_CLANG)")

// compiler returns the path of clang.
func compiler() (string, error) {
	name := os.Getenv("SINKCPU_CLANG")
	if name == "" {
		name = "clang++-19"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", errNoCompiler
	}
	return path, nil
}

// root returns the folder gen/cuda of the module that the working directory is in.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "gen", "cuda"), nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", errors.New("sim: the working directory is not in the module, whose gen/cuda has the kernels")
	}
}

// flags are the compiler's, beside those of a processor. A multiplication and an addition become one operation, as on a device.
var flags = []string{
	"-x", "c++", "-std=c++20", "-O2", "-ffp-contract=fast", "-fPIC", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-nostdlib++",
	"-fno-strict-aliasing", "-fsanitize=bounds,alignment", "-fno-sanitize-recover=all", "-Wall", "-Wno-unused-function", "-Werror",
}

func arguments(include string) []string {
	args := append([]string{"-I", include}, flags...)
	if runtime.GOARCH == "amd64" && cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3) {
		args = append(args, "-mavx2", "-mfma")
	}
	return args
}

// compile returns a shared library of the kernels of a folder; it is made where it is not in the user's cache.
func compile(sources string) (string, error) {
	clang, err := compiler()
	if err != nil {
		return "", err
	}
	include, err := root()
	if err != nil {
		return "", err
	}
	if sources == "" {
		sources = include
	}
	if sources, err = filepath.Abs(sources); err != nil {
		return "", err
	}
	key, err := key(clang, arguments(""), include, sources)
	if err != nil {
		return "", err
	}
	return cached(key+".so", func(file string) error { return build(clang, include, sources, file) })
}

// cached returns a file of the cache, which is made where it is not there.
func cached(name string, build func(file string) error) (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	dir = filepath.Join(dir, "sinkcpu-sim")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(dir, name)
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	clean(dir, "*.so")
	made := file + ".new"
	if err := build(made); err != nil {
		return "", err
	}
	return file, os.Rename(made, file)
}

// key is the name of what the sources of folders make with a compiler and its arguments.
func key(clang string, args []string, folders ...string) (string, error) {
	version, err := exec.Command(clang, "--version").Output()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%s%q", version, args)
	for _, d := range folders {
		err := filepath.WalkDir(d, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasPrefix(filepath.Ext(path), ".cu") {
				return err
			}
			text, err := os.ReadFile(path)
			fmt.Fprintf(hash, "%q %d\n%s", strings.TrimPrefix(path, d), len(text), text)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:12]), nil
}

// kept is how many files of a kind remain in the cache.
const kept = 32

// clean removes the oldest files of a kind.
func clean(dir, kind string) {
	for {
		files, _ := filepath.Glob(filepath.Join(dir, kind))
		if len(files) <= kept {
			return
		}
		oldest, when := "", int64(0)
		for _, f := range files {
			if s, err := os.Stat(f); err == nil && (oldest == "" || s.ModTime().UnixNano() < when) {
				oldest, when = f, s.ModTime().UnixNano()
			}
		}
		if oldest == "" || os.Remove(oldest) != nil {
			return
		}
	}
}

// kernel finds the kernels in the output of the preprocessor: what the shim's __global__ and __launch_bounds__ become.
var kernel = regexp.MustCompile(`extern\s+"C"\s+__attribute__\(\(annotate\("kernel"\)\)\)\s+void\s+` +
	`(?:__attribute__\(\(annotate\("threads",\s*([^()]*)\)\)\)\s*)?(\w+)\s*\(`)

// build compiles the sources.
func build(clang, include, sources, file string) error {
	names, err := filepath.Glob(filepath.Join(sources, "*.cu"))
	if err != nil {
		return err
	}
	var unit strings.Builder
	unit.WriteString("#include \"common.cuh\"\n")
	for _, n := range names {
		fmt.Fprintf(&unit, "#include \"%s\"\n", n)
	}
	expanded, err := run(clang, unit.String(), append(arguments(include), "-E", "-")...)
	if err != nil {
		return err
	}
	unit.WriteString("#define SHIM_KERNELS")
	for _, m := range kernel.FindAllSubmatch(expanded, -1) {
		threads := string(m[1])
		if threads == "" {
			threads = "1024"
		}
		fmt.Fprintf(&unit, " KERNEL(%s, %s)", m[2], threads)
	}
	unit.WriteString("\n#include \"shim/table.cuh\"\n")
	_, err = run(clang, unit.String(), append(arguments(include), "-shared", "-o", file, "-", "-lm")...)
	return err
}

func run(clang, input string, args ...string) ([]byte, error) {
	cmd := exec.Command(clang, args...)
	cmd.Stdin = strings.NewReader(input)
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("sim: the kernels do not compile: %w\n%s", err, messages.Bytes())
	}
	return out.Bytes(), nil
}

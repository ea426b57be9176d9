package ptx_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda/ptx"
)

// Each file is of its target and of the version of PTX that its drivers read.
func TestTargets(t *testing.T) {
	for _, target := range ptx.Targets() {
		image := string(target.Image())
		for _, want := range []string{fmt.Sprintf(".version %d.%d\n", target.ISA/10, target.ISA%10), ".target " + target.String() + "\n", ".address_size 64\n"} {
			if !strings.Contains(image, want) {
				t.Errorf("%s has no %q", target.File(), want)
			}
		}
		for _, call := range []string{".extern .func", "vprintf"} { // there is nothing to link with
			if strings.Contains(image, call) {
				t.Errorf("%s has %s", target.File(), call)
			}
		}
	}
}

func TestBest(t *testing.T) {
	for _, c := range []struct {
		major, minor, cuda int
		want               string
		ok                 bool
	}{
		{7, 5, 13000, "sm_75", true}, {8, 0, 13000, "sm_80", true}, {8, 6, 12000, "sm_80", true}, {8, 9, 11080, "sm_80", true},
		{9, 0, 12040, "sm_80", true}, {10, 0, 13000, "sm_80", true}, {12, 1, 13000, "sm_80", true},
		{8, 6, 10020, "sm_75", true}, {9, 0, 11070, "sm_80", true}, // under older drivers
		{7, 0, 13000, "sm_75", false}, {5, 2, 13000, "sm_75", false}, {7, 5, 9020, "sm_75", false},
	} {
		if got, ok := ptx.Best(c.major, c.minor, c.cuda); got.String() != c.want || ok != c.ok {
			t.Errorf("%d.%d under CUDA %d: %s, %v", c.major, c.minor, c.cuda, got, ok)
		}
	}
	if ptx.For(7, 0) != nil || !strings.Contains(string(ptx.For(8, 6)), ".target sm_80") {
		t.Error("For returns the kernels of another target")
	}
}

// Where there is ptxas, the assembler of the CUDA toolkits (on PATH, or named by SINKCPU_PTXAS), no kernel spills registers beyond what is known: with -v
// the test lists what each takes. Known are those at the limit of registers of two large blocks, none of which spills in its innermost loop.
func TestSpills(t *testing.T) {
	ptxas := os.Getenv("SINKCPU_PTXAS")
	if ptxas == "" {
		ptxas = "ptxas"
	}
	if _, err := exec.LookPath(ptxas); err != nil {
		t.Skip("no ptxas: name it in SINKCPU_PTXAS")
	}
	known := func(kernel string) int {
		switch {
		case strings.HasPrefix(kernel, "sinkhorn_points_") && kernel != "sinkhorn_points_product_shift":
			return 400
		case strings.Contains(kernel, "_plain_large"):
			return 100
		}
		return 16
	}
	about := regexp.MustCompile(`(?s)Function properties for (\w+)\s+\d+ bytes stack frame, (\d+) bytes spill stores, \d+ bytes spill loads.*?Used (\d+) registers`)
	for _, arch := range []struct {
		name   string
		target ptx.Target
	}{{"sm_75", ptx.Targets()[0]}, {"sm_80", ptx.Targets()[1]}, {"sm_90", ptx.Targets()[1]}} {
		path := filepath.Join(t.TempDir(), arch.target.File())
		if err := os.WriteFile(path, arch.target.Image(), 0o666); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(ptxas, "-v", "-arch="+arch.name, "-o", path+".cubin", path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		kernels := about.FindAllStringSubmatch(string(out), -1)
		if len(kernels) == 0 {
			t.Fatalf("%s says nothing of kernels: %s", ptxas, out)
		}
		for _, k := range kernels {
			bytes, err := strconv.Atoi(k[2])
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s %s: %s registers, %d bytes spilled", arch.name, k[1], k[3], bytes)
			if bytes > known(k[1]) {
				t.Errorf("%s %s spills %d bytes, want at most %d", arch.name, k[1], bytes, known(k[1]))
			}
		}
	}
}

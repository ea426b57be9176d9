package ptx_test

import (
	"fmt"
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

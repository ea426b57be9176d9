package cuda_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda/ptx"
)

// A mutation is a fault in one instruction of a kernel, the first that matches, and the tests that find it.
type mutation struct {
	name, kernel, from, to, tests string
}

var mutations = []mutation{
	{"a wait too few", "gemm_tensor_small", `cp\.async\.wait_group 1;`, "", "TestProducts"},
	{"elements of a fragment in another order", "gemm_tensor_small",
		`(mma.sync\S+ \{[^}]*\}, )\{(%r\d+),(%r\d+),(%r\d+),(%r\d+)\}`, "$1{$2,$4,$3,$5}", "TestProducts"},
	{"another lane", "clouds_soft_min_rows", `(shfl\.sync\.bfly\.b32\s+%f\d+, %f\d+), 16,`, "$1, 8,", "TestClouds"},
	{"no wait for the last group", "sinkhorn_resident3_shift", `cp\.async\.wait_group 0;`, "", "TestSolver"},
	{"a wait for the wrong group", "sinkhorn_resident3_shift", `cp\.async\.wait_group 1;`, "cp.async.wait_group 2;", "TestManyTiles"},
	{"a group that is not ended", "conv_weight_tensor_small", `cp\.async\.commit_group;`, "", "TestProducts"},
	{"columns of a fragment in another order", "conv_tensor_small", `(mma.sync\S+ \{[^}]*\}, \{[^}]*\}, )\{(%r\d+),(%r\d+)\}`, "$1{$3,$2}", "TestProducts"},
	{"sums of a fragment in another order", "sinkhorn_apply_tensor3", `(mma.sync\S+ )\{(%f\d+),(%f\d+),(%f\d+),(%f\d+)\}`, "$1{$3,$2,$4,$5}", "TestSolver"},
	{"no barrier", "nn_total", `bar\.sync\s+0;`, "", "TestOps/Reductions|TestOps/Rows"},
	{"another parameter", "clouds_finish", `_param_3\]`, "_param_2]", "TestClouds"},
	{"numbers of a vector in another order", "sinkhorn_points_product_shift", `(ld\.shared\.v4\.f32\s+\{)(%f\d+), (%f\d+),`, "$1$3, $2,", "TestManyTiles"},
	{"one point too many", "sinkhorn_low3_shift", `setp\.ge\.s32`, "setp.gt.s32", "TestSolver"},
	{"an address of another space", "sinkhorn_streamed3_shift", `cvta\.shared\.u64\s+(%rd\d+), (%rd\d+);`, "mov.u64 $1, $2;", "TestSolver"},
	{"a sum rounded to float32", "nn_total", `add\.f64\s+(%fd\d+), (%fd\d+), (%fd\d+);`,
		"add.f64 $1, $2, $3; { .reg .f32 less; cvt.rn.f32.f64 less, $1; cvt.f64.f32 $1, less; }", "TestOps"},
}

// The tests on PTX find what is wrong in it: each mutation fails those that are named with it.
func TestMutations(t *testing.T) {
	if os.Getenv("SINKCPU_TEST_PTX") != "sm_80" {
		t.Skip("with SINKCPU_TEST_PTX=sm_80")
	}
	image := ptx.For(8, 0)
	for i, m := range mutations {
		if i >= 3 && testing.Short() {
			break
		}
		t.Run(m.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "mutated.ptx")
			if err := os.WriteFile(file, m.apply(t, image), 0o666); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "-test.run", m.tests, "-test.failfast", "-rapid.nofailfile")
			cmd.Env = append(os.Environ(), "SINKCPU_TEST_PTX="+file)
			out, err := cmd.CombinedOutput()
			if err == nil || !bytes.Contains(out, []byte("--- FAIL: ")) {
				t.Errorf("%s of %s is not found by %s: %v\n%s", m.name, m.kernel, m.tests, err, out)
			}
			t.Logf("%s", firstLines(out))
		})
	}
}

// apply returns the module with the fault in it.
func (m mutation) apply(t *testing.T, image []byte) []byte {
	t.Helper()
	begin := bytes.Index(image, []byte(".entry "+m.kernel+"("))
	if begin < 0 {
		t.Fatalf("no kernel %s", m.kernel)
	}
	end := len(image)
	if n := bytes.Index(image[begin:], []byte("\n}\n")); n >= 0 {
		end = begin + n
	}
	from := regexp.MustCompile(m.from)
	at := from.FindSubmatchIndex(image[begin:end])
	if at == nil {
		t.Fatalf("%s has nothing like %s", m.kernel, m.from)
	}
	var b []byte
	b = append(b, image[:begin+at[0]]...)
	b = from.Expand(b, []byte(m.to), image[begin:end], at)
	return append(b, image[begin+at[1]:]...)
}

// firstLines are those of an output that say what failed.
func firstLines(out []byte) string {
	var lines []string
	for line := range strings.Lines(string(out)) {
		if len(lines) < 3 && !strings.HasPrefix(line, "=== ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

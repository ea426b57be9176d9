package clouds_test

import (
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
	"github.com/sinkcpu/sinkcpu/sinkhorn/discrepancy"
)

// The discrepancy and its derivatives are those of package discrepancy, for every kernel and both estimates.
func TestMMDIsDiscrepancys(t *testing.T) {
	const n, d = 11, 3
	table := clouds.NewHost[float64](nn.NewCPU[float64](nil))
	for _, name := range discrepancy.KernelNames {
		for _, unbiased := range []bool{false, true} {
			for _, both := range []bool{false, true} {
				x, y := cloud(1, n, d), cloud(2, n, d)
				bandwidths := []float64{1, 2.5}
				kernel, err := discrepancy.NewKernel(name, bandwidths...)
				if err != nil {
					t.Fatal(err)
				}
				dx, dy := nn.NewTensor[float64](n, d), nn.NewTensor[float64](n, d)
				wantX, wantY := make([]float64, n*d), make([]float64, n*d)
				if !both {
					dy, wantY = nil, nil
				}
				want, err := (&discrepancy.MMD[float64]{Kernel: kernel, Unbiased: unbiased}).Eval(x.Data(), y.Data(), n, n, d, wantX, wantY, true)
				if err != nil {
					t.Fatal(err)
				}
				got := clouds.NewMMD[float64](table, name, bandwidths, unbiased).Eval(x, y, dx, dy, true)
				if !(math.Abs(got-want) <= 1e-12) {
					t.Errorf("%s, unbiased %v: %.15g, want %.15g", name, unbiased, got, want)
				}
				compare := func(got *nn.Tensor[float64], want []float64) {
					for i, w := range want {
						if !(math.Abs(got.Data()[i]-w) <= 1e-12) {
							t.Fatalf("%s, unbiased %v: derivative %d is %.15g, want %.15g", name, unbiased, i, got.Data()[i], w)
						}
					}
				}
				compare(dx, wantX)
				if both {
					compare(dy, wantY)
				}
			}
		}
	}
}

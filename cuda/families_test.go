package cuda_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda"
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/devicetest"
)

// families are the kinds of kernels, each with a few operations that launch them on a small problem: what a device is tried with before anything that takes
// minutes. On a table of the host they give what is wanted.
var families = []struct {
	kernels string // a prefix of the names of those that are launched
	run     func(ops nn.Ops[float32]) [][]float32
}{
	{"nn_axpy", func(ops nn.Ops[float32]) [][]float32 {
		x, y := normals(ops, "x", 3000), normals(ops, "y", 3000)
		ops.Axpy(y, .5, x)
		ops.LeakyReLU(x, y, .1)
		return [][]float32{y.Values(), x.Values()}
	}},
	{"gemm_", func(ops nn.Ops[float32]) [][]float32 {
		a, b, c := normals(ops, "a", 70, 150), normals(ops, "b", 150, 90), normals(ops, "c", 70, 90)
		ops.Gemm(false, false, 1, a, b, .5, c)
		d := normals(ops, "d", 20, 20) // sums of few terms are not those of tensor cores
		ops.Gemm(true, false, 1, normals(ops, "e", 8, 20), normals(ops, "f", 8, 20), 0, d)
		return [][]float32{c.Values(), d.Values()}
	}},
	{"conv_", func(ops nn.Ops[float32]) [][]float32 {
		g := nn.ConvGeometry{Kernel: 4, Stride: 2, Padding: 1}
		large, small := normals(ops, "large", 3, 5, 8, 8), normals(ops, "small", 3, 40, 4, 4)
		weight, bias := normals(ops, "weight", 40, 5, 4, 4), normals(ops, "bias", 40)
		ops.Conv(small, large, weight, bias, g)
		back, dw := normals(ops, "back", 3, 5, 8, 8), normals(ops, "dw", 40, 5, 4, 4)
		ops.ConvTranspose(back, small, weight, nil, g)
		ops.ConvWeight(dw, small, large, g)
		return [][]float32{small.Values(), back.Values(), dw.Values()}
	}},
	{"nn_normalize", func(ops nn.Ops[float32]) [][]float32 {
		x, y := normals(ops, "x", 6, 5, 7, 3), normals(ops, "y", 6, 5, 7, 3)
		mean, variance := normals(ops, "mean", 5), normals(ops, "variance", 5)
		ops.ChannelMoments(mean, variance, x)
		ops.ChannelNormalize(y, x, mean, variance, normals(ops, "weight", 5), normals(ops, "bias", 5), 1e-5)
		return [][]float32{mean.Values(), variance.Values(), y.Values()}
	}},
	{"nn_max_pool", func(ops nn.Ops[float32]) [][]float32 {
		y := normals(ops, "y", 2, 3, 4, 4)
		ops.MaxPool(y, normals(ops, "x", 2, 3, 8, 8), nn.ConvGeometry{Kernel: 2, Stride: 2})
		return [][]float32{y.Values()}
	}},
	{"nn_loss_squared", func(ops nn.Ops[float32]) [][]float32 {
		y, sums := normals(ops, "y", 50, 70), normals(ops, "sums", 70)
		ops.ColumnSums(sums, y)
		grad := normals(ops, "grad", 50, 70)
		loss := ops.SquaredError(grad, y, normals(ops, "target", 50, 70))
		return [][]float32{sums.Values(), grad.Values(), {float32(loss), float32(ops.Dot(y, grad))}}
	}},
	{"nn_adam", func(ops nn.Ops[float32]) [][]float32 {
		p, m, v := normals(ops, "p", 500), normals(ops, "m", 500), normals(ops, "v", 500)
		ops.Mul(v, v, v) // a moment of squares
		step := kernels.AdamStep[float32]{Beta1: .9, Beta2: .99, StepSize: .01, InvSqrtBias2: 1.5, Eps: 1e-4}
		ops.Adam(p, normals(ops, "grad", 500), m, v, &step)
		return [][]float32{p.Values(), m.Values(), v.Values()}
	}},
	{"clouds_", func(ops nn.Ops[float32]) [][]float32 {
		const n, d = 70, 80
		c, err := transport(generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Value: sinkhorn.Sharp, Eps: .2, OfMean: true, Steps: 3})
		if err != nil {
			panic(err)
		}
		x, y, dx := normals(ops, "x", n, d), normals(ops, "y", n, d), normals(ops, "dx", n, d)
		if compare := c.(generative.TableCriterion[float32]).On(ops); compare != nil {
			metrics, err := compare(context.Background(), x, y, n, dx, nil, true)
			if err != nil {
				panic(err)
			}
			return [][]float32{dx.Values(), {float32(metrics[0].Value)}}
		}
		metrics, err := c.Eval(context.Background(), x.Values(), y.Values(), n, d, dx.Values(), nil, true)
		if err != nil {
			panic(err)
		}
		return [][]float32{dx.Values(), {float32(metrics[0].Value)}}
	}},
}

// normals returns a tensor of normal numbers on a table.
func normals(ops nn.Ops[float32], name string, shape ...int) *nn.Tensor[float32] {
	host := nn.NewTensor[float32](shape...)
	random.Normal(random.New(1, name), host.Data(), 0, 1)
	x := nn.TensorIn(ops.Alloc(host.Size()), 0, shape...)
	ops.Upload(x, host.Data())
	return x
}

// solvers are the kinds of kernels of the solver, each with a problem that launches them.
var solvers = []struct {
	kernels string
	dim     int // 0 for a matrix
	ground  logsumexp.Ground
	tf32    bool
}{
	{"sinkhorn_low2_", 2, logsumexp.SqEuclidean, false},
	{"sinkhorn_rows_", 0, logsumexp.SqEuclidean, false},
	{"sinkhorn_points_difference_", 33, logsumexp.Euclidean, false},
	{"sinkhorn_resident3_", 64, logsumexp.SqEuclidean, false},
	{"sinkhorn_resident1_", 64, logsumexp.SqEuclidean, true},
	{"sinkhorn_streamed3_", 100, logsumexp.SqEuclidean, false},
	{"sinkhorn_streamed1_", 100, logsumexp.SqEuclidean, true},
}

// solved makes two iterations and returns all that comes of them.
func solved(d sinkhorn.Device, p *sinkhorn.DeviceProblem) (all [][]float64, err error) {
	f, err := d.Load(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	g := make([]float64, p.M)
	for j, b := range p.B {
		g[j] = math.Log2(b)
	}
	errs, u, v := make([]float64, 2), make([]float64, p.N), make([]float64, p.M)
	rows, columns, costs := make([]float64, p.N), make([]float64, p.M), make([]float64, p.N)
	eps := max(1, float64(p.Dim)/4)
	if err := errors.Join(f.Start(eps, nil, g), f.Iterate(1, errs), f.Potentials(u, v), f.Weigh(rows, columns, costs)); err != nil {
		return nil, err
	}
	all = [][]float64{errs, u, v, rows, columns, costs}
	product, vectors := make([]float32, 8*p.N), make([]float32, 8*p.M)
	for i := range vectors {
		vectors[i] = float32(i%5) - 1
	}
	err = f.Apply(product, vectors, 8, false)
	all = append(all, wide(product))
	if p.Dim > 0 {
		dx := make([]float32, p.N*p.Dim)
		err = errors.Join(err, f.Gradient(dx))
		all = append(all, wide(dx))
	}
	return all, err
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// testFamilies holds each family to the host, to a thousandth of the largest number, 4 thousandths where points are rounded to TF32: errors of an index, of a
// barrier or of a lane are larger.
func testFamilies(t *testing.T, d *device.Device) {
	host, ops := nn.NewCPU[float32](nil), cuda.NewOps(d)
	for _, c := range families {
		t.Run(c.kernels, func(t *testing.T) {
			var got [][]float32
			if err := func() (err error) {
				defer nn.CatchFault(&err)
				got = c.run(ops)
				return nil
			}(); err != nil {
				t.Fatal(err)
			}
			for k, want := range c.run(host) {
				nearAll(t, "result", wide(got[k]), wide(want), 1e-3)
			}
		})
	}
	for _, c := range solvers {
		t.Run(c.kernels, func(t *testing.T) {
			s, p, tol := cuda.NewSolver(d), problem(150, 150, c.dim, c.ground), 1e-3
			if s.TF32 = c.tf32; c.tf32 {
				tol = 4e-3
			}
			got, err := solved(s, p)
			if err != nil {
				t.Fatal(err)
			}
			want, err := solved(new(devicetest.Reference), p)
			if err != nil {
				t.Fatal(err)
			}
			for k, w := range want {
				nearAll(t, "result", got[k], w, tol)
			}
		})
	}
}

// A small problem of each family of kernels on the simulated device. Each launches a kernel of its family, and none is left out.
func TestFamilies(t *testing.T) {
	s := sim.New(t, sim.Options{Workers: 2})
	drv, asked := s.Driver(), []string{}
	get := drv.ModuleGet
	drv.ModuleGet = func(f *driver.Function, module driver.Module, name string) driver.Result {
		asked = append(asked, name)
		return get(f, module, name)
	}
	d, err := device.Simulated(drv, s.Image())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	testFamilies(t, d)
	launched := func(prefix string) bool {
		return slices.ContainsFunc(asked, func(name string) bool { return strings.HasPrefix(name, prefix) })
	}
	for _, c := range families {
		if !launched(c.kernels) {
			t.Errorf("no kernel %s... was launched", c.kernels)
		}
	}
	for _, c := range solvers {
		if !launched(c.kernels) {
			t.Errorf("no kernel %s... was launched", c.kernels)
		}
	}
	for _, prefix := range []string{"sinkhorn_update", "sinkhorn_weigh", "sinkhorn_apply_tensor3", "sinkhorn_apply_tensor1", "sinkhorn_apply_stored", "conv_transpose_tensor", "gemm_tensor", "gemm_plain", "clouds_soft_min", "clouds_cost_gradient"} {
		if !launched(prefix) {
			t.Errorf("no kernel %s... was launched", prefix)
		}
	}
}

// The same on a device of this machine, before tests that take minutes.
func TestFamiliesOnDevice(t *testing.T) { testFamilies(t, real(t)) }

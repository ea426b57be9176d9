package nn

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// trainSome runs a few steps of a net whose tensors are cut into several tasks, with other batches between them and one save and restore
// of the optimiser. It returns the gradients' norm, the parameters, their gradients and the last dx.
func trainSome[T kernels.Float](ops Ops[T], fresh func() Optimizer[T]) []T {
	net, err := NewMLP(ops, MLP{Sizes: []int{2, 70, 300, 150}, Hidden: "softplus", Output: "tanh"}, random.New(11, "init"), HeUniform(0), FanInUniform)
	if err != nil {
		panic(err)
	}
	g := NewGroup("net", net.Params(), fresh())
	var dx *Tensor[T]
	for step := range uint64(3) {
		x := drawInput[T](step, 300+50*int(step), 2)
		g.ZeroGrad()
		y := net.Forward(upload(ops, x))
		dx = net.Backward(upload(ops, drawNormal[T](step, y)), WantAll)
		g.Step()
		saved := State[T]{Step: g.Opt.State().Step, Tensors: map[string]*Tensor[T]{}}
		for name, v := range g.Opt.State().Tensors {
			saved.Tensors[name] = TensorOf(download(ops, v), v.Shape()...)
		}
		g.Opt = fresh()
		if err := g.Opt.Restore(g.Params, saved); err != nil {
			panic(err)
		}
	}
	all := append([]T{T(GradNorm(ops, g.Params))}, download(ops, dx)...)
	for _, p := range g.Params {
		all = append(append(all, download(ops, p.Value)...), download(ops, p.Grad)...)
	}
	return all
}

func upload[T kernels.Float](ops Ops[T], x *Tensor[T]) *Tensor[T] {
	y := TensorIn(ops.Alloc(x.Size()), 0, x.Shape()...)
	ops.Upload(y, x.Data())
	return y
}

func download[T kernels.Float](ops Ops[T], x *Tensor[T]) []T {
	data := make([]T, x.Size())
	ops.Download(data, x)
	return data
}

// withAdam and withSGD run trainSome.
func withAdam[T kernels.Float](ops Ops[T]) []T {
	return trainSome(ops, func() Optimizer[T] { o, _ := NewAdam(ops, DefaultAdam(1e-2)); return o })
}

func withSGD[T kernels.Float](ops Ops[T]) []T {
	return trainSome(ops, func() Optimizer[T] {
		o, _ := NewSGD(ops, SGDConfig{Rate: 1e-4, Momentum: 0.9, WeightDecay: 0.1})
		return o
	})
}

// withRMSProp runs trainSome.
func withRMSProp[T kernels.Float](ops Ops[T]) []T {
	return trainSome(ops, func() Optimizer[T] {
		o, _ := NewRMSProp(ops, RMSPropConfig{Rate: 1e-3, Decay: .9, Eps: 1e-6, Momentum: .5})
		return o
	})
}

// The bits do not depend on the number of workers, nor on whether there is a runner.
func TestWorkers(t *testing.T) { both(t, testWorkers[float32], testWorkers[float64]) }

func testWorkers[T kernels.Float](t *testing.T) {
	want, wantSGD, wantRMS := withAdam[T](NewCPU[T](nil)), withSGD[T](NewCPU[T](nil)), withRMSProp[T](NewCPU[T](nil))
	for _, workers := range []int{1, 2, 5} {
		pool := parallel.New(workers)
		if !sameBits(withAdam[T](NewCPU[T](pool)), want) || !sameBits(withSGD[T](NewCPU[T](pool)), wantSGD) || !sameBits(withRMSProp[T](NewCPU[T](pool)), wantRMS) {
			t.Errorf("%d workers: other bits than without a runner", workers)
		}
		pool.Close()
	}
	for _, v := range slices.Concat(want, wantSGD, wantRMS) {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			t.Fatalf("training gives %v", v)
		}
	}
	if !(want[0] > 0 && wantSGD[0] > 0) {
		t.Errorf("gradient norms %v and %v", want[0], wantSGD[0])
	}
}

// One table serves several goroutines at once.
func TestConcurrentUse(t *testing.T) {
	pool := parallel.New(3)
	defer pool.Close()
	ops := NewCPU[float32](pool)
	want := withAdam[float32](NewCPU[float32](nil))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if !sameBits(withAdam[float32](ops), want) {
				t.Error("other bits beside another user of the table")
			}
		})
	}
	wg.Wait()
}

// Networks and optimisers run unchanged on a device whose memory the host cannot address.
func TestDevice(t *testing.T) {
	cpu := NewCPU[float32](nil)
	if !sameBits(withAdam[float32](device{cpu}), withAdam[float32](cpu)) || !sameBits(withRMSProp[float32](device{cpu}), withRMSProp[float32](cpu)) || !sameBits(withSGD[float32](device{cpu}), withSGD[float32](cpu)) {
		t.Error("other bits on a device")
	}
}

// Layers run unchanged there too, all that have a case but the one that is made for the host.
func TestDeviceLayers(t *testing.T) {
	cpu := NewCPU[float32](nil)
	for _, c := range layerCases[float32]() {
		if strings.HasPrefix(c.name, "MaxPool2d") {
			continue
		}
		run := func(ops Ops[float32]) []float32 {
			l := c.make(ops)
			y := l.Forward(upload(ops, drawInput[float32](1, c.shape...)))
			all := download(ops, y)
			all = append(all, download(ops, l.Backward(upload(ops, drawNormal(2, y)), WantAll))...)
			for _, p := range l.Params() {
				all = append(all, download(ops, p.Grad)...)
			}
			return all
		}
		if !sameBits(run(device{cpu}), run(cpu)) {
			t.Errorf("%s: other bits on a device", c.name)
		}
	}
}

// device is the host's table behind storages that show nothing.
type device struct{ cpu *CPU[float32] }

type hidden struct{ data []float32 }

func (h *hidden) Len() int        { return len(h.data) }
func (h *hidden) Data() []float32 { return nil }

// on returns the tensor as the device sees it.
func (d device) on(t *Tensor[float32]) *Tensor[float32] {
	s, offset := t.Storage()
	return TensorIn[float32](Host[float32](s.(*hidden).data), offset, t.Shape()...)
}

func (d device) Alloc(n int) Storage[float32]                 { return &hidden{make([]float32, n)} }
func (d device) Upload(dst *Tensor[float32], src []float32)   { d.cpu.Upload(d.on(dst), src) }
func (d device) Download(dst []float32, src *Tensor[float32]) { d.cpu.Download(dst, d.on(src)) }
func (d device) AddRow(y, row *Tensor[float32])               { d.cpu.AddRow(d.on(y), d.on(row)) }
func (d device) ColumnSums(sum, y *Tensor[float32])           { d.cpu.ColumnSums(d.on(sum), d.on(y)) }
func (d device) Copy(dst, src *Tensor[float32])               { d.cpu.Copy(d.on(dst), d.on(src)) }
func (d device) Zero(x *Tensor[float32])                      { d.cpu.Zero(d.on(x)) }
func (d device) Scale(x *Tensor[float32], alpha float32)      { d.cpu.Scale(d.on(x), alpha) }
func (d device) Axpy(y *Tensor[float32], a float32, x *Tensor[float32]) {
	d.cpu.Axpy(d.on(y), a, d.on(x))
}
func (d device) Dot(x, y *Tensor[float32]) float64 { return d.cpu.Dot(d.on(x), d.on(y)) }
func (d device) LeakyReLU(y, x *Tensor[float32], slope float32) {
	d.cpu.LeakyReLU(d.on(y), d.on(x), slope)
}
func (d device) Softplus(y, x *Tensor[float32]) { d.cpu.Softplus(d.on(y), d.on(x)) }
func (d device) Sigmoid(y, x *Tensor[float32])  { d.cpu.Sigmoid(d.on(y), d.on(x)) }
func (d device) Tanh(y, x *Tensor[float32])     { d.cpu.Tanh(d.on(y), d.on(x)) }

func (d device) Gemm(transA, transB bool, alpha float32, a, b *Tensor[float32], beta float32, c *Tensor[float32]) {
	d.cpu.Gemm(transA, transB, alpha, d.on(a), d.on(b), beta, d.on(c))
}

func (d device) LeakyReLUBackward(dx, dy, y *Tensor[float32], slope float32) {
	d.cpu.LeakyReLUBackward(d.on(dx), d.on(dy), d.on(y), slope)
}

func (d device) SoftplusBackward(dx, dy, y *Tensor[float32]) {
	d.cpu.SoftplusBackward(d.on(dx), d.on(dy), d.on(y))
}
func (d device) SigmoidBackward(dx, dy, y *Tensor[float32]) {
	d.cpu.SigmoidBackward(d.on(dx), d.on(dy), d.on(y))
}
func (d device) TanhBackward(dx, dy, y *Tensor[float32]) {
	d.cpu.TanhBackward(d.on(dx), d.on(dy), d.on(y))
}

func (d device) Adam(p, grad, m, v *Tensor[float32], step *kernels.AdamStep[float32]) {
	d.cpu.Adam(d.on(p), d.on(grad), d.on(m), d.on(v), step)
}

func (d device) Conv(y, x, w, b *Tensor[float32], g ConvGeometry) {
	d.cpu.Conv(d.on(y), d.on(x), d.on(w), d.maybe(b), g)
}
func (d device) ConvTranspose(y, x, w, b *Tensor[float32], g ConvGeometry) {
	d.cpu.ConvTranspose(d.on(y), d.on(x), d.on(w), d.maybe(b), g)
}
func (d device) ConvWeight(dw, small, large *Tensor[float32], g ConvGeometry) {
	d.cpu.ConvWeight(d.on(dw), d.on(small), d.on(large), g)
}
func (d device) ChannelSums(sum, y *Tensor[float32]) { d.cpu.ChannelSums(d.on(sum), d.on(y)) }

// maybe is on for a tensor that may be nil.
func (d device) maybe(t *Tensor[float32]) *Tensor[float32] {
	if t == nil {
		return nil
	}
	return d.on(t)
}

func (d device) Mul(y, x, z *Tensor[float32])             { d.cpu.Mul(d.maybe(y), d.maybe(x), d.maybe(z)) }
func (d device) Clamp(x *Tensor[float32], lo, hi float32) { d.cpu.Clamp(d.maybe(x), lo, hi) }
func (d device) Gather(y, table, index *Tensor[float32]) {
	d.cpu.Gather(d.maybe(y), d.maybe(table), d.maybe(index))
}
func (d device) AddColumns(y *Tensor[float32], at int, beta float32, x *Tensor[float32], from, cols int, alpha float32) {
	d.cpu.AddColumns(d.maybe(y), at, beta, d.maybe(x), from, cols, alpha)
}
func (d device) ScatterAdd(table, y, index *Tensor[float32]) {
	d.cpu.ScatterAdd(d.maybe(table), d.maybe(y), d.maybe(index))
}
func (d device) ELU(y, x *Tensor[float32], alpha float32) { d.cpu.ELU(d.maybe(y), d.maybe(x), alpha) }
func (d device) ELUBackward(dx, dy, y *Tensor[float32], alpha float32) {
	d.cpu.ELUBackward(d.maybe(dx), d.maybe(dy), d.maybe(y), alpha)
}
func (d device) GELU(y, x *Tensor[float32]) { d.cpu.GELU(d.maybe(y), d.maybe(x)) }
func (d device) GELUBackward(dx, dy, x *Tensor[float32]) {
	d.cpu.GELUBackward(d.maybe(dx), d.maybe(dy), d.maybe(x))
}
func (d device) SiLU(y, x *Tensor[float32]) { d.cpu.SiLU(d.maybe(y), d.maybe(x)) }
func (d device) SiLUBackward(dx, dy, x *Tensor[float32]) {
	d.cpu.SiLUBackward(d.maybe(dx), d.maybe(dy), d.maybe(x))
}
func (d device) ChannelMoments(mean, variance, x *Tensor[float32]) {
	d.cpu.ChannelMoments(d.maybe(mean), d.maybe(variance), d.maybe(x))
}
func (d device) ChannelNormalize(y, x, mean, variance, weight, bias *Tensor[float32], eps float64) {
	d.cpu.ChannelNormalize(d.maybe(y), d.maybe(x), d.maybe(mean), d.maybe(variance), d.maybe(weight), d.maybe(bias), eps)
}
func (d device) ChannelNormalizeBackward(dx, dweight, dbias, dy, x, mean, variance, weight *Tensor[float32], eps float64, batch bool) {
	d.cpu.ChannelNormalizeBackward(d.maybe(dx), d.maybe(dweight), d.maybe(dbias), d.maybe(dy), d.maybe(x), d.maybe(mean), d.maybe(variance), d.maybe(weight), eps, batch)
}
func (d device) LayerNorm(y, x, weight, bias *Tensor[float32], eps float64) {
	d.cpu.LayerNorm(d.maybe(y), d.maybe(x), d.maybe(weight), d.maybe(bias), eps)
}
func (d device) LayerNormBackward(dx, dweight, dbias, dy, x, weight *Tensor[float32], eps float64) {
	d.cpu.LayerNormBackward(d.maybe(dx), d.maybe(dweight), d.maybe(dbias), d.maybe(dy), d.maybe(x), d.maybe(weight), eps)
}
func (d device) L2Normalize(y, x *Tensor[float32], eps float64) {
	d.cpu.L2Normalize(d.maybe(y), d.maybe(x), eps)
}
func (d device) L2NormalizeBackward(dx, dy, x *Tensor[float32], eps float64) {
	d.cpu.L2NormalizeBackward(d.maybe(dx), d.maybe(dy), d.maybe(x), eps)
}
func (d device) MaxPool(y, x *Tensor[float32], g ConvGeometry) {
	d.cpu.MaxPool(d.maybe(y), d.maybe(x), g)
}
func (d device) MaxPoolBackward(dx, dy, x *Tensor[float32], g ConvGeometry) {
	d.cpu.MaxPoolBackward(d.maybe(dx), d.maybe(dy), d.maybe(x), g)
}
func (d device) AvgPool(y, x *Tensor[float32], g ConvGeometry) {
	d.cpu.AvgPool(d.maybe(y), d.maybe(x), g)
}
func (d device) AvgPoolBackward(dx, dy *Tensor[float32], g ConvGeometry) {
	d.cpu.AvgPoolBackward(d.maybe(dx), d.maybe(dy), g)
}
func (d device) Upsample(y, x *Tensor[float32], factor int) {
	d.cpu.Upsample(d.maybe(y), d.maybe(x), factor)
}
func (d device) UpsampleBackward(dx, dy *Tensor[float32], factor int) {
	d.cpu.UpsampleBackward(d.maybe(dx), d.maybe(dy), factor)
}

func (d device) SquaredError(grad, y, target *Tensor[float32]) float64 {
	return d.cpu.SquaredError(d.maybe(grad), d.maybe(y), d.maybe(target))
}
func (d device) AbsoluteError(grad, y, target *Tensor[float32]) float64 {
	return d.cpu.AbsoluteError(d.maybe(grad), d.maybe(y), d.maybe(target))
}
func (d device) BinaryCrossEntropy(grad, y, target *Tensor[float32]) float64 {
	return d.cpu.BinaryCrossEntropy(d.maybe(grad), d.maybe(y), d.maybe(target))
}
func (d device) Hinge(grad, y *Tensor[float32], sign float32) float64 {
	return d.cpu.Hinge(d.maybe(grad), d.maybe(y), sign)
}
func (d device) CrossEntropy(grad, y, class *Tensor[float32]) float64 {
	return d.cpu.CrossEntropy(d.maybe(grad), d.maybe(y), d.maybe(class))
}
func (d device) GaussianKL(dmean, dlogvar, mean, logvar *Tensor[float32]) float64 {
	return d.cpu.GaussianKL(d.maybe(dmean), d.maybe(dlogvar), d.maybe(mean), d.maybe(logvar))
}
func (d device) RMSProp(p, grad, v, u *Tensor[float32], step *RMSPropStep[float32]) {
	d.cpu.RMSProp(d.maybe(p), d.maybe(grad), d.maybe(v), d.maybe(u), step)
}

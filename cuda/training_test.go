package cuda_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/cuda"
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/train"
)

// rows is a source of data: normal rows about the corners of a square, or images of that dimension, with classes.
type rows struct {
	rng *rand.Rand
	dim int
}

func (r rows) Next(dst []float32, n int) { r.NextLabelled(dst, make([]int, n)) }

func (r rows) NextLabelled(dst []float32, class []int) {
	for i := range class {
		class[i] = r.rng.IntN(4)
		for k := range r.dim {
			dst[i*r.dim+k] = float32(class[i]>>(k%2)&1) + .1*float32(r.rng.NormFloat64())
		}
	}
}

// A trial is an objective on a table, and how wide its data is.
type trial struct {
	name string
	dim  int
	make func(ops nn.Ops[float32]) (generative.Objective, error)
}

func fit(ops nn.Ops[float32], m *generative.Model, err error) (generative.Objective, error) {
	if err != nil {
		return nil, err
	}
	c, err := generative.NewTransport[float32](generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Value: sinkhorn.Sharp, Eps: .5, Steps: 5})
	if err != nil {
		return nil, err
	}
	return generative.NewFit(ops, m, c, generative.FitConfig{Batch: 12, Rate: 1e-3, Seed: 3})
}

var trials = []trial{
	{"MLP", 2, func(ops nn.Ops[float32]) (generative.Objective, error) {
		m, err := generative.NewMLPModel(ops, nn.MLP{Sizes: []int{3, 20, 2}, Hidden: "relu"}, "normal", 1)
		return fit(ops, m, err)
	}},
	{"DCGAN", 64, func(ops nn.Ops[float32]) (generative.Objective, error) {
		m, err := generative.NewDCGANModel(ops, 5, []int{6, 4}, generative.ImageShape{Height: 8, Width: 8, Channels: 1}, "normal", 1)
		return fit(ops, m, err)
	}},
	{"classifier", 64, func(ops nn.Ops[float32]) (generative.Objective, error) {
		net := nn.NewSequential[float32](
			nn.NewReshape[float32](1, 8, 8), nn.NewConv2d(ops, nn.ConvConfig{In: 1, Out: 3, Kernel: 3, Padding: 1}), nn.NewReLU(ops),
			nn.NewMaxPool2d(ops, nn.ConvGeometry{Kernel: 2}), nn.NewFlatten[float32](), nn.NewLinear(ops, 48, 4))
		src := random.New(1, "init")
		net.Layers()[1].(*nn.Conv2d[float32]).Init(src, nn.FanInUniform, nil)
		net.Layers()[5].(*nn.Linear[float32]).Init(src, nn.FanInUniform, nil)
		return generative.NewClassifier(ops, net, []int{64}, generative.ClassifierConfig{Batch: 10, Rate: 1e-3})
	}},
	{"WAE", 2, autoEncoder(false, aeConfig{Encoder: "deterministic", Decoder: "deterministic", Penalty: "mmd", Kernel: "imq", InputNoise: .1})},
	{"VAE", 64, autoEncoder(true, aeConfig{Encoder: "gaussian", Decoder: "bernoulli", Penalty: "kl"})},
	{"AAE", 2, autoEncoder(false, aeConfig{Encoder: "gaussian", Decoder: "gaussian", Variance: .3, LearnVariance: true, Penalty: "gan", Form: "nonsaturating"})},
	{"AVB", 2, autoEncoder(false, aeConfig{Encoder: "implicit", Decoder: "gaussian", Variance: .3, Penalty: "avb"})},
}

type aeConfig = generative.AutoEncoderConfig

// autoEncoder makes an auto-encoder of rows of two numbers, or of images by convolutions.
func autoEncoder(images bool, cfg aeConfig) func(ops nn.Ops[float32]) (generative.Objective, error) {
	return func(ops nn.Ops[float32]) (generative.Objective, error) {
		const latent = 3
		s := generative.ImageShape{Height: 8, Width: 8, Channels: 1}
		net := func(name, activation string, in, out int) (nn.Layer[float32], error) {
			return nn.NewMLP(ops, nn.MLP{Sizes: []int{in, 16, out}, Hidden: activation}, random.New(1, name), nn.XavierUniform(1), nil)
		}
		m, err := generative.NewMLPModel(ops, nn.MLP{Sizes: []int{latent, 20, 2}, Hidden: "relu"}, "normal", 1)
		dim, in, out := 2, 2, latent
		if images {
			m, err = generative.NewDCGANModel(ops, latent, []int{6, 4}, s, "normal", 1)
			dim, in = 64, 64
		}
		if err != nil {
			return nil, err
		}
		switch cfg.Encoder {
		case "gaussian":
			out *= 2
		case "implicit":
			cfg.EncoderNoise = 2
			in += cfg.EncoderNoise
		}
		enc, err := net("encoder", "relu", in, out)
		if images {
			enc, err = generative.NewDCGANEncoder(ops, []int{4, 6}, out, s, random.New(1, "encoder"))
		}
		if err != nil {
			return nil, err
		}
		var judge nn.Layer[float32]
		switch cfg.Penalty {
		case "gan":
			judge, err = net("judge", "leaky_relu", latent, 1)
		case "avb":
			judge, err = net("judge", "leaky_relu", latent+dim, 1)
		}
		if err != nil {
			return nil, err
		}
		cfg.Batch, cfg.Rate, cfg.DiscriminatorRate, cfg.DiscriminatorSteps, cfg.Lambda, cfg.Seed = 10, 1e-3, 1e-3, 2, .5, 3
		o, err := generative.NewAutoEncoder(ops, m, enc, judge, cfg)
		if err != nil || cfg.Penalty != "avb" {
			return o, err
		}
		law, err := net("contrast", "relu", dim, 2*latent)
		if err != nil {
			return nil, err
		}
		return o, o.SetContrast(law)
	}
}

// A learnedCost is between features that learn, or stay. mixed adds a cost between rows.
type learnedCost struct {
	name      string
	features  int
	spectral  bool
	mixed     bool
	criterion func() (generative.Criterion[float32], error)
	cfg       generative.CriticConfig
}

var learned = []learnedCost{
	{"clipped", 3, false, false, comparisonOf("sharp, eps of the mean"), generative.CriticConfig{Steps: 2, GeneratorSteps: 1, Clip: .1, Optimizer: "rmsprop"}},
	{"spectral, reconstruction", 3, true, false, comparisonOf("entropic, independent, reach"), generative.CriticConfig{Steps: 1, GeneratorSteps: 2, Reconstruction: .1}},
	{"penalty", 3, false, false, comparisonOf("sharp, eps of the mean"), generative.CriticConfig{Steps: 1, GeneratorSteps: 1, Penalty: 1}},
	{"penalty, compared by the host", 3, false, false, func() (generative.Criterion[float32], error) {
		return transport(generative.TransportConfig{Loss: "plain", Self: "same", Cost: "sqeuclidean", Exact: true})
	}, generative.CriticConfig{Steps: 1, GeneratorSteps: 1, Penalty: 1}},
	{"mixed", 3, false, true, comparisonOf("sharp, eps of the mean"), generative.CriticConfig{Steps: 1, GeneratorSteps: 1, Clip: .1}},
	{"envelope", 3, false, false, comparisonOf("envelope, reach"), generative.CriticConfig{Steps: 1, GeneratorSteps: 1, Clip: .1}},
	{"frozen, mmd", 3, false, false, comparisonOf("mmd"), generative.CriticConfig{Steps: 1, GeneratorSteps: 1, Frozen: true}},
	{"the model stays", 3, false, false, comparisonOf("sharp, eps of the mean"), generative.CriticConfig{Steps: 1, Clip: .1}},
	{"means", 1, false, false, func() (generative.Criterion[float32], error) { return generative.MeanDifference[float32]{}, nil }, generative.CriticConfig{Steps: 2, GeneratorSteps: 1, Clip: .1}},
	{"exact", 3, false, false, func() (generative.Criterion[float32], error) {
		return transport(generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Exact: true})
	}, generative.CriticConfig{Steps: 1, GeneratorSteps: 1, Clip: .1}},
}

// adversary makes the objective of a learned cost.
func adversary(ops nn.Ops[float32], k int) (*generative.Adversarial, error) {
	c := learned[k]
	m, err := generative.NewMLPModel(ops, nn.MLP{Sizes: []int{3, 12, 2}, Hidden: "relu"}, "normal", 1)
	if err != nil {
		return nil, err
	}
	criterion, err := c.criterion()
	if err != nil {
		return nil, err
	}
	fit, err := generative.NewFit(ops, m, criterion, generative.FitConfig{Batch: 24 / criterion.Clouds(), Rate: 1e-3, Seed: 3})
	if err != nil {
		return nil, err
	}
	net := func(seed uint64, sizes ...int) *nn.Sequential[float32] {
		net, err := nn.NewMLP(ops, nn.MLP{Sizes: sizes, Hidden: "leaky_relu"}, random.New(seed, "critic"), nn.XavierUniform(1), nil)
		if err != nil {
			panic(err)
		}
		return net
	}
	features := net(2, 2, 10, c.features)
	if c.spectral {
		features = generative.SpectralNormalised(ops, features, random.New(2, "spectral norm"))
	}
	if c.cfg.Reconstruction > 0 {
		c.cfg.Decoder = net(4, c.features, 2)
	}
	c.cfg.Rate = 1e-3
	if c.mixed {
		mixed, err := generative.NewMixedFeatures(ops, features, 2, "cosine", .5)
		if err != nil {
			return nil, err
		}
		return generative.NewAdversarial(fit, mixed, c.cfg)
	}
	return generative.NewAdversarial(fit, features, c.cfg)
}

// Steps under learned costs on a device have the metrics of the host's.
func TestLearnedCosts(t *testing.T) {
	there := cuda.NewOps(simulated(t, sim.Options{}))
	steps := func(ops nn.Ops[float32], k int) (all []generative.Metric) {
		obj, err := adversary(ops, k)
		if err != nil {
			t.Fatal(err)
		}
		data := rows{rand.New(rand.NewPCG(1, 2)), 2}
		for report := range 3 {
			m, err := obj.Step(context.Background(), data, report > 0)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, m...)
		}
		state, err := obj.State()
		if err == nil {
			err = obj.Restore(state)
		}
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	for k, c := range learned {
		want, got := steps(nn.NewCPU[float32](nil), k), steps(there, k)
		if len(want) == 0 || len(got) != len(want) {
			t.Fatalf("%s: %v, want %v", c.name, got, want)
		}
		for i, m := range got {
			if w := want[i]; m.Name != w.Name || !(math.Abs(m.Value-w.Value) <= 2e-3*(1+math.Abs(w.Value))) {
				t.Errorf("%s: %s is %g, want %s %g", c.name, m.Name, m.Value, w.Name, w.Value)
			}
		}
		if again := steps(there, k); fmt.Sprint(again) != fmt.Sprint(got) {
			t.Errorf("%s: %v, and %v when it is computed again", c.name, got, again)
		}
	}
}

// A gradient penalty is refused where products are of operands rounded to TF32: the difference that its derivative is would drown in them.
func TestPenaltyInTF32(t *testing.T) {
	ops := cuda.NewOps(simulated(t, sim.Options{}))
	ops.TF32 = true
	for k, c := range learned {
		if _, err := adversary(ops, k); (err == nil) != (c.cfg.Penalty == 0) || err != nil && !strings.Contains(err.Error(), "SINKCPU_TF32") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// curve returns the losses of some steps, and the parameters after them.
func curve(t *testing.T, c trial, ops nn.Ops[float32], steps int) (losses []float64, params []float32) {
	t.Helper()
	obj, err := c.make(ops)
	if err != nil {
		t.Fatal(err)
	}
	data := rows{rand.New(rand.NewPCG(1, 2)), c.dim}
	for range steps {
		m, err := obj.Step(context.Background(), data, true)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, m[0].Value)
	}
	for _, g := range obj.Groups() {
		for _, p := range g.Params {
			params = append(params, p.Value.Values()...)
		}
	}
	return losses, params
}

// Training steps on a device are those of the host: the first loss to the rounding of a forward pass, later ones to what Adam makes of the
// rounding of a gradient. Adam moves a parameter by at most about the rate a step, whatever its gradient, and one whose gradient is rounding
// alone may move either way, so the bound of a parameter is twice the rate a step; the loss is nearer than that.
func TestTraining(t *testing.T) {
	const steps, rate = 3, 1e-3
	there := cuda.NewOps(simulated(t, sim.Options{}))
	for _, c := range trials {
		t.Run(c.name, func(t *testing.T) {
			want, params := curve(t, c, nn.NewCPU[float32](nil), steps)
			got, moved := curve(t, c, there, steps)
			if !(math.Abs(got[0]-want[0]) <= 2e-5*(1+math.Abs(want[0]))) {
				t.Errorf("loss %v at first, want %v", got[0], want[0])
			}
			for k, v := range got {
				if !(math.Abs(v-want[k]) <= rate*(1+math.Abs(want[k]))) {
					t.Errorf("loss %v at step %d, want %v", v, k+1, want[k])
				}
			}
			far := 0
			for i, v := range moved {
				d := math.Abs(float64(v - params[i]))
				if !(d <= 2.1*steps*rate) {
					t.Fatalf("parameter %d is %v, want %v", i, v, params[i])
				}
				if d > rate/20 {
					far++
				}
			}
			if len(moved) == 0 || far > len(moved)/50 {
				t.Errorf("%d of %d parameters are further than a twentieth of a step from the host's", far, len(moved))
			}
			again, _ := curve(t, c, there, steps)
			if fmt.Sprint(again) != fmt.Sprint(got) {
				t.Errorf("losses %v, and %v when they are computed again", got, again)
			}
		})
	}
}

// comparisons are what a training step compares clouds by on a device.
var comparisons = []struct {
	name string
	make func() (generative.Criterion[float32], error)
}{
	{"sharp, eps of the mean", func() (generative.Criterion[float32], error) {
		return transport(generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Value: sinkhorn.Sharp, Eps: .1, OfMean: true, Steps: 20})
	}},
	{"small eps", func() (generative.Criterion[float32], error) {
		return transport(generative.TransportConfig{Loss: "divergence", Self: "same", Cost: "halfsqeuclidean", Value: sinkhorn.Sharp, Eps: .002, Steps: 8})
	}},
	{"entropic, independent, reach", func() (generative.Criterion[float32], error) {
		return transport(generative.TransportConfig{Loss: "sinkhorn", Self: "independent", Cost: "euclidean", Value: sinkhorn.Entropic, Eps: .2, Steps: 6, Reach: 1})
	}},
	{"otgan, cosine", func() (generative.Criterion[float32], error) {
		return transport(generative.TransportConfig{Loss: "otgan", Self: "same", Cost: "cosine", Value: sinkhorn.Entropic, Eps: .2, OfMean: true, Steps: 6})
	}},
	{"plain, l1", func() (generative.Criterion[float32], error) {
		return transport(generative.TransportConfig{Loss: "plain", Self: "same", Cost: "l1", Value: sinkhorn.Sharp, Eps: .3, Steps: 6})
	}},
	{"a power", func() (generative.Criterion[float32], error) {
		return transport(generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "pow:1.5", Value: sinkhorn.Sharp, Eps: .3, Steps: 6})
	}},
	{"envelope, reach", func() (generative.Criterion[float32], error) {
		return transport(generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Value: sinkhorn.Entropic, Eps: .2, Steps: 1000, Gradient: "envelope", Tol: 1e-6, Reach: 1})
	}},
	{"envelope, otgan, sharp values", func() (generative.Criterion[float32], error) {
		return transport(generative.TransportConfig{Loss: "otgan", Self: "same", Cost: "cosine", Value: sinkhorn.Sharp, Eps: .2, Steps: 1000, Gradient: "envelope", Tol: 1e-6})
	}},
	{"implicit, eps of the mean", func() (generative.Criterion[float32], error) {
		return transport(generative.TransportConfig{Loss: "divergence", Self: "same", Cost: "sqeuclidean", Value: sinkhorn.Sharp, Eps: .1, OfMean: true, Steps: 5000, Gradient: "implicit", Tol: 1e-5})
	}},
	{"mmd", func() (generative.Criterion[float32], error) {
		return generative.NewMMD[float32](generative.MMDConfig{Kernel: "gaussian", Bandwidths: []float64{.5, 1}})
	}},
	{"mmd, energy, unbiased", func() (generative.Criterion[float32], error) {
		return generative.NewMMD[float32](generative.MMDConfig{Kernel: "energy", Unbiased: true})
	}},
}

// comparisonOf returns how one of them is made.
func comparisonOf(name string) func() (generative.Criterion[float32], error) {
	return func() (generative.Criterion[float32], error) {
		for _, c := range comparisons {
			if c.name == name {
				return c.make()
			}
		}
		return nil, errors.New("no comparison " + name)
	}
}

func transport(c generative.TransportConfig) (generative.Criterion[float32], error) {
	return generative.NewTransport[float32](c)
}

// A comparison of clouds on a device is the host's: metrics to 2e-5 of 1 and of the mean cost, which is about 1, derivatives to 1e-3 of the
// largest; at a thousandth of the mean cost to 1e-2.
func TestComparisons(t *testing.T) {
	ops := cuda.NewOps(simulated(t, sim.Options{Order: 7}))
	const n, d = 21, 3
	for _, c := range comparisons {
		criterion, err := c.make()
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(4, 5))
		size := criterion.Clouds() * n * d
		x, y := make([]float32, size), make([]float32, size)
		for i := range x {
			x[i], y[i] = float32(.5*rng.NormFloat64()), float32(.3+.4*rng.NormFloat64())
		}
		there := func(v []float32) *nn.Tensor[float32] {
			at := nn.TensorIn(ops.Alloc(size), 0, size/d, d)
			ops.Upload(at, v)
			return at
		}
		compare := criterion.(generative.TableCriterion[float32]).On(ops)
		if compare == nil {
			t.Fatalf("%s: not on a device", c.name)
		}
		for _, both := range []bool{true, false} {
			dx, dy := make([]float32, size), make([]float32, size)
			ax, ay := there(x), there(y) // of what was there before, nothing stays
			if !both {
				dy, ay = nil, nil
			}
			want, err := criterion.Eval(context.Background(), x, y, n, d, dx, dy, true)
			if err != nil {
				t.Fatal(err)
			}
			got, err := compare(context.Background(), there(x), there(y), n, ax, ay, true)
			if err != nil || len(got) != len(want) {
				t.Fatalf("%s: %v, %v", c.name, got, err)
			}
			for k, m := range got {
				if m.Name != want[k].Name || !(math.Abs(m.Value-want[k].Value) <= 4e-5) {
					t.Errorf("%s: %v, want %v", c.name, m, want[k])
				}
			}
			near := func(side string, got *nn.Tensor[float32], want []float32) {
				var largest float64
				for _, v := range want {
					largest = max(largest, math.Abs(float64(v)))
				}
				tol := 1e-3 * largest
				if c.name == "small eps" {
					tol *= 10
				}
				for i, v := range got.Values() {
					if !(math.Abs(float64(v-want[i])) <= tol) {
						t.Fatalf("%s: %s[%d] is %v, want %v within %.2g", c.name, side, i, v, want[i], tol)
					}
				}
			}
			near("dx", ax, dx)
			if both {
				near("dy", ay, dy)
			}
			alone := there(x)
			if _, err := compare(context.Background(), there(x), there(y), n, alone, nil, false); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(alone.Values(), ax.Values()) {
				t.Errorf("%s: the derivative without a report has other bits", c.name)
			}
		}
	}
	if exact, err := transport(generative.TransportConfig{Loss: "plain", Self: "same", Cost: "l1", Exact: true}); err != nil {
		t.Fatal(err)
	} else if exact.(generative.TableCriterion[float32]).On(ops) != nil {
		t.Error("exact transport on a device")
	}
}

// A cloud of which a number is not finite ends a step, on a device too, and leaves the parameters as they are.
func TestTrainingNotFinite(t *testing.T) {
	ops := cuda.NewOps(simulated(t, sim.Options{}))
	for _, c := range comparisons {
		criterion, err := c.make()
		if err != nil {
			t.Fatal(err)
		}
		m, err := generative.NewMLPModel(ops, nn.MLP{Sizes: []int{2, 4, 2}, Hidden: "relu"}, "normal", 1)
		if err != nil {
			t.Fatal(err)
		}
		obj, err := generative.NewFit(ops, m, criterion, generative.FitConfig{Batch: 5, Rate: 1e-3})
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(obj.Groups()[0].Params[0].Value.Values())
		if _, err := obj.Step(context.Background(), spoilt{}, false); !errors.Is(err, generative.ErrNotFinite) {
			t.Errorf("%s: %v, want ErrNotFinite", c.name, err)
		}
		if !slices.Equal(before, obj.Groups()[0].Params[0].Value.Values()) {
			t.Errorf("%s: the step was taken", c.name)
		}
	}
}

// spoilt is data with a row that is not finite.
type spoilt struct{}

func (spoilt) Next(dst []float32, n int) {
	clear(dst)
	dst[len(dst)-1] = float32(math.Inf(1))
}

// traffic is what a simulated device is asked for.
type traffic struct {
	in, out       int // copies to and from it
	inBytes       uint64
	largest       uint64 // copy from it
	memory        int    // allocations
	withoutLaunch bool   // kernels do not run
}

// counted returns a device whose traffic is counted.
func counted(t *testing.T) (*device.Device, *traffic) {
	t.Helper()
	var c traffic
	s := sim.New(t, sim.Options{})
	drv := *s.Driver()
	copyIn, copyOut, alloc, launch := drv.MemcpyHtoDAsync, drv.MemcpyDtoHAsync, drv.MemAlloc, drv.LaunchKernel
	drv.MemcpyHtoDAsync = func(dst driver.Pointer, src unsafe.Pointer, bytes uint64, at driver.Stream) driver.Result {
		c.in++
		c.inBytes += bytes
		return copyIn(dst, src, bytes, at)
	}
	drv.MemcpyDtoHAsync = func(dst unsafe.Pointer, src driver.Pointer, bytes uint64, at driver.Stream) driver.Result {
		c.out++
		c.largest = max(c.largest, bytes)
		return copyOut(dst, src, bytes, at)
	}
	drv.MemAlloc = func(p *driver.Pointer, bytes uint64) driver.Result {
		c.memory++
		return alloc(p, bytes)
	}
	drv.LaunchKernel = func(f driver.Function, grid, block driver.Dim, shared uint32, at driver.Stream, parameters []unsafe.Pointer) driver.Result {
		if c.withoutLaunch {
			return driver.Success
		}
		return launch(f, grid, block, shared, at, parameters)
	}
	d, err := device.Simulated(&drv, s.Image())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, &c
}

// A step on a device copies noise and the batch there, of a penalty the places of its points too, and back the norms of its gradients, the mean cost where eps
// is relative to it, the error of a decoder, and the metrics where it reports; it takes no memory of the device after the first.
func TestTrainingCopies(t *testing.T) {
	d, c := counted(t)
	const batch, latent, dim = 30, 2, 3
	type expected struct{ out, reported int } // copies from the device
	of := map[string]expected{
		"sharp, eps of the mean": {2, 3}, "otgan, cosine": {2, 3}, "implicit, eps of the mean": {-1, -1}, "envelope, reach": {-1, -1}, "envelope, otgan, sharp values": {-1, -1},
	}
	for _, k := range comparisons {
		criterion, err := k.make()
		if err != nil {
			t.Fatal(err)
		}
		ops := cuda.NewOps(d)
		m, err := generative.NewMLPModel(ops, nn.MLP{Sizes: []int{latent, 8, dim}, Hidden: "relu"}, "normal", 1)
		if err != nil {
			t.Fatal(err)
		}
		obj, err := generative.NewFit(ops, m, criterion, generative.FitConfig{Batch: batch, Rate: 1e-3})
		if err != nil {
			t.Fatal(err)
		}
		want, ok := of[k.name]
		if !ok {
			want = expected{1, 2}
		}
		data := rows{rand.New(rand.NewPCG(1, 2)), dim}
		for step, report := range []bool{true, false, true} {
			*c = traffic{}
			if _, err := obj.Step(context.Background(), data, report); err != nil {
				t.Fatal(err)
			}
			if step == 0 {
				continue
			}
			out, clouds := want.out, criterion.Clouds()
			if report {
				out = want.reported
			}
			if bytes := uint64(4 * (latent + dim) * batch * clouds); c.in != 2 || c.inBytes != bytes {
				t.Errorf("%s: %d copies of %d bytes to the device, want 2 of %d", k.name, c.in, c.inBytes, bytes)
			}
			if looks := out < 0; !looks && c.out != out || looks && c.out < 2 || c.largest > 4*8*6 {
				t.Errorf("%s, report %v: %d copies of up to %d bytes from the device, want %d of a few numbers", k.name, report, c.out, c.largest, out)
			}
			if c.memory != 0 {
				t.Errorf("%s: %d allocations on the device", k.name, c.memory)
			}
		}
	}
	for k, want := range map[string]struct{ in, out int }{
		"clipped": {6, 6}, "spectral, reconstruction": {6, 24}, "penalty": {5, 4}, "mixed": {4, 4}, "means": {6, 3},
	} {
		obj, err := adversary(cuda.NewOps(d), slices.IndexFunc(learned, func(c learnedCost) bool { return c.name == k }))
		if err != nil {
			t.Fatal(err)
		}
		data := rows{rand.New(rand.NewPCG(1, 2)), 2}
		for step := range 3 {
			*c = traffic{}
			if _, err := obj.Step(context.Background(), data, false); err != nil {
				t.Fatal(err)
			}
			if step > 0 && (c.in != want.in || c.out != want.out || c.largest > 8*6 || c.memory != 0) {
				t.Errorf("%s: %d copies to the device, %d of up to %d bytes from it, %d allocations there, want %d and %d of a few numbers", k, c.in, c.out, c.largest, c.memory, want.in, want.out)
			}
		}
	}
}

// After the first steps the heap of the host grows by no more than views of tensors and arguments of launches, whatever the size of the batch.
func TestTrainingAllocation(t *testing.T) {
	d, c := counted(t)
	per := func(batch int, make func(ops nn.Ops[float32], batch int) (generative.Objective, error)) (bytes uint64) {
		obj, err := make(cuda.NewOps(d), batch)
		if err != nil {
			t.Fatal(err)
		}
		data := filled{}
		step := func() {
			if _, err := obj.Step(context.Background(), data, false); err != nil {
				t.Fatal(err)
			}
		}
		step()
		c.withoutLaunch = true // the simulation allocates in its launches
		defer func() { c.withoutLaunch = false }()
		step()
		c.memory = 0
		const steps = 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range steps {
			step()
		}
		runtime.ReadMemStats(&after)
		if c.memory != 0 {
			t.Errorf("%d allocations on the device", c.memory)
		}
		return (after.TotalAlloc - before.TotalAlloc) / steps
	}
	for name, make := range map[string]func(ops nn.Ops[float32], batch int) (generative.Objective, error){
		"sinkhorn": func(ops nn.Ops[float32], batch int) (generative.Objective, error) { return plainFit(ops, batch) },
		"wgan-gp": func(ops nn.Ops[float32], batch int) (generative.Objective, error) {
			fit, err := plainFit(ops, batch)
			if err != nil {
				return nil, err
			}
			net, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{3, 10, 4}, Hidden: "leaky_relu"}, random.New(2, "critic"), nn.XavierUniform(1), nil)
			if err != nil {
				return nil, err
			}
			return generative.NewAdversarial(fit, net, generative.CriticConfig{Steps: 1, GeneratorSteps: 1, Penalty: 1, Rate: 1e-3})
		},
	} {
		small, large := per(16, make), per(64, make)
		t.Logf("%s: %d and %d bytes a step", name, small, large)
		if small > 64<<10 || large > small+2048 {
			t.Errorf("%s: a step takes %d bytes of the heap for 16 points, %d for 64", name, small, large)
		}
	}
}

// filled is data of ones.
type filled struct{}

func (filled) Next(dst []float32, _ int) {
	for i := range dst {
		dst[i] = 1
	}
}

func plainFit(ops nn.Ops[float32], batch int) (*generative.Fit, error) {
	m, err := generative.NewMLPModel(ops, nn.MLP{Sizes: []int{2, 8, 3}, Hidden: "relu"}, "normal", 1)
	if err != nil {
		return nil, err
	}
	c, err := transport(generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Value: sinkhorn.Sharp, Eps: .5, Steps: 5})
	if err != nil {
		return nil, err
	}
	return generative.NewFit(ops, m, c, generative.FitConfig{Batch: batch, Rate: 1e-3})
}

// What computes on the host says so, and a run's state and samples come from the device.
func TestTrainingState(t *testing.T) {
	ops := cuda.NewOps(simulated(t, sim.Options{}))
	obj, err := trials[1].make(ops)
	if err != nil {
		t.Fatal(err)
	}
	state, err := obj.State()
	if err != nil {
		t.Fatal(err)
	}
	if err := obj.Restore(state); err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 3*64)
	obj.(generative.Generator).Sample(x, 3, random.New(5, "noise").Rand)
	host, err := trials[1].make(nn.NewCPU[float32](nil))
	if err != nil {
		t.Fatal(err)
	}
	y := make([]float32, len(x))
	host.(generative.Generator).Sample(y, 3, random.New(5, "noise").Rand)
	for i := range x {
		if !(math.Abs(float64(x[i]-y[i])) <= 1e-5) {
			t.Fatalf("sample %d is %v, want %v", i, x[i], y[i])
		}
	}
	m, err := generative.NewMixtureModel(nn.NewCPU[float32](nil), 2, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fit(ops, m, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a mixture on a device: %v, want an error of the kind ErrUnsupported", err)
	}
}

// A whole run of a classifier on a device leaves weights that the host reads as the checkpoint has them.
func TestTrainingRunOfClassifier(t *testing.T) {
	c := train.DefaultConfigOf("classifier", "glyphs")
	c.Model, c.Steps, c.EvalEvery, c.Batch = "classifier-small-28", 2, -1, 4
	o, err := train.PrepareOn(cuda.NewOps(simulated(t, sim.Options{})), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Dir, o.Device = filepath.Join(t.TempDir(), "run"), "simulated"
	s, err := train.Run(context.Background(), o)
	if err != nil || s.Device != "simulated" || s.Steps != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	k, _, err := train.LoadClassifier(o.Dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	host := nn.NewCPU[float32](nil)
	net, err := nn.NewModel(host, c.Model, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nn.LoadModel(host, filepath.Join(o.Dir, "weights.safetensors"), net); err != nil {
		t.Fatal(err)
	}
	for i, p := range net.Params() {
		if !slices.Equal(p.Value.Values(), k.Network().Params()[i].Value.Values()) {
			t.Errorf("%s differs", p.Name)
		}
	}
}

// A whole run on a device, with its checkpoint and what is measured after it, ends at the loss of the host's. One whose device fails ends
// with an error of the device's kind and keeps its folder.
func TestTrainingRun(t *testing.T) {
	run := func(ops nn.Ops[float32]) (*train.Summary, error) {
		c := train.DefaultConfig("ellipse")
		c.Steps, c.EvalEvery, c.Batch, c.Hidden = 3, -1, 16, []int{20}
		o, err := train.PrepareOn(ops, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		o.Dir = filepath.Join(t.TempDir(), "run")
		return train.Run(context.Background(), o)
	}
	want, err := run(nn.NewCPU[float32](nil))
	if err != nil {
		t.Fatal(err)
	}
	got, err := run(cuda.NewOps(simulated(t, sim.Options{})))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Metrics) == 0 || got.Steps != 3 || !(math.Abs(got.Metrics[0].Value-want.Metrics[0].Value) <= 2e-3*(1+want.Metrics[0].Value)) {
		t.Errorf("%+v after the run on the device, want %+v", got.Metrics, want.Metrics)
	}
	s := sim.Options{}
	calls := 0
	s.Fail = func(name string) driver.Result {
		if calls++; calls > 200 {
			return driver.LaunchFailed
		}
		return driver.Success
	}
	_, err = run(cuda.NewOps(simulated(t, s)))
	if !errors.Is(err, device.ErrFault) {
		t.Errorf("a run whose device fails: %v", err)
	}
}

// Whole runs under learned costs, with their checkpoints, pictures and measures, end at the losses of the host's; those whose device fails, at
// one call or another, end with an error of the device's kind.
func TestTrainingRunOfLearnedCosts(t *testing.T) {
	for _, objective := range []string{"sinkhorn", "wgan-gp"} {
		run := func(ops nn.Ops[float32]) (*train.Summary, error) {
			c := train.DefaultConfigOf(objective, "ellipse")
			c.Steps, c.Batch, c.Hidden, c.Features, c.EvalEvery, c.SaveEvery = 3, 16, []int{20}, []int{10, 3}, -1, 1
			if objective == "wgan-gp" {
				c.Features = []int{10}
			}
			o, err := train.PrepareOn(ops, c, nil)
			if err != nil {
				return nil, err
			}
			o.Dir = filepath.Join(t.TempDir(), "run")
			return train.Run(context.Background(), o)
		}
		want, err := run(nn.NewCPU[float32](nil))
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		got, err := run(cuda.NewOps(simulated(t, sim.Options{Fail: func(string) driver.Result { calls++; return driver.Success }})))
		if err != nil {
			t.Fatal(err)
		}
		for k, m := range got.Metrics {
			if w := want.Metrics[k]; m.Name != w.Name || !(math.Abs(m.Value-w.Value) <= 5e-3*(1+math.Abs(w.Value))) {
				t.Errorf("%s: %s is %g after the run on the device, want %s %g", objective, m.Name, m.Value, w.Name, w.Value)
			}
		}
		for _, share := range []float64{.3, .6, .9} {
			left := int(share * float64(calls))
			_, err := run(cuda.NewOps(simulated(t, sim.Options{Fail: func(string) driver.Result {
				if left--; left < 0 {
					return driver.LaunchFailed
				}
				return driver.Success
			}})))
			if !errors.Is(err, device.ErrFault) {
				t.Errorf("%s: a run whose device fails at %g of its calls: %v", objective, share, err)
			}
		}
	}
}

// A run on the features of digits, beside rows, has the losses of the host's.
func TestTrainingRunOfDigits(t *testing.T) {
	run := func(ops nn.Ops[float32]) *train.Summary {
		c := train.DefaultConfigOf("sinkhorn", "glyphs")
		c.Critic, c.Cost, c.Eps, c.CostMix = "digits", "cosine", train.Eps{Value: .1, OfMean: true}, .5
		c.Steps, c.Batch, c.Hidden, c.EvalEvery = 1, 3, []int{8}, -1
		o, err := train.PrepareOn(ops, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		o.Dir = filepath.Join(t.TempDir(), "run")
		s, err := train.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	want, got := run(nn.NewCPU[float32](nil)), run(cuda.NewOps(simulated(t, sim.Options{})))
	if len(got.Metrics) == 0 || len(got.Metrics) != len(want.Metrics) {
		t.Fatalf("%+v, want %+v", got.Metrics, want.Metrics)
	}
	for k, m := range got.Metrics {
		if w := want.Metrics[k]; m.Name != w.Name || !(math.Abs(m.Value-w.Value) <= 1e-3*(1+math.Abs(w.Value))) {
			t.Errorf("%s is %g on the device, want %s %g", m.Name, m.Value, w.Name, w.Value)
		}
	}
}

// Whole runs of auto-encoders, with the measures of their codes and their pictures, end at the losses of the host's.
func TestTrainingRunOfAutoEncoder(t *testing.T) {
	for _, objective := range []string{"wae-mmd", "avb"} {
		run := func(ops nn.Ops[float32]) *train.Summary {
			c := train.DefaultConfigOf(objective, "ellipse")
			c.Steps, c.Batch, c.Hidden, c.Discriminator = 3, 16, []int{20}, []int{20}
			o, err := train.PrepareOn(ops, c, nil)
			if err != nil {
				t.Fatal(err)
			}
			o.Dir = filepath.Join(t.TempDir(), "run")
			s, err := train.Run(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		want, got := run(nn.NewCPU[float32](nil)), run(cuda.NewOps(simulated(t, sim.Options{})))
		if len(got.Metrics) == 0 || len(got.Metrics) != len(want.Metrics) {
			t.Fatalf("%s: %+v after the run on the device, want %+v", objective, got.Metrics, want.Metrics)
		}
		for k, m := range got.Metrics {
			if w := want.Metrics[k]; m.Name != w.Name || !(math.Abs(m.Value-w.Value) <= 1e-2*(1+math.Abs(w.Value))) {
				t.Errorf("%s: %s is %g after the run on the device, want %s %g", objective, m.Name, m.Value, w.Name, w.Value)
			}
		}
	}
}

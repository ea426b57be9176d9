package generative

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

const testDim, testLatent, testRows = 5, 2, 7

// coder returns an auto-encoder in float64 on rows of testDim numbers, with curved networks.
func coder(t testing.TB, priorName string, change func(*AutoEncoderConfig)) *autoEncoder[float64] {
	t.Helper()
	cfg := AutoEncoderConfig{
		Batch: testRows, Seed: 3, Encoder: "deterministic", Decoder: "deterministic", Variance: .3, Penalty: "none", Lambda: 1.5,
		Kernel: "imq", Eps: .5, Iters: 5, Projections: 20, Form: "nonsaturating", DiscriminatorSteps: 1, EncoderNoise: 3,
	}
	change(&cfg)
	ops := nn.NewCPU[float64](nil)
	net := func(name string, sizes ...int) nn.Layer[float64] {
		l, err := nn.NewMLP(ops, nn.MLP{Sizes: sizes, Hidden: "tanh"}, random.New(1, name), nn.XavierUniform(1), nn.Normal(0, .3))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	in, out, judged := testDim, testLatent, testLatent
	if cfg.Encoder == "implicit" {
		in += cfg.EncoderNoise
	}
	if cfg.Encoder == "gaussian" {
		out *= 2
	}
	if cfg.Penalty == "avb" {
		judged += testDim
	}
	p, err := newPrior(priorName, testLatent)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAutoEncoder(ops, p, net("encoder", in, 6, out), net("decoder", testLatent, 6, testDim), net("discriminator", judged, 6, 1), testDim, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func testData() *nn.Tensor[float64] {
	x := nn.NewTensor[float64](testRows, testDim)
	random.Uniform(random.New(9, "data"), x.Data(), 0, 1)
	return x
}

// evalAt returns the loss for the noise of a seed.
func evalAt(t testing.TB, a *autoEncoder[float64], x *nn.Tensor[float64]) (terms, float64) {
	t.Helper()
	a.noise = random.New(17, "noise")
	v, err := a.eval(context.Background(), x, a.cfg.Lambda, true)
	if err != nil {
		t.Fatal(err)
	}
	return v, v.reconstruction + a.cfg.Lambda*v.penalty
}

func (a *autoEncoder[T]) testParams() []*nn.Param[T] {
	params := append(nn.Prefixed("encoder", a.encoder.net.Params()), nn.Prefixed("decoder", a.decoder.Params())...)
	if a.law.learned {
		params = append(params, a.law.logvar)
	}
	return params
}

// checkParams holds the gradients that f leaves against differences of the number that it returns.
func checkParams(t *testing.T, params []*nn.Param[float64], f func() float64, tol float64) {
	t.Helper()
	for _, p := range params {
		clear(p.Grad.Data())
	}
	f()
	grads := map[string][]float64{}
	var largest float64
	for _, p := range params {
		grads[p.Name] = append([]float64{}, p.Grad.Data()...)
		for _, g := range p.Grad.Data() {
			largest = max(largest, math.Abs(g))
		}
	}
	if largest == 0 {
		t.Fatal("every derivative is 0")
	}
	for _, p := range params {
		for i := range p.Value.Data() {
			const h = 1e-5
			at := &p.Value.Data()[i]
			old := *at
			*at = old + h
			up := f()
			*at = old - h
			down := f()
			*at = old
			if got, want := grads[p.Name][i], (up-down)/(2*h); !(math.Abs(got-want) <= tol*largest) {
				t.Fatalf("element %d of %s: %.9g, by differences %.9g (largest %g)", i, p.Name, got, want, largest)
			}
		}
	}
}

// TestAutoEncoderGradients holds the derivative of every loss that the parts make against differences.
func TestAutoEncoderGradients(t *testing.T) {
	x := testData()
	check := func(t *testing.T, p string, change func(*AutoEncoderConfig)) {
		t.Helper()
		a := coder(t, p, change)
		checkParams(t, a.testParams(), func() float64 { _, loss := evalAt(t, a, x); return loss }, 1e-6)
	}
	for _, penalty := range LatentPenalties {
		for _, enc := range Encoders {
			for _, p := range Priors {
				if penalty == "kl" && (enc != "gaussian" || p != "normal") || penalty == "avb" && enc == "deterministic" {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%s", penalty, enc, p), func(t *testing.T) {
					check(t, p, func(c *AutoEncoderConfig) { c.Penalty, c.Encoder = penalty, enc })
					if penalty == "gan" || penalty == "avb" {
						check(t, p, func(c *AutoEncoderConfig) {
							c.Penalty, c.Encoder, c.Form, c.KnownPrior = penalty, enc, "saturating", true
						})
					}
				})
			}
		}
	}
	for _, dec := range Decoders {
		for _, cost := range ReconstructionCosts {
			t.Run(dec+"/"+cost, func(t *testing.T) {
				check(t, "normal", func(c *AutoEncoderConfig) {
					c.Decoder, c.Cost, c.LearnVariance, c.Encoder = dec, cost, true, "gaussian"
				})
			})
		}
	}
	for _, cost := range ReconstructionCosts {
		t.Run("features/"+cost, func(t *testing.T) {
			a := coder(t, "normal", func(c *AutoEncoderConfig) { c.Cost = cost })
			f, err := nn.NewMLP(a.ops, nn.MLP{Sizes: []int{testDim, 6, 4}, Hidden: "tanh"}, random.New(4, "features"), nn.XavierUniform(1), nn.Normal(0, .3))
			if err != nil {
				t.Fatal(err)
			}
			a.law.features = f
			checkParams(t, a.testParams(), func() float64 { _, loss := evalAt(t, a, x); return loss }, 1e-6)
		})
	}
	t.Run("input noise and gaussian kernel", func(t *testing.T) {
		check(t, "normal", func(c *AutoEncoderConfig) { c.InputNoise, c.Penalty, c.Kernel = .1, "mmd", "gaussian" })
	})
}

// TestPretrainingGradient: the same for the loss of pre-training.
func TestPretrainingGradient(t *testing.T) {
	for _, enc := range Encoders {
		a := coder(t, "normal", func(c *AutoEncoderConfig) { c.Encoder = enc })
		x := testData()
		checkParams(t, a.encoder.net.Params(), func() float64 {
			a.noise = random.New(17, "noise")
			v, err := a.match(context.Background(), x)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}, 1e-6)
	}
}

// TestDiscriminatorGradient: the same for the discriminator, which climbs.
func TestDiscriminatorGradient(t *testing.T) {
	for _, penalty := range []string{"gan", "avb"} {
		for _, known := range []bool{false, true} {
			a := coder(t, "normal", func(c *AutoEncoderConfig) { c.Penalty, c.Encoder, c.KnownPrior = penalty, "gaussian", known })
			x := testData()
			evalAt(t, a, x)
			codes := nn.NewTensor[float64](testRows, testLatent)
			copy(codes.Data(), a.codes.Data())
			checkParams(t, a.judge.net.Params(), func() float64 {
				a.noise = random.New(5, "noise")
				value, _ := a.discriminate(x, codes)
				return -value
			}, 1e-6)
		}
	}
}

// TestAdversarialIsPenalisedTransport: the loss of an adversarial auto-encoder with a Gaussian decoder of variance v is
//
//	(E|X - G(Z)|^2 + Lambda D)/(2 v) + (d/2) log(2 pi v),  Lambda = 2 v
//
// and its derivative the same multiple of that of penalised transport.
func TestAdversarialIsPenalisedTransport(t *testing.T) {
	x := testData()
	for _, v := range []float64{.01, .3, 2} {
		for _, form := range DiscriminatorForms {
			aae := coder(t, "normal", func(c *AutoEncoderConfig) {
				c.Penalty, c.Form, c.Decoder, c.Variance, c.Lambda = "gan", form, "gaussian", v, 1
			})
			pot := coder(t, "normal", func(c *AutoEncoderConfig) { c.Penalty, c.Form, c.Lambda = "gan", form, 2*v })
			_, a := evalAt(t, aae, x)
			_, b := evalAt(t, pot, x)
			want := b/(2*v) + testDim/2.*math.Log(2*math.Pi*v)
			if !(math.Abs(a-want) <= 1e-10*max(1, math.Abs(want))) {
				t.Errorf("%s, v %g: %.15g, want %.15g", form, v, a, want)
			}
			params := pot.testParams()
			for k, p := range aae.testParams() {
				for i, g := range p.Grad.Data() {
					if want := params[k].Grad.Data()[i] / (2 * v); !(math.Abs(g-want) <= 1e-10*max(1, math.Abs(want))) {
						t.Fatalf("%s, v %g, element %d of %s: %.15g, want %.15g", form, v, i, p.Name, g, want)
					}
				}
			}
		}
	}
}

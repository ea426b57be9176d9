package generative

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/exact"
)

// TestEncodersReachTransport: W_c(P_X, P_G) is the least E c(X, G(Z)) over encoders whose codes have the law of the prior (Tolstikhin et al.
// 2018, theorem 1), here for n rows and n latent points of equal mass, of which G sends some to the same place: the left side is transport
// between n rows and the places, by linear programming, the right side the best of all encoders that are permutations, which are the extreme ones.
func TestEncodersReachTransport(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for trial := range 60 {
		n := 2 + trial%5
		ground := []logsumexp.Ground{logsumexp.SqEuclidean, logsumexp.Euclidean, logsumexp.L1}[trial%3]
		x, g := make([]float64, 2*n), make([]float64, 2*n)
		place := make([]int, n) // of latent point j
		for i := range n {
			place[i] = rng.IntN(1 + n/2)
			for k := range 2 {
				x[2*i+k], g[2*i+k] = rng.NormFloat64(), rng.NormFloat64()
			}
		}
		mass := make([]float64, n)
		for _, p := range place {
			mass[p] += 1 / float64(n)
		}
		c := make([]float64, n*n) // from row i to place k
		logsumexp.FormCosts(nil, ground, c, n, x, g, n, n, 2)
		problem, err := sinkhorn.NewProblem(logsumexp.NewStored(c, n, n, n), nil, mass)
		if err != nil {
			t.Fatal(err)
		}
		var s exact.Solver[float64]
		w, err := s.Solve(context.Background(), problem)
		if err != nil {
			t.Fatal(err)
		}
		best := math.Inf(1)
		var code func(i int, left []int, sum float64)
		code = func(i int, left []int, sum float64) {
			if i == n {
				best = min(best, sum/float64(n))
			}
			for k, z := range left {
				rest := slices.Delete(slices.Clone(left), k, k+1)
				code(i+1, rest, sum+c[i*n+place[z]])
			}
		}
		all := make([]int, n)
		for j := range all {
			all[j] = j
		}
		code(0, all, 0)
		if !(math.Abs(w.Value-best) <= 1e-9*max(1, best)) {
			t.Errorf("%d rows, %v: transport %.12g, best encoder %.12g", n, ground, w.Value, best)
		}
	}
}

// TestRandomDecodersAddTheirVariance: E|x - Y|^2 for Y of law N(G(z), v I) is E|x - G(z)|^2 + d v.
func TestRandomDecodersAddTheirVariance(t *testing.T) {
	a := coder(t, "normal", func(c *AutoEncoderConfig) { c.Encoder = "gaussian" })
	x := testData()
	const v, draws = .7, 20000
	terms, _ := evalAt(t, a, x)
	g := a.decoder.Forward(a.codes).Data()
	noise := random.New(2, "decoder")
	var sum, squares float64
	for range draws {
		var c float64
		for i, y := range x.Data() {
			e := y - g[i] - math.Sqrt(v)*noise.NormFloat64()
			c += e * e / testRows
		}
		sum += c
		squares += c * c
	}
	mean := sum / draws
	se := math.Sqrt((squares/draws - mean*mean) / draws)
	if want := terms.reconstruction + testDim*v; !(math.Abs(mean-want) <= 3*se) {
		t.Errorf("mean cost %g +- %g, want %g", mean, se, want)
	}
}

// quadrature returns the integral of f by the trapezium rule, which converges geometrically for what decays.
func quadrature(f func(z float64) float64) (sum float64) {
	const h = .01
	for k := -2000; k <= 2000; k++ {
		sum += f(float64(k)*h) * h
	}
	return sum
}

func normalDensity(z, mean, deviation float64) float64 {
	q := (z - mean) / deviation
	return math.Exp(-q*q/2) / deviation / math.Sqrt(2*math.Pi)
}

// TestBestDiscriminator: between N(0,1) and N(mu,1) its logit log p/q is -mu z + mu^2/2, and its value 2 JS - log 4.
func TestBestDiscriminator(t *testing.T) {
	const mu, n = 1.5, 2000
	p, err := newPrior("normal", 1)
	if err != nil {
		t.Fatal(err)
	}
	ops := nn.NewCPU[float64](nil)
	linear := nn.NewLinear(ops, 1, 1)
	d, err := newDiscriminator[float64](ops, linear, p, "saturating", false, 0)
	if err != nil {
		t.Fatal(err)
	}
	opt, err := newOptimizer[float64](ops, "adam", .05)
	if err != nil {
		t.Fatal(err)
	}
	noise, codes := random.New(1, "noise"), nn.NewTensor[float64](n, 1)
	var both *nn.Tensor[float64]
	var value, count float64
	const steps = 600
	for step := range steps {
		random.Normal(noise, codes.Data(), mu, 1)
		both = beside(both, p, noise.Rand, codes)
		opt.ZeroGrad(linear.Params())
		v, _ := d.learn(nil, both)
		opt.SetRate(.05 * math.Pow(.01, float64(step)/steps))
		opt.Step(linear.Params())
		if step >= steps/2 {
			value += v
			count++
		}
	}
	slope, at0 := linear.Weight.Value.Data()[0], linear.Bias.Value.Data()[0]
	if !(math.Abs(slope+mu) <= .02*mu) || !(math.Abs(at0-mu*mu/2) <= .02*mu*mu/2) {
		t.Errorf("logit %g z + %g, want %g z + %g", slope, at0, -mu, mu*mu/2)
	}
	want := quadrature(func(z float64) float64 {
		a, b := normalDensity(z, 0, 1), normalDensity(z, mu, 1)
		return a*math.Log(a/(a+b)) + b*math.Log(b/(a+b))
	})
	if want > 0 || want < -math.Log(4) {
		t.Fatalf("2 JS - log 4 = %g", want)
	}
	if got := value / count; !(math.Abs(got-want) <= .02*math.Abs(want)) {
		t.Errorf("value %g, want %g", got, want)
	}
}

// TestAdversarialKL: for x and z normal with q(z|x) = N(a x, s^2), the discriminator of (x, z) that avb learns gives, within two per cent,
//
//	E KL(q(z|x), N(0,1)) = E int q log(q/p) dz          by quadrature over z, and over x
//
// whether the prior is known to it or not; with a contrast also where q is so narrow that no draw of the prior comes near it, even though
// the contrast is held off by a quarter of its deviation.
func TestAdversarialKL(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	const a, n, steps = .8, 512, 2000
	p, err := newPrior("normal", 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		s               float64 // deviation of q
		known, contrast bool
	}{{.6, false, false}, {.6, true, false}, {.6, false, true}, {.005, false, true}} {
		want := adversarialKLByQuadrature(t, a, c.s)
		ops := nn.NewCPU[float64](nil)
		net, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{2, 16, 16, 1}, Hidden: "silu"}, random.New(1, "discriminator"), nn.XavierUniform(1), nil)
		if err != nil {
			t.Fatal(err)
		}
		d, err := newDiscriminator[float64](ops, net, p, klForm, c.known, 1)
		if err != nil {
			t.Fatal(err)
		}
		if c.contrast { // N(a x + s/4, (1.25 s)^2)
			linear := nn.NewLinear(ops, 1, 2)
			copy(linear.Weight.Value.Data(), []float64{a, 0})
			copy(linear.Bias.Value.Data(), []float64{c.s / 4, 2 * math.Log(1.25*c.s)})
			d.contrast = &contrast[float64]{ops: ops, net: linear}
		}
		opt, err := newOptimizer[float64](ops, "adam", .01)
		if err != nil {
			t.Fatal(err)
		}
		noise := random.New(4, "noise")
		x, z := nn.NewTensor[float64](n, 1), nn.NewTensor[float64](n, 1)
		draw := func() {
			random.Normal(noise, x.Data(), 0, 1)
			random.Normal(noise, z.Data(), 0, c.s)
			for i, v := range x.Data() {
				z.Data()[i] += a * v
			}
			d.contrast.look(x)
		}
		var both *nn.Tensor[float64]
		for step := range steps {
			draw()
			both = beside(both, p, noise.Rand, z)
			if c.contrast {
				d.contrast.draw(noise.Rand, both.Data()[:n])
			}
			opt.ZeroGrad(net.Params())
			d.learn(x, both)
			opt.SetRate(.01 * math.Pow(.01, float64(step)/steps))
			opt.Step(net.Params())
		}
		var got float64
		const batches = 200
		dz := nn.NewTensor[float64](n, 1)
		for range batches {
			draw()
			got += d.judge(x, z, 1, dz) / batches
		}
		t.Logf("%+v: KL %g, by quadrature %g", c, got, want)
		if !(math.Abs(got-want) <= .02*want) {
			t.Errorf("%+v: KL %g, by quadrature %g", c, got, want)
		}
	}
}

func adversarialKLByQuadrature(t *testing.T, a, s float64) float64 {
	t.Helper()
	want := quadrature(func(x float64) float64 {
		if math.Abs(x) > 8 {
			return 0
		}
		return normalDensity(x, 0, 1) * quadrature(func(u float64) float64 { // z = a x + s u
			z := a*x + s*u
			q := normalDensity(z, a*x, s)
			if q < 1e-300 {
				return 0
			}
			return s * q * (math.Log(q) - math.Log(normalDensity(z, 0, 1)))
		})
	})
	if closed := (a*a + s*s - 1 - 2*math.Log(s)) / 2; !(math.Abs(want-closed) <= 1e-9) {
		t.Fatalf("quadrature gives %g, the closed form %g", want, closed)
	}
	return want
}

// TestContrastDerivatives: that of what the discriminator says by the codes, the contrast as it is, and that of the likelihood by the
// parameters of the contrast, against differences.
func TestContrastDerivatives(t *testing.T) {
	a := coder(t, "normal", func(c *AutoEncoderConfig) { c.Encoder, c.Penalty = "implicit", "avb" })
	ops := nn.NewCPU[float64](nil)
	net, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{testDim, 6, 2 * testLatent}, Hidden: "tanh"}, random.New(2, "contrast"), nn.XavierUniform(1), nn.Normal(0, .3))
	if err != nil {
		t.Fatal(err)
	}
	c := &contrast[float64]{ops: ops, net: net}
	a.judge.contrast = c
	x := testData()
	c.look(x)
	z, dz := nn.NewTensor[float64](testRows, testLatent), nn.NewTensor[float64](testRows, testLatent)
	random.Normal(random.New(3, "codes"), z.Data(), 0, 1)
	ignored := nn.NewTensor[float64](testRows, testLatent)
	a.judge.judge(x, z, 1, dz)
	for k := range z.Data() {
		const h = 1e-5
		at := z.Data()[k]
		z.Data()[k] = at + h
		up := a.judge.judge(x, z, 1, ignored)
		z.Data()[k] = at - h
		want := (up - a.judge.judge(x, z, 1, ignored)) / (2 * h)
		z.Data()[k] = at
		if !(math.Abs(dz.Data()[k]-want) <= 1e-5*max(1, math.Abs(want))) {
			t.Errorf("derivative by code %d: %g, differences have %g", k, dz.Data()[k], want)
		}
	}
	checkParams(t, net.Params(), func() (lost float64) {
		c.look(x)
		c.learn(z)
		for k, v := range z.Data() {
			s := c.deviation.Data()[k]
			lost += math.Log(s) + math.Pow((v-c.mean.Data()[k])/s, 2)/2
		}
		return lost / testRows
	}, 1e-5)
}

// TestFarCodesFeelTheInverseMultiquadric: a code ten deviations away has no derivative under a Gaussian kernel, and has one under the inverse
// multiquadric.
func TestFarCodesFeelTheInverseMultiquadric(t *testing.T) {
	p, err := newPrior("normal", 1)
	if err != nil {
		t.Fatal(err)
	}
	const n = 50
	x, y, dx := make([]float64, n), make([]float64, n), make([]float64, n)
	noise := random.New(1, "noise")
	random.Normal(noise, x, 0, 1)
	random.Normal(noise, y, 0, 1)
	x[0] = 10
	slope := func(kernel string) float64 {
		c, err := newLatentCriterion[float64](AutoEncoderConfig{Penalty: "mmd", Kernel: kernel}, p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Eval(context.Background(), x, y, n, 1, dx, nil, true); err != nil {
			t.Fatal(err)
		}
		return n * dx[0] // of one code, not of the mean
	}
	if g, m := slope("gaussian"), slope("imq"); !(math.Abs(g) < 1e-8) || !(m > 1e-3) {
		t.Errorf("derivative %g under the Gaussian kernel, want below 1e-8; %g under the inverse multiquadric, want above 1e-3", g, m)
	}
}

// TestPriorMoments holds mean, variance and E|z-z'|^2 = 2 d Var of each prior to draws.
func TestPriorMoments(t *testing.T) {
	const n, d = 40000, 3
	for _, name := range Priors {
		p, err := newPrior(name, d)
		if err != nil {
			t.Fatal(err)
		}
		z := make([]float64, n*d)
		drawPrior(p, random.New(1, name).Rand, z)
		m, s := moments(z, n, d)
		var apart float64
		for i := 0; i < n; i += 2 {
			for j := range d {
				e := z[i*d+j] - z[(i+1)*d+j]
				apart += e * e / (n / 2)
			}
		}
		for j := range d {
			if !(math.Abs(m[j]-p.mean()) <= .02) || !(math.Abs(s.At(j, j)/p.variance()-1) <= .03) || !(math.Abs(s.At(j, (j+1)%d)) <= .03*p.variance()) {
				t.Errorf("%s: mean %g, variance %g in coordinate %d, want %g and %g", name, m[j], s.At(j, j), j, p.mean(), p.variance())
			}
		}
		if want := 2 * d * p.variance(); !(math.Abs(apart/want-1) <= .03) {
			t.Errorf("%s: E|z-z'|^2 is %g, want %g", name, apart, want)
		}
	}
}

// gaussianRows is a source of rows N(0, Sigma), Sigma with these eigenvalues in a basis that is not that of the coordinates.
type gaussianRows struct {
	noise  *random.Stream
	values []float64
	basis  [][]float64 // of eigenvectors
}

func newGaussianRows(values ...float64) *gaussianRows {
	d := len(values)
	s := &gaussianRows{noise: random.New(6, "rows"), values: values}
	u := make([]float64, d) // I - 2 u u^T, orthogonal and symmetric
	random.Sphere(random.New(5, "basis"), u, d)
	for k := range d {
		e := make([]float64, d)
		for j := range d {
			e[j] = -2 * u[j] * u[k]
		}
		e[k]++
		s.basis = append(s.basis, e)
	}
	return s
}

func (s *gaussianRows) Next(dst []float32, rows int) {
	d := len(s.values)
	clear(dst[:rows*d])
	for i := range rows {
		for k, v := range s.values {
			w := math.Sqrt(v) * s.noise.NormFloat64()
			for j := range d {
				dst[i*d+j] += float32(w * s.basis[k][j])
			}
		}
	}
}

// TestLinearAutoEncoderIsPCA: with linear networks and two latent coordinates the error goes to the sum of the eigenvalues left out, the codes to the
// moments of the prior and the covariance of samples to that of the first two components, whatever the penalty.
func TestLinearAutoEncoderIsPCA(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	const d, latent, rows = 5, 2, 256
	values := []float64{4, 2, .3, .15, .05}
	const left = .3 + .15 + .05
	for _, penalty := range []string{"mmd", "gaussian-w2", "sliced", "sinkhorn"} {
		ops := nn.NewCPU[float32](nil)
		model, err := NewMLPModel(ops, nn.MLP{Sizes: []int{latent, d}}, "normal", 1)
		if err != nil {
			t.Fatal(err)
		}
		enc, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{d, latent}}, random.New(1, "encoder"), nn.XavierUniform(1), nil)
		if err != nil {
			t.Fatal(err)
		}
		o, err := NewAutoEncoder(ops, model, enc, nil, AutoEncoderConfig{
			Batch: rows, Rate: .02, HalfLife: 250, Seed: 1, Encoder: "deterministic", Decoder: "deterministic",
			Penalty: penalty, Lambda: 5, Kernel: "imq", Eps: .1, OfMean: true, Iters: 10, Projections: 20,
		})
		if err != nil {
			t.Fatal(err)
		}
		src := newGaussianRows(values...)
		for range 1500 {
			if _, err := o.Step(context.Background(), src, false); err != nil {
				t.Fatal(err)
			}
		}
		const n = 40000
		x, y, z := make([]float32, n*d), make([]float32, n*d), make([]float32, n*latent)
		src.Next(x, n)
		o.Encode(z, x, n, nil)
		o.Decode(y, z, n)
		var lost float64
		for i := range x {
			lost += float64(x[i]-y[i]) * float64(x[i]-y[i]) / n
		}
		if !(math.Abs(lost-left) <= .02*left) {
			t.Errorf("%s: error %g, want %g", penalty, lost, left)
		}
		_, codes := moments(z, n, latent)
		for j := range latent {
			if !(math.Abs(codes.At(j, j)-1) <= .1) || !(math.Abs(codes.At(0, 1)) <= .1) {
				t.Errorf("%s: covariance of the codes %v", penalty, codes)
			}
		}
		o.Sample(y, n, random.New(3, "samples").Rand)
		_, cov := moments(y, n, d)
		var off, size float64
		for j := range d {
			for k := range d {
				want := 4*src.basis[0][j]*src.basis[0][k] + 2*src.basis[1][j]*src.basis[1][k]
				off += (cov.At(j, k) - want) * (cov.At(j, k) - want)
				size += want * want
			}
		}
		if !(math.Sqrt(off/size) <= .1) {
			t.Errorf("%s: covariance of samples is off by %.3g of its size", penalty, math.Sqrt(off/size))
		}
		t.Logf("%s: error %.4g (want %.4g), codes %.3g %.3g %.3g, samples off by %.3g", penalty, lost, left, codes.At(0, 0), codes.At(1, 1), codes.At(0, 1), math.Sqrt(off/size))
	}
}

package generative_test

import (
	"context"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

var cpu = nn.NewCPU[float32](nil)

// fit returns an objective around a model and a criterion.
func fit(t testing.TB, m *generative.Model, err error, c generative.Criterion[float32], cfg generative.FitConfig) *generative.Fit {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	o, err := generative.NewFit(cpu, m, c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func transport32(t testing.TB, eps float64, steps int) *generative.Transport[float32] {
	t.Helper()
	c, err := generative.NewTransport[float32](generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Eps: eps, Steps: steps})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// set copies values to the parameter of that name.
func set(t testing.TB, o generative.Objective, name string, values ...float32) {
	t.Helper()
	for _, p := range o.Groups()[0].Params {
		if p.Name == name {
			if copy(p.Value.Data(), values) != p.Value.Size() {
				t.Fatalf("%s holds %d numbers", name, p.Value.Size())
			}
			return
		}
	}
	t.Fatalf("no parameter %s", name)
}

// TestEllipsoidIsUniform: a point of the unit ball of R^d is within radius r with probability r^d, and no direction is preferred.
// The samples' shares and means lie within 5 standard errors, the seed is fixed.
func TestEllipsoidIsUniform(t *testing.T) {
	const n = 20000
	for d := 1; d <= 5; d++ {
		m, err := generative.NewEllipsoidsModel(cpu, 1, d, 1)
		o := fit(t, m, err, transport32(t, 1, 1), generative.FitConfig{Batch: 4, Rate: 1})
		centre := make([]float32, d)
		centre[0] = 3
		set(t, o, "centre", centre...)
		identity := make([]float32, d*d)
		for a := range d {
			identity[a*d+a] = 1
		}
		set(t, o, "matrix", identity...)
		x := make([]float32, n*d)
		o.Sample(x, n, random.New(2, "noise").Rand)
		within := map[float64]float64{.3: 0, .6: 0, .9: 0, 1: 0}
		mean := make([]float64, d)
		for i := range n {
			var q float64
			for a := range d {
				w := float64(x[i*d+a] - centre[a])
				mean[a] += w / n
				q += w * w
			}
			for r := range within {
				if math.Sqrt(q) <= r+1e-5 {
					within[r] += 1. / n
				}
			}
		}
		for r, share := range within {
			want := math.Pow(r, float64(d))
			if se := math.Sqrt(want * (1 - want) / n); !(math.Abs(share-want) <= 5*se+1e-6) {
				t.Errorf("dimension %d: share %.4f within %g, want %.4f", d, share, r, want)
			}
		}
		for a, v := range mean {
			if se := 1 / math.Sqrt(n*float64(d+2)); !(math.Abs(v) <= 5*se) { // E w_a^2 = 1/(d+2)
				t.Errorf("dimension %d: coordinate %d has mean %.4f", d, a, v)
			}
		}
	}
}

// TestMixtureMoments: each component has its centre and the covariance A A^T, and all are equally frequent.
func TestMixtureMoments(t *testing.T) {
	const n = 40000
	m, err := generative.NewMixtureModel(cpu, 2, 2, 1)
	o := fit(t, m, err, transport32(t, 1, 1), generative.FitConfig{Batch: 4, Rate: 1})
	set(t, o, "centre", 100, 0, -100, 50)
	set(t, o, "matrix", 2, 0, 1, 1, .5, 0, 0, .25)
	x := make([]float32, 2*n)
	o.Sample(x, n, random.New(1, "noise").Rand)
	var count float64
	var mean [2]float64
	var cov [3]float64
	for i := range n {
		if x[2*i] > 0 {
			count++
			a, b := float64(x[2*i])-100, float64(x[2*i+1])
			mean[0], mean[1] = mean[0]+a, mean[1]+b
			cov[0], cov[1], cov[2] = cov[0]+a*a, cov[1]+a*b, cov[2]+b*b
		}
	}
	if share := count / n; !(math.Abs(share-.5) <= 5*.5/math.Sqrt(n)) {
		t.Errorf("share %g of the first component", share)
	}
	for k, want := range []float64{0, 0, 4, 2, 2} {
		got := append(mean[:], cov[:]...)[k] / count
		if !(math.Abs(got-want) <= 5*math.Sqrt(2*16/count)) { // the largest variance of an entry is that of a^2, 2 var(a)^2 = 32
			t.Errorf("moment %d: %.4f, want %g", k, got, want)
		}
	}
}

// TestLatentPointHasTheLawOfThePrior: samples and images of uniform points of the cube have the same mean square.
func TestLatentPointHasTheLawOfThePrior(t *testing.T) {
	const n = 20000
	for name, build := range map[string]func() (*generative.Model, error){
		"ellipsoids": func() (*generative.Model, error) { return generative.NewEllipsoidsModel(cpu, 3, 2, 1) },
		"mixture":    func() (*generative.Model, error) { return generative.NewMixtureModel(cpu, 3, 2, 1) },
		"uniform": func() (*generative.Model, error) {
			return generative.NewMLPModel(cpu, nn.MLP{Sizes: []int{2, 8, 2}, Hidden: "tanh"}, "uniform", 1)
		},
		"normal": func() (*generative.Model, error) {
			return generative.NewMLPModel(cpu, nn.MLP{Sizes: []int{2, 8, 2}, Hidden: "tanh"}, "normal", 1)
		},
	} {
		m, err := build()
		o := fit(t, m, err, transport32(t, 1, 1), generative.FitConfig{Batch: 4, Rate: 1})
		var dec generative.Decoder = o
		l := dec.LatentDim()
		u, z := make([]float32, n*l), make([]float32, n*l)
		random.Uniform(random.New(1, "cube"), u, 0, 1)
		for i := range n {
			dec.LatentPoint(z[i*l:(i+1)*l], u[i*l:(i+1)*l])
		}
		x, y := make([]float32, 2*n), make([]float32, 2*n)
		dec.Decode(x, z, n)
		dec.Sample(y, n, random.New(2, "noise").Rand)
		for k := range 2 {
			var a, b, qa, qb float64
			for i := range n {
				v, w := float64(x[2*i+k]), float64(y[2*i+k])
				a, b, qa, qb = a+v/n, b+w/n, qa+v*v/n, qb+w*w/n
			}
			if se := math.Sqrt((qa - a*a + qb - b*b) / n); !(math.Abs(a-b) <= 5*se) || !(math.Abs(qa-qb) <= .1*qa) {
				t.Errorf("%s, coordinate %d: means %.4f and %.4f, mean squares %.4f and %.4f", name, k, a, b, qa, qb)
			}
		}
	}
}

// rowsOf draws rows of the plane with replacement.
type rowsOf struct {
	rows []float32
	rng  *random.Stream
}

func (r rowsOf) Next(dst []float32, rows int) {
	for i := range rows {
		j := r.rng.IntN(len(r.rows) / 2)
		copy(dst[2*i:2*i+2], r.rows[2*j:])
	}
}

// TestFitsAnEllipse is test A7: centre and A A^T of a uniform ellipse from 500 points, with batches of 200 and 20 iterations. Calibrated
// over the seeds 1 to 8 at these three eps: the centre was off by at most 2.0 % of the diameter and the matrix by at most 7.2 %, most of
// which is the sample of 500 points.
func TestFitsAnEllipse(t *testing.T) {
	for _, eps := range []float64{.01, .1, 1} {
		centre, matrix := fitEllipse(t, eps, 1)
		t.Logf("eps %g: centre off by %.2f %% of the diameter, matrix by %.2f %%", eps, 100*centre, 100*matrix)
		if !(centre <= .03) || !(matrix <= .1) {
			t.Errorf("eps %g: centre off by %.2f %% of the diameter, matrix by %.2f %%", eps, 100*centre, 100*matrix)
		}
	}
}

// fitEllipse learns the ellipse with centre (.3, -.2) and half axes 1 and .4, the long one turned by 30 degrees. It returns the distance of
// the centres over the diameter, and the norm of the difference of A A^T over its norm.
func fitEllipse(t *testing.T, eps float64, seed uint64) (centre, matrix float64) {
	a := [2][2]float64{{.8660254037844386, -.2}, {.5, .34641016151377546}}
	rng := random.New(seed, "ellipse")
	data := make([]float32, 2*500)
	for i := range 500 {
		s, c := math.Sincos(2 * math.Pi * rng.Float64())
		r := math.Sqrt(rng.Float64())
		data[2*i] = float32(.3 + r*(a[0][0]*c+a[0][1]*s))
		data[2*i+1] = float32(-.2 + r*(a[1][0]*c+a[1][1]*s))
	}
	m, err := generative.NewEllipsoidsModel(cpu, 1, 2, seed)
	o := fit(t, m, err, transport32(t, eps, 20), generative.FitConfig{Batch: 200, Rate: .05, HalfLife: 80, Seed: seed})
	o.SpreadOver(data, 500)
	batches := rowsOf{data, random.New(seed, "data")}
	for range 400 {
		if _, err := o.Step(context.Background(), batches, false); err != nil {
			t.Fatal(err)
		}
	}
	params := map[string][]float32{}
	for _, p := range o.Groups()[0].Params {
		params[p.Name] = p.Value.Data()
	}
	c, b := params["centre"], params["matrix"]
	var off, norm float64
	for i := range 2 {
		for j := range 2 {
			want := a[i][0]*a[j][0] + a[i][1]*a[j][1]
			got := float64(b[2*i])*float64(b[2*j]) + float64(b[2*i+1])*float64(b[2*j+1])
			off += (got - want) * (got - want)
			norm += want * want
		}
	}
	return math.Hypot(float64(c[0])-.3, float64(c[1])+.2) / 2, math.Sqrt(off / norm)
}

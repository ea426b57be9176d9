package generative_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

// embedded draws points of 8 Gaussians on a ring, taken to R^64 by a random matrix whose columns have length 1, plus noise.
type embedded struct {
	ring *data.Dataset
	map2 []float32 // 64 x 2
	rng  *random.Stream
	size float64 // of the noise, a coordinate
}

const wide = 64

func newEmbedded(seed uint64, size float64) embedded {
	e := embedded{ring: data.Ring8(seed, 4000), map2: make([]float32, 2*wide), rng: random.New(seed, "embedded"), size: size}
	random.Normal(e.rng, e.map2, 0, 1/math.Sqrt(wide))
	return e
}

func (e embedded) Next(dst []float32, rows int) {
	for i := range rows {
		p := e.ring.Points[2*e.rng.IntN(e.ring.N):][:2]
		for k := range wide {
			dst[i*wide+k] = e.map2[2*k]*p[0] + e.map2[2*k+1]*p[1] + float32(e.size*e.rng.NormFloat64())
		}
	}
}

// sliced returns the mean over 200 directions of W_1 between the projections of two clouds of n points.
func sliced(x, y []float32, n int, seed uint64) float64 {
	rng := random.New(seed, "directions")
	direction := make([]float32, wide)
	var sum float64
	a, b := make([]float64, n), make([]float64, n)
	for range 200 {
		random.Sphere(rng, direction, wide)
		for i := range n {
			a[i], b[i] = 0, 0
			for k, u := range direction {
				a[i] += float64(u * x[i*wide+k])
				b[i] += float64(u * y[i*wide+k])
			}
		}
		slices.Sort(a)
		slices.Sort(b)
		for i := range a {
			sum += math.Abs(a[i]-b[i]) / float64(n) / 200
		}
	}
	return sum
}

// learn returns the sliced distance after 200 steps of a generator 2 -> 64 -> 64 -> 64, under a fixed or a
// learned cost, and the critic's largest weight.
func learn(t testing.TB, learned bool, seed uint64, clip float64) (distance, largest float64) {
	m, err := generative.NewMLPModel(cpu, nn.MLP{Sizes: []int{2, 64, 64, wide}, Hidden: "relu"}, "normal", seed)
	c, cerr := generative.NewTransport[float32](generative.TransportConfig{
		Loss: "sinkhorn", Self: "independent", Cost: "euclidean", Eps: .05, OfMean: true, Steps: 10,
	})
	if cerr != nil {
		t.Fatal(cerr)
	}
	o := fit(t, m, err, c, generative.FitConfig{Batch: 100, Optimizer: "rmsprop", Rate: .001, Seed: seed})
	var obj generative.Generator = o
	if learned {
		f, err := nn.NewMLP(cpu, nn.MLP{Sizes: []int{wide, 32, 8}, Hidden: "leaky_relu"}, random.New(seed, "critic"), nn.XavierUniform(1), nil)
		if err != nil {
			t.Fatal(err)
		}
		obj = critic(t, o, f, generative.CriticConfig{Steps: 3, GeneratorSteps: 1, Clip: clip, Optimizer: "rmsprop", Rate: .01})
	}
	e := newEmbedded(seed, .3)
	for range 200 {
		if _, err := obj.Step(context.Background(), e, false); err != nil {
			t.Fatal(err)
		}
	}
	const n = 2000
	x, y := make([]float32, n*wide), make([]float32, n*wide)
	obj.Sample(x, n, random.New(seed, "samples").Rand)
	e.Next(y, n)
	if learned {
		for _, p := range obj.Groups()[1].Params {
			largest = max(largest, float64(slices.Max(p.Value.Data())), -float64(slices.Min(p.Value.Data())))
		}
	}
	return sliced(x, y, n, 1), largest
}

// TestLearnedCost is test A9: with noise of .3 a coordinate the ring is lost to the distance in R^64, and a cost that is learned brings the
// samples nearer to the data in as many steps of the generator. Calibrated over the seeds 1 to 3: .147 to .152 under the fixed cost, .104
// to .119 under the learned one; over 400 steps and the seeds 1 to 5 .141 to .145, and .099 to .118. With noise of .1 or less the fixed
// cost is the better one, .032 against .038.
func TestLearnedCost(t *testing.T) {
	if testing.Short() {
		t.Skip("two runs of 200 steps")
	}
	fixed, _ := learn(t, false, 1, 0)
	learned, largest := learn(t, true, 1, .1)
	t.Logf("sliced distance %.4f under the fixed cost, %.4f under the learned one", fixed, learned)
	if !(learned <= .9*fixed) {
		t.Errorf("sliced distance %.4f under the learned cost, %.4f under the fixed one", learned, fixed)
	}
	if !(largest <= float64(float32(.1))) {
		t.Errorf("a weight of the critic is %g", largest)
	}
}

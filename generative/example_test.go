package generative_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// ring is a source of batches: points of the plane at distance 1 from the origin, or about that.
type ring struct{ rng *rand.Rand }

func (r ring) Next(dst []float32, rows int) {
	for i := range rows {
		radius, angle := 1+.05*r.rng.NormFloat64(), 2*math.Pi*r.rng.Float64()
		dst[2*i], dst[2*i+1] = float32(radius*math.Cos(angle)), float32(radius*math.Sin(angle))
	}
}

// A network learns the law of points of the plane by the Sinkhorn loss between clouds of them.
func ExampleFit() {
	ctx, ops := context.Background(), nn.NewCPU[float32](nil)
	model, err := generative.NewMLPModel(ops, nn.MLP{Sizes: []int{2, 32, 32, 2}, Hidden: "relu"}, "normal", 1)
	if err != nil {
		panic(err)
	}
	loss, err := generative.NewTransport[float32](generative.TransportConfig{
		Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Value: sinkhorn.Sharp, Eps: .1, Steps: 20,
	})
	if err != nil {
		panic(err)
	}
	fit, err := generative.NewFit(ops, model, loss, generative.FitConfig{Batch: 100, Rate: .01, Seed: 1})
	if err != nil {
		panic(err)
	}
	data := ring{rand.New(rand.NewPCG(1, 2))}
	first, err := fit.Step(ctx, data, true)
	if err != nil {
		panic(err)
	}
	for range 98 {
		if _, err := fit.Step(ctx, data, false); err != nil {
			panic(err)
		}
	}
	last, err := fit.Step(ctx, data, true)
	if err != nil {
		panic(err)
	}
	samples := make([]float32, 2*1000)
	fit.Sample(samples, 1000, rand.New(rand.NewPCG(3, 4)))
	var radius float64
	for i := range 1000 {
		radius += math.Hypot(float64(samples[2*i]), float64(samples[2*i+1])) / 1000
	}
	fmt.Printf("the %s falls below a quarter: %v\n", first[0].Name, last[0].Value < first[0].Value/4)
	fmt.Printf("mean distance of samples from the origin: %.1f\n", radius)
	// Output:
	// the loss falls below a quarter: true
	// mean distance of samples from the origin: 1.0
}

// circle is a law of latent points of one's own: uniform on the circle of radius 1, so that a network need not tear a disc open.
type circle struct{}

func (circle) Dim() int       { return 2 }
func (circle) String() string { return "circle" }

// Point takes the first of two uniform numbers for the angle.
func (circle) Point(z, u []float32) {
	sin, cos := math.Sincos(2 * math.Pi * float64(u[0]))
	z[0], z[1] = float32(cos), float32(sin)
}

func (c circle) Draw(z []float32, noise *rand.Rand) {
	for i := 0; i < len(z); i += 2 {
		c.Point(z[i:i+2], []float32{float32(noise.Float64()), 0})
	}
}

// Any law of latent points, and any network, make a model.
func ExampleNewModel() {
	ops := nn.NewCPU[float32](nil)
	net, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{2, 16, 3}, Hidden: "relu"}, rand.New(rand.NewPCG(1, 2)), nn.XavierUniform(1), nil)
	if err != nil {
		panic(err)
	}
	model, err := generative.NewModel(ops, net, circle{})
	if err != nil {
		panic(err)
	}
	mmd, err := generative.NewMMD[float32](generative.MMDConfig{Kernel: "energy"})
	if err != nil {
		panic(err)
	}
	fit, err := generative.NewFit(ops, model, mmd, generative.FitConfig{Batch: 50, Rate: .01, Seed: 1})
	if err != nil {
		panic(err)
	}
	fmt.Printf("points of %d numbers from latent points of %d\n", model.Dim(), fit.LatentDim())
	// Output: points of 3 numbers from latent points of 2
}

// location is an objective of one's own: data is taken for the sum of a point theta and Laplace noise, and theta goes down the slope of
// |theta + mean noise - mean data|^2/2.
type location struct {
	theta *nn.Param[float32]
	group *nn.Group[float32]
	noise *rand.ChaCha8 // its state can be saved
	batch []float32
}

func newLocation(dim, batch int, rate float64) (*location, error) {
	adam, err := nn.NewAdam(nn.NewCPU[float32](nil), nn.DefaultAdam(rate))
	if err != nil {
		return nil, err
	}
	theta := &nn.Param[float32]{Name: "theta", Value: nn.NewTensor[float32](dim), Grad: nn.NewTensor[float32](dim)}
	return &location{
		theta: theta, group: nn.NewGroup("location", []*nn.Param[float32]{theta}, adam),
		noise: rand.NewChaCha8([32]byte{1}), batch: make([]float32, batch*dim),
	}, nil
}

func (o *location) Groups() []*nn.Group[float32] { return []*nn.Group[float32]{o.group} }

func (o *location) Step(_ context.Context, data generative.Batches, report bool) ([]generative.Metric, error) {
	dim := o.theta.Value.Size()
	rows := len(o.batch) / dim
	data.Next(o.batch, rows)
	drawn := make([]float32, len(o.batch))
	o.Sample(drawn, rows, rand.New(o.noise))
	o.group.ZeroGrad()
	slope, loss := o.theta.Grad.Data(), 0.
	for k := range slope {
		for i := range rows {
			slope[k] += (drawn[i*dim+k] - o.batch[i*dim+k]) / float32(rows)
		}
		loss += float64(slope[k]*slope[k]) / 2
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return nil, fmt.Errorf("%w: loss %g", generative.ErrNotFinite, loss)
	}
	o.group.Step()
	return []generative.Metric{{Name: "loss", Value: loss}}, nil
}

func (o *location) Sample(dst []float32, rows int, noise *rand.Rand) {
	theta := o.theta.Value.Data()
	for i := range rows * len(theta) {
		dst[i] = theta[i%len(theta)] + float32(.1*(noise.ExpFloat64()-noise.ExpFloat64()))
	}
}

func (o *location) State() (map[string][]byte, error) {
	noise, err := o.noise.MarshalBinary()
	return map[string][]byte{"noise": noise}, err
}

func (o *location) Restore(state map[string][]byte) error {
	return o.noise.UnmarshalBinary(state["noise"])
}

// An objective of one's own is learned by the loop of package train like those of this package: with Sample it is a Generator, whose samples
// are drawn and measured, and with State and Restore a run goes on where it stopped. Its noise is any source of math/rand/v2.
func ExampleObjective() {
	ctx := context.Background()
	var objective generative.Generator
	objective, err := newLocation(2, 64, .05)
	if err != nil {
		panic(err)
	}
	data := ring{rand.New(rand.NewPCG(1, 2))}
	var loss float64
	for range 200 {
		metrics, err := objective.Step(ctx, data, true)
		if err != nil {
			panic(err)
		}
		loss = metrics[0].Value
	}
	state, err := objective.State()
	if err != nil {
		panic(err)
	}
	samples, again := make([]float32, 20), make([]float32, 20)
	objective.Sample(samples, 10, rand.New(rand.NewPCG(3, 4)))
	objective.Sample(again, 10, rand.New(rand.NewPCG(3, 4)))
	fmt.Printf("loss below .1: %v; states to save: %d; equal noise, equal samples: %v\n", loss < .1, len(state), slices.Equal(samples, again))
	// Output: loss below .1: true; states to save: 1; equal noise, equal samples: true
}

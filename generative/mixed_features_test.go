package generative

import (
	"context"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

func mixedNet(t *testing.T, cost string, weight float64) (features, mixed nn.Layer[float32]) {
	t.Helper()
	ops := nn.NewCPU[float32](nil)
	net, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{3, 8, 4}, Hidden: "tanh"}, random.New(1, "net"), nn.XavierUniform(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	mixed, err = NewMixedFeatures(ops, net, 3, cost, weight)
	if err != nil {
		t.Fatal(err)
	}
	return net.Share(), mixed
}

// Squared distances of mixed features are the weighted sum of both costs.
func TestMixedFeaturesAddCosts(t *testing.T) {
	const n, weight = 7, .3
	x := make([]float32, n*3)
	random.Normal(random.New(2, "x"), x, 0, 1)
	for _, cost := range []string{"cosine", "sqeuclidean", "halfsqeuclidean"} {
		features, mixed := mixedNet(t, cost, weight)
		ground, err := logsumexp.ParseGround(cost)
		if err != nil {
			t.Fatal(err)
		}
		of := func(ground logsumexp.Ground, v []float32, d int) []float32 {
			c := make([]float32, n*n)
			logsumexp.FormCosts(nil, ground, c, n, v, v, n, n, d)
			return c
		}
		f := features.Forward(nn.TensorOf(x, n, 3))
		rows, between := of(logsumexp.SqEuclidean, x, 3), of(ground, f.Data(), 4)
		for k, got := range of(logsumexp.SqEuclidean, mixed.Forward(nn.TensorOf(x, n, 3)).Data(), 7) {
			if want := weight*rows[k] + between[k]; !(math.Abs(float64(got-want)) <= 2e-6) {
				t.Errorf("%s: cost %d is %g, the sum is %g", cost, k, got, want)
			}
		}
	}
}

// The derivative of a loss through mixed features is that of its value.
func TestMixedFeaturesGradient(t *testing.T) {
	const n = 5
	x, y := make([]float32, n*3), make([]float32, n*3)
	random.Normal(random.New(3, "x"), x, 0, 1)
	random.Normal(random.New(3, "y"), y, 0, 1)
	for _, cost := range []string{"cosine", "sqeuclidean", "halfsqeuclidean"} {
		_, mixed := mixedNet(t, cost, .3)
		other := mixed.Share()
		fy := other.Forward(nn.TensorOf(y, n, 3)).Data()
		tr, err := NewTransport[float32](TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Value: sinkhorn.Entropic, Eps: .5, Steps: 30})
		if err != nil {
			t.Fatal(err)
		}
		value := func(dx []float32) float64 {
			m, err := tr.Eval(context.Background(), mixed.Forward(nn.TensorOf(x, n, 3)).Data(), fy, n, 7, dx, nil, true)
			if err != nil {
				t.Fatal(err)
			}
			return m[0].Value
		}
		df := nn.NewTensor[float32](n, 7)
		value(df.Data())
		dx := mixed.Backward(df, nn.WantAll)
		for i := range x {
			const h = 5e-3
			at, got := x[i], float64(dx.Data()[i])
			x[i] = at + h
			up := value(nil)
			x[i] = at - h
			down := value(nil)
			x[i] = at
			if want := (up - down) / (2 * h); !(math.Abs(got-want) <= 2e-3) {
				t.Errorf("%s: derivative %d is %.6g, differences give %.6g", cost, i, got, want)
			}
		}
		if len(mixed.Params()) != 4 || nn.GradNorm(nn.NewCPU[float32](nil), mixed.Params()) == 0 {
			t.Errorf("%s: the features' parameters have no gradient", cost)
		}
	}
}

func TestBadMixedFeaturesAreRefused(t *testing.T) {
	ops := nn.NewCPU[float32](nil)
	for _, q := range []struct {
		in     int
		cost   string
		weight float64
	}{{2, "cosine", 1}, {3, "l1", 1}, {3, "cosine", 0}, {3, "cosine", math.Inf(1)}} {
		if _, err := NewMixedFeatures(ops, nn.NewLinear(ops, 3, 2), q.in, q.cost, q.weight); err == nil {
			t.Errorf("%+v: no error", q)
		}
	}
}

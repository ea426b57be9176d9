package nn_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/nn"
)

const mnistBatch = 100

// openMNIST reads MNIST from the repository's neighbour.
func openMNIST(tb testing.TB) (train, test *data.Dataset) {
	tb.Helper()
	dir := filepath.Join("..", "..", "shared", "data", "mnist")
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("no MNIST: %v", err)
	}
	train, test, err := data.OpenMNIST(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return train, test
}

// trainClassifier trains classifier-28 on the first n images for some epochs by Adam, its rate falling from 0.001 by the cosine.
func trainClassifier(tb testing.TB, train *data.Dataset, n, epochs int) nn.Layer[float32] {
	tb.Helper()
	ops := nn.NewCPU[float32](parallel.Default())
	net, err := nn.NewModel[float32](ops, "classifier-28", 1)
	if err != nil {
		tb.Fatal(err)
	}
	adam, err := nn.NewAdam[float32](ops, nn.DefaultAdam(1e-3))
	if err != nil {
		tb.Fatal(err)
	}
	g := nn.NewGroup("classifier", net.Params(), adam)
	steps := n / mnistBatch
	rate := nn.Schedule{Kind: "cosine", Rate: 1e-3, Steps: int64(steps * epochs)}
	x, class := nn.NewTensor[float32](mnistBatch, 1, 28, 28), nn.NewTensor[float32](mnistBatch)
	dy := nn.NewTensor[float32](mnistBatch, 10)
	order := rand.New(rand.NewPCG(1, 2))
	for epoch := range epochs {
		perm := order.Perm(n)
		for s := range steps {
			for i, k := range perm[s*mnistBatch:][:mnistBatch] {
				train.Row(x.Data()[i*784:], k)
				class.Data()[i] = float32(train.Labels[k])
			}
			step := int64(epoch*steps + s)
			adam.SetRate(rate.At(step))
			g.ZeroGrad()
			ops.CrossEntropy(dy, net.Forward(x), class)
			net.Backward(dy, nn.WantParams)
			if err := nn.CheckGradients(ops, g.Params, step); err != nil {
				tb.Fatal(err)
			}
			g.Step()
		}
	}
	return net
}

// accuracy returns the part of the first n images whose largest logit is that of their class.
func accuracy(net nn.Layer[float32], test *data.Dataset, n int) float64 {
	nn.SetTraining(net, false)
	x := nn.NewTensor[float32](mnistBatch, 1, 28, 28)
	right := 0
	for lo := 0; lo+mnistBatch <= n; lo += mnistBatch {
		for i := range mnistBatch {
			test.Row(x.Data()[i*784:], lo+i)
		}
		for i, y := 0, net.Forward(x).Data(); i < mnistBatch; i++ {
			best := 0
			for j, v := range y[10*i:][:10] {
				if v > y[10*i+best] {
					best = j
				}
			}
			if best == test.Labels[lo+i] {
				right++
			}
		}
	}
	return float64(right) / float64(n)
}

// Two epochs on a tenth of MNIST read 93 % of the first thousand test images.
func TestClassifier(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for some seconds")
	}
	train, test := openMNIST(t)
	if got := accuracy(trainClassifier(t, train, 6000, 2), test, 1000); !(got >= .93) {
		t.Errorf("accuracy %v, want at least 0.93", got)
	}
}

// BenchmarkClassifier is the training of classifier-28 on all of MNIST, to the accuracy that it reports.
func BenchmarkClassifier(b *testing.B) {
	train, test := openMNIST(b)
	var got float64
	for b.Loop() {
		got = accuracy(trainClassifier(b, train, train.N, 6), test, test.N)
	}
	b.ReportMetric(100*got, "%accuracy")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/training")
}

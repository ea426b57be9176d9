package nn

import (
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/numtest"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// lossCases returns the losses as functions of one tensor [rows, 4]; grad may be nil.
func lossCases[T kernels.Float](ops Ops[T], rows int) map[string]func(grad, y *Tensor[T]) float64 {
	target, half, class := drawInput[T](7, rows, 4), NewTensor[T](rows, 4), NewTensor[T](rows)
	for i := range half.Data() {
		half.Data()[i] = T(i%5) / 4
		target.Data()[i] += 5 // away from the kinks of the absolute error
		class.Data()[i/4] = T(i / 4 % 4)
	}
	return map[string]func(grad, y *Tensor[T]) float64{
		"SquaredError":       func(grad, y *Tensor[T]) float64 { return ops.SquaredError(grad, y, target) },
		"AbsoluteError":      func(grad, y *Tensor[T]) float64 { return ops.AbsoluteError(grad, y, target) },
		"BinaryCrossEntropy": func(grad, y *Tensor[T]) float64 { return ops.BinaryCrossEntropy(grad, y, half) },
		"CrossEntropy":       func(grad, y *Tensor[T]) float64 { return ops.CrossEntropy(grad, y, class) },
		"Hinge real":         func(grad, y *Tensor[T]) float64 { return ops.Hinge(grad, y, 1) },
		"Hinge fake":         func(grad, y *Tensor[T]) float64 { return ops.Hinge(grad, y, -1) },
		"GaussianKL of mean": func(grad, y *Tensor[T]) float64 { return ops.GaussianKL(grad, nil, y, target) },
		"GaussianKL of log":  func(grad, y *Tensor[T]) float64 { return ops.GaussianKL(nil, grad, target, y) },
	}
}

// Gradients against differences; the inputs of size .1 to 2 keep away from the hinge at 1 where they are scaled.
func TestLossGradients(t *testing.T) {
	ops := NewCPU[float64](nil)
	for name, f := range lossCases[float64](ops, 3) {
		for seed := range uint64(5) {
			y, grad, out := drawInput[float64](seed, 3, 4), NewTensor[float64](3, 4), make([]float64, 1)
			for i, v := range y.Data() {
				if math.Abs(math.Abs(v)-1) < .01 {
					y.Data()[i] = .9 * v
				}
			}
			err := numtest.Grad(seed, func() []float64 { out[0] = f(nil, y); return out }, func(w []float64) []numtest.Leaf[float64] {
				f(grad, y)
				ops.Scale(grad, w[0])
				return []numtest.Leaf[float64]{{Name: name, Value: y.Data(), Grad: grad.Data()}}
			})
			if err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		}
	}
}

// A loss that is cut into several tasks has the same bits for any workers, allocates nothing, and is the same with and without gradient.
func TestLossWorkers(t *testing.T) {
	const rows = 3*chunk + 7
	y := drawInput[float32](1, rows, 4)
	want := map[string]float64{}
	for name, f := range lossCases[float32](NewCPU[float32](nil), rows) {
		grad := NewTensor[float32](rows, 4)
		want[name] = f(grad, y)
		if got := f(nil, y); got != want[name] || !(got > 0) {
			t.Errorf("%s: %v with gradient, %v without", name, want[name], got)
		}
		if n := testing.AllocsPerRun(3, func() { f(grad, y) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	for _, workers := range []int{1, 2, 5} {
		pool := parallel.New(workers)
		for name, f := range lossCases[float32](NewCPU[float32](pool), rows) {
			if got := f(nil, y); got != want[name] {
				t.Errorf("%s: %v with %d workers, %v without a runner", name, got, workers, want[name])
			}
		}
		pool.Close()
	}
}

// Extreme logits give finite losses, NaN gives NaN, and what is no class panics.
func TestLossExtremes(t *testing.T) {
	ops := NewCPU[float32](nil)
	y := TensorOf([]float32{200, -200, 1e30, -1e30}, 2, 2)
	grad := NewTensor[float32](2, 2)
	class, label := TensorOf([]float32{0, 1}, 2), TensorOf([]float32{1, 0, 1, 0}, 2, 2)
	if got := ops.BinaryCrossEntropy(grad, y, label); got != 0 {
		t.Errorf("binary cross-entropy of certain and right logits is %v", got)
	}
	if got := ops.CrossEntropy(grad, y, class); !(math.Abs(got-1e30) <= 1e24) {
		t.Errorf("cross-entropy %v, want 1e30", got)
	}
	for _, v := range grad.Data() {
		if !(math.Abs(float64(v)) <= .5) {
			t.Errorf("gradient %v", grad.Data())
		}
	}
	y.Data()[1] = float32(math.NaN())
	for name, got := range map[string]float64{
		"SquaredError": ops.SquaredError(grad, y, label), "AbsoluteError": ops.AbsoluteError(grad, y, label), "BinaryCrossEntropy": ops.BinaryCrossEntropy(grad, y, label),
		"Hinge": ops.Hinge(grad, y, 1), "CrossEntropy": ops.CrossEntropy(grad, y, class), "GaussianKL": ops.GaussianKL(grad, nil, y, label),
	} {
		if !math.IsNaN(got) {
			t.Errorf("%s of NaN is %v", name, got)
		}
	}
	for _, bad := range []float32{-1, 2, .5, float32(math.NaN())} {
		wantPanic(t, "class", "nn: CrossEntropy: class", func() { ops.CrossEntropy(nil, y, TensorOf([]float32{0, bad}, 2)) })
	}
	if got := ops.SquaredError(nil, NewTensor[float32](0, 3), NewTensor[float32](0, 3)); got != 0 {
		t.Errorf("the loss of nothing is %v", got)
	}
}

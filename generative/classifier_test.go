package generative_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

// quadrants are points of the plane, each in the class of its quadrant.
type quadrants struct{ rng *random.Stream }

func (q quadrants) Next(dst []float32, rows int) { q.NextLabelled(dst, make([]int, rows)) }

func (q quadrants) NextLabelled(dst []float32, class []int) {
	random.Uniform(q.rng, dst, -1, 1)
	for i := range class {
		class[i] = quadrant(dst[2*i:])
	}
}

func quadrant(x []float32) (c int) {
	if x[0] > 0 {
		c++
	}
	if x[1] > 0 {
		c += 2
	}
	return c
}

func newQuadrants(t testing.TB, rate float64) (*generative.Classifier, nn.Layer[float32]) {
	t.Helper()
	ops := nn.NewCPU[float32](nil)
	net, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{2, 16, 4}, Hidden: "relu"}, random.New(1, "init"), nn.XavierUniform(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := generative.NewClassifier(ops, net, []int{2}, generative.ClassifierConfig{Batch: 100, Rate: rate, HalfLife: 200})
	if err != nil {
		t.Fatal(err)
	}
	return o, net
}

// A linear layer over 16 features tells the quadrants of the plane apart.
func TestClassifierLearnsQuadrants(t *testing.T) {
	o, net := newQuadrants(t, .02)
	d := quadrants{random.New(1, "data")}
	var loss float64
	for k := range 400 {
		m, err := o.Step(context.Background(), d, k == 0)
		if err != nil {
			t.Fatal(err)
		}
		if k == 0 {
			loss = m[0].Value
		}
	}
	const n = 1000
	x := make([]float32, 2*n)
	random.Uniform(random.New(2, "test"), x, -1, 1)
	row := func(dst []float32, i int) int { return quadrant(dst[:copy(dst, x[2*i:2*i+2])]) }
	m, err := o.Evaluate(context.Background(), n, row)
	if err != nil {
		t.Fatal(err)
	}
	right, sum := 0, 0.
	y := net.Forward(nn.TensorOf(x, n, 2)).Data()
	for i := range n {
		logits, c := y[4*i:][:4], quadrant(x[2*i:])
		best, total := true, 0.
		for j, v := range logits {
			best = best && (j == c || v < logits[c])
			total += math.Exp(float64(v))
		}
		if best {
			right++
		}
		sum += math.Log(total) - float64(logits[c])
	}
	if want := float64(right) / n; m[0].Value != want || !(want > .95) {
		t.Errorf("accuracy %v, counted %v", m[0].Value, want)
	}
	if want := sum / n; !(math.Abs(m[1].Value-want) <= 1e-6) || !(want < loss/4) {
		t.Errorf("cross-entropy %v, summed %v; %v at first", m[1].Value, want, loss)
	}
}

type mislabelled struct{ quadrants }

func (m mislabelled) NextLabelled(dst []float32, class []int) {
	m.quadrants.NextLabelled(dst, class)
	class[7] = 4
}

type infinite struct{ quadrants }

func (m infinite) NextLabelled(dst []float32, class []int) {
	m.quadrants.NextLabelled(dst, class)
	dst[5] = float32(math.Inf(1))
}

type unlabelled struct{}

func (unlabelled) Next([]float32, int) {}

func TestClassifierRefusesData(t *testing.T) {
	o, net := newQuadrants(t, .02)
	before := append([]float32{}, net.Params()[0].Value.Data()...)
	q := quadrants{random.New(1, "data")}
	if _, err := o.Step(context.Background(), unlabelled{}, true); err == nil || !strings.Contains(err.Error(), "classes") {
		t.Errorf("no classes: %v", err)
	}
	if _, err := o.Step(context.Background(), mislabelled{q}, true); err == nil || !strings.Contains(err.Error(), "class 4, want 0 to 3") {
		t.Errorf("an unknown class: %v", err)
	}
	if _, err := o.Step(context.Background(), infinite{q}, true); !errors.Is(err, generative.ErrNotFinite) || !strings.Contains(err.Error(), `"classifier.`) {
		t.Errorf("infinite data: %v", err)
	}
	for i, v := range net.Params()[0].Value.Data() {
		if v != before[i] {
			t.Fatal("a refused step changed the parameters")
		}
	}
}

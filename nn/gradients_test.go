package nn

import (
	"math"
	"strings"
	"testing"
)

// A gradient that is not finite is reported with the parameter, the element and the step; one whose square overflows is fine.
func TestCheckGradients(t *testing.T) {
	ops := NewCPU[float32](nil)
	params := []*Param[float32]{newParam[float32](ops, "0.weight", 2, 3), newParam[float32](ops, "2.bias", 20000)}
	params[0].Grad.Data()[1] = 1e30
	if err := CheckGradients(ops, params, 7); err != nil {
		t.Errorf("a finite gradient: %v", err)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		params[1].Grad.Data()[19999] = float32(bad)
		if err := CheckGradients(ops, params, 7); err == nil || !strings.Contains(err.Error(), `step 7: gradient of "2.bias" is `) || !strings.Contains(err.Error(), "element 19999") {
			t.Errorf("error %v", err)
		}
	}
}

func TestClip(t *testing.T) {
	ops := NewCPU[float64](nil)
	params := oneParam[float64](ops, 3, -4, .5, math.NaN())
	ClipWeights(ops, params, 1)
	if got := params[0].Value.Data(); got[0] != 1 || got[1] != -1 || got[2] != .5 || !math.IsNaN(got[3]) {
		t.Errorf("clipped weights %v", got)
	}
	grad := params[0].Grad.Data()
	copy(grad, []float64{3, -4, 0, 0})
	if norm := ClipGradNorm(ops, params, 10); norm != 5 || grad[0] != 3 {
		t.Errorf("a norm below the limit: %v, %v", norm, grad)
	}
	if norm := ClipGradNorm(ops, params, 1); norm != 5 || !(math.Abs(GradNorm(ops, params)-1) <= 1e-6) || !(math.Abs(grad[1]/grad[0]+4./3) <= 1e-15) {
		t.Errorf("norm %v, clipped to %v", norm, grad)
	}
	grad[2] = math.Inf(1)
	if norm := ClipGradNorm(ops, params, 1); !math.IsInf(norm, 1) || !math.IsInf(grad[2], 1) {
		t.Errorf("norm %v of %v", norm, grad)
	}
	ClipGradValue(ops, params, .25)
	if grad[0] != .25 || grad[1] != -.25 || grad[2] != .25 || grad[3] != 0 {
		t.Errorf("clipped gradients %v", grad)
	}
}

// After t updates at a constant parameter p the average is p + decay^t (p0 - p); Swap exchanges the two; a restore goes on with the bits.
func TestAverage(t *testing.T) {
	ops := NewCPU[float64](nil)
	params := oneParam[float64](ops, 1, -2)
	a, err := NewAverage(ops, params, .9)
	if err != nil {
		t.Fatal(err)
	}
	start := copyState(a.State())
	copy(params[0].Value.Data(), []float64{5, 5})
	for range 10 {
		a.Update(params)
	}
	state := copyState(a.State())
	a.Swap(params)
	for i, first := range []float64{1, -2} {
		if got, want := params[0].Value.Data()[i], 5+math.Pow(.9, 10)*(first-5); !(math.Abs(got-want) <= 1e-14) {
			t.Errorf("average %v, want %v", got, want)
		}
	}
	a.Swap(params)
	if v := params[0].Value.Data(); v[0] != 5 || v[1] != 5 {
		t.Errorf("swapped twice: %v", v)
	}
	a.Update(params)
	b, err := NewAverage(ops, oneParam[float64](ops, 7, 7), .9)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Restore(params, state); err != nil {
		t.Fatal(err)
	}
	b.Update(params)
	if got, want := b.State(), a.State(); got.Step != 11 || want.Step != 11 || !sameBits(got.Tensors["ema/p"].Data(), want.Tensors["ema/p"].Data()) {
		t.Errorf("restored: %v after step %d, want %v", got.Tensors["ema/p"].Data(), got.Step, want.Tensors["ema/p"].Data())
	}
	if err := b.Restore(params, start); err != nil || b.State().Step != 0 || b.State().Tensors["ema/p"].Data()[1] != -2 {
		t.Errorf("restored to the start: %v, %v", b.State(), err)
	}
	for _, bad := range []State[float64]{{Step: -1}, {Step: 1}, {Step: 1, Tensors: map[string]*Tensor[float64]{"ema/p": NewTensor[float64](3)}}} {
		if b.Restore(params, bad) == nil {
			t.Errorf("accepts %v", bad)
		}
	}
	for _, decay := range []float64{-1, 1, math.NaN()} {
		if _, err := NewAverage(ops, params, decay); err == nil {
			t.Errorf("accepts decay %v", decay)
		}
	}
}

func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		s    Schedule
		step int64
		want float64
	}{
		{Schedule{Rate: 2}, 0, 2}, {Schedule{Kind: "constant", Rate: 2}, 1e9, 2},
		{Schedule{Rate: 2, WarmUp: 4}, 0, .5}, {Schedule{Rate: 2, WarmUp: 4}, 3, 2}, {Schedule{Rate: 2, WarmUp: 4}, 4, 2},
		{Schedule{Kind: "step", Rate: 2, Every: 3, Factor: .5}, 2, 2}, {Schedule{Kind: "step", Rate: 2, Every: 3, Factor: .5}, 3, 1},
		{Schedule{Kind: "step", Rate: 2, Every: 3, Factor: .5, WarmUp: 5}, 11, .5},
		{Schedule{Kind: "cosine", Rate: 2, Steps: 10, Final: 1}, 0, 2}, {Schedule{Kind: "cosine", Rate: 2, Steps: 10, Final: 1}, 5, 1.5},
		{Schedule{Kind: "cosine", Rate: 2, Steps: 10, Final: 1}, 10, 1}, {Schedule{Kind: "cosine", Rate: 2, Steps: 10, Final: 1, WarmUp: 2}, 100, 1},
	} {
		if err := c.s.Check(); err != nil {
			t.Error(err)
		}
		if got := c.s.At(c.step); !(math.Abs(got-c.want) <= 1e-15) {
			t.Errorf("%+v at step %d: %v, want %v", c.s, c.step, got, c.want)
		}
	}
	for _, s := range []Schedule{
		{}, {Rate: math.NaN()}, {Kind: "linear", Rate: 1}, {Rate: 1, WarmUp: -1}, {Kind: "step", Rate: 1, Factor: .5}, {Kind: "step", Rate: 1, Every: 1},
		{Kind: "cosine", Rate: 1}, {Kind: "cosine", Rate: 1, Steps: 1, Final: 2}, {Kind: "cosine", Rate: 1, Steps: 1, Final: math.NaN()},
	} {
		if s.Check() == nil {
			t.Errorf("accepts %+v", s)
		}
	}
}

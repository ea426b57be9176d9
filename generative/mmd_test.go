package generative_test

import (
	"context"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

func mmd(t testing.TB, kernel string, unbiased bool) *generative.MMD[float64] {
	t.Helper()
	c, err := generative.NewMMD[float64](generative.MMDConfig{Kernel: kernel, Unbiased: unbiased})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kernelOf is the kernel as its definition has it.
func kernelOf(name string, x, y []float64) (sum float64) {
	var q float64
	for k := range x {
		q += (x[k] - y[k]) * (x[k] - y[k])
	}
	if name == "energy" {
		return -math.Sqrt(q)
	}
	for _, s := range []float64{1, 2, 4, 8, 16} {
		if name == "gaussian" {
			sum += math.Exp(-q / 2 / s / s)
		} else {
			sum += 1 / (1 + q/2/s/s)
		}
	}
	return sum
}

func TestMMDIsItsDefinition(t *testing.T) {
	const n, d = 6, 3
	x, y := pairOfClouds(5, n, d)
	mean := func(name string, x, y []float64, different bool) float64 {
		var sum, count float64
		for i := range n {
			for j := range n {
				if !different || i != j {
					sum += kernelOf(name, x[i*d:(i+1)*d], y[j*d:(j+1)*d])
					count++
				}
			}
		}
		return sum / count
	}
	for _, kernel := range generative.MMDKernels {
		values := map[bool]float64{}
		for _, unbiased := range []bool{false, true} {
			want := mean(kernel, x, x, unbiased) + mean(kernel, y, y, unbiased) - 2*mean(kernel, x, y, false)
			got := eval(t, mmd(t, kernel, unbiased), x, y, n, d, nil, nil, true)
			if !(math.Abs(got-want) <= 1e-12) {
				t.Errorf("%s, unbiased %v: %.15g, want %.15g", kernel, unbiased, got, want)
			}
			values[unbiased] = got
		}
		// within_biased = ((n-1) within_unbiased + k(0))/n for either cloud.
		within := mean(kernel, x, x, true) + mean(kernel, y, y, true)
		diagonal := (2*kernelOf(kernel, x[:d], x[:d]) - within) / n
		if !(math.Abs(values[false]-values[true]-diagonal) <= 1e-12) {
			t.Errorf("%s: the biased estimate is off the unbiased one by %g, want %g", kernel, values[false]-values[true], diagonal)
		}
	}
}

func TestMMDGradient(t *testing.T) {
	for _, kernel := range generative.MMDKernels {
		for _, unbiased := range []bool{false, true} {
			checkGradient(t, mmd(t, kernel, unbiased), 6, 3, 1e-7)
		}
	}
}

// TestUnbiasedMMD: over 2000 resamples of equal laws the U-statistic has mean 0 within 3 standard errors, the V-statistic has not.
func TestUnbiasedMMD(t *testing.T) {
	const n, resamples = 10, 2000
	for _, kernel := range generative.MMDKernels {
		for _, unbiased := range []bool{false, true} {
			c := mmd(t, kernel, unbiased)
			rng := random.New(1, kernel)
			x, y := make([]float64, 2*n), make([]float64, 2*n)
			var sum, squares float64
			for range resamples {
				random.Normal(rng, x, 0, 1)
				random.Normal(rng, y, 0, 1)
				v := eval(t, c, x, y, n, 2, nil, nil, true)
				sum += v
				squares += v * v
			}
			mean := sum / resamples
			se := math.Sqrt((squares/resamples - mean*mean) / (resamples - 1))
			if off := math.Abs(mean) / se; (off <= 3) != unbiased || math.IsNaN(off) {
				t.Errorf("%s, unbiased %v: mean %.4g, standard error %.2g", kernel, unbiased, mean, se)
			}
		}
	}
}

func TestBadMMDs(t *testing.T) {
	for _, cfg := range []generative.MMDConfig{{Kernel: "x"}, {Kernel: "imq", Bandwidths: []float64{1, 0}}, {Kernel: "imq", Bandwidths: []float64{math.NaN()}}} {
		if _, err := generative.NewMMD[float64](cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
	if _, err := mmd(t, "energy", true).Eval(context.Background(), []float64{1}, []float64{2}, 1, 1, nil, nil, true); err == nil {
		t.Error("the unbiased estimate of one point was taken")
	}
}

package main

import (
	"bytes"
	"math"
	"os"
	"runtime"
	"testing"
)

// TestGenerated finds the polynomials again.
func TestGenerated(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("Go fuses multiplications and additions here, which moves the last bits of a fit")
	}
	have, err := os.ReadFile("coeff/coeff.go")
	if err != nil {
		t.Fatal(err)
	}
	if want := generate(); !bytes.Equal(have, want) {
		t.Errorf("coeff/coeff.go is not what this program writes; run go generate ./...\n%s", want)
	}
}

// TestMinimaxOfKnownPolynomial finds x^3 - (3/4) x, whose best quadratic on [-1, 1] is 0: the error is Chebyshev's T_3/4.
func TestMinimaxOfKnownPolynomial(t *testing.T) {
	cubic := target{f: func(x float64) float64 { return x*x*x - .75*x }, weight: one, lo: -1, hi: 1, degree: 2}
	c := minimax(cubic)
	for i, v := range c {
		if !(math.Abs(v) <= 2e-3) {
			t.Errorf("coefficient %d is %v, want 0", i, v)
		}
	}
	if worst, _ := measure(cubic, c); !(math.Abs(worst-.25) <= 1e-3) {
		t.Errorf("largest error %v, want 1/4", worst)
	}
}

// TestGivenCoefficients keeps what is given.
func TestGivenCoefficients(t *testing.T) {
	c := round32(target{f: math.Exp, weight: one, lo: -.5, hi: .5, degree: 3, fixed: map[int]float64{0: 1, 1: 1}})
	if c[0] != 1 || c[1] != 1 {
		t.Errorf("given 1, 1, found %v", c)
	}
	if !(math.Abs(float64(c[2])-.5) < .01) {
		t.Errorf("x^2 has coefficient %v, want about 1/2", c[2])
	}
}

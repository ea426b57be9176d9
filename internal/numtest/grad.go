package numtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"unsafe"
)

// A Leaf is an array that a function is differentiated by, and the gradient that a backward pass found.
type Leaf[T float32 | float64] struct {
	Name  string
	Value []T // read and changed in place by the check, and set back
	Grad  []T
}

// Grad checks a backward pass against differences of the forward pass, with the loss
//
//	L = sum_k w_k out_k
//
// for weights w drawn from the seed: unlike a plain sum, it has no gradient that vanishes by symmetry. forward computes out from the
// leaves' values; backward takes w after a forward pass and returns the leaves, all entries of which are checked. The difference is the
// central one of fourth order,
//
//	dL/dv = (8 (L(v+h) - L(v-h)) - (L(v+2h) - L(v-2h))) / (12 h) + O(h^4),
//
// with h = 2^-10 in float64 and 2^-5 in float32, so values should be of order 1 and at least 2h away from a kink. The norm of the error
// of a leaf may be, for N entries and the rounding unit u of T,
//
//	sqrt(N) 4 u/h (sum_k |w_k out_k| + max|v| max|dL/dv|) + 4 h^4 |dL/dv|,
//
// what rounding of the forward pass and truncation explain. It is an error too if that exceeds a tenth of the reference gradient, as it
// does when the reference is zero: such a check would find nothing. NaN is an error.
func Grad[T float32 | float64](seed uint64, forward func() []T, backward func(w []T) []Leaf[T]) error {
	r := rand.New(rand.NewPCG(seed, 0x6772616469656e74))
	w := make([]T, len(forward()))
	for i := range w {
		w[i] = T(r.NormFloat64())
	}
	leaves := backward(w)
	for _, leaf := range leaves {
		leaf.Grad = append([]T(nil), leaf.Grad...)
		if err := checkLeaf(leaf, w, forward); err != nil {
			return fmt.Errorf("gradient of %s: %w", leaf.Name, err)
		}
	}
	return nil
}

// checkLeaf compares the gradient of one leaf.
func checkLeaf[T float32 | float64](leaf Leaf[T], w []T, forward func() []T) error {
	if len(leaf.Grad) != len(leaf.Value) || len(leaf.Value) == 0 {
		return fmt.Errorf("%d entries for %d values", len(leaf.Grad), len(leaf.Value))
	}
	u, h := math.Ldexp(1, -53), math.Ldexp(1, -10)
	if unsafe.Sizeof(w[0]) == 4 {
		u, h = math.Ldexp(1, -24), math.Ldexp(1, -5)
	}
	_, scale := weigh(w, forward())
	var err2, ref2, maxRef, maxValue, worst float64
	at := 0
	for i := range leaf.Value {
		ref := difference(&leaf.Value[i], h, func() float64 { l, _ := weigh(w, forward()); return l })
		e := float64(leaf.Grad[i]) - ref
		err2, ref2 = err2+e*e, ref2+ref*ref
		maxRef, maxValue = max(maxRef, math.Abs(ref)), max(maxValue, math.Abs(float64(leaf.Value[i])))
		if !(math.Abs(e) <= worst) {
			worst, at = math.Abs(e), i
		}
	}
	err, norm := math.Sqrt(err2), math.Sqrt(ref2)
	tol := math.Sqrt(float64(len(leaf.Value)))*4*u/h*(scale+maxValue*maxRef) + 4*math.Pow(h, 4)*norm
	if !(tol <= norm/10) {
		return fmt.Errorf("norm %g against a tolerance of %g: the check would find nothing", norm, tol)
	}
	if !(err <= tol) {
		return fmt.Errorf("error %g of norm %g, tolerance %g; worst at entry %d: %g", err, norm, tol, at, leaf.Grad[at])
	}
	return nil
}

// difference returns the central difference of fourth order of f in *v.
func difference[T float32 | float64](v *T, h float64, f func() float64) float64 {
	old := *v
	defer func() { *v = old }()
	at := func(k float64) float64 { *v = T(float64(old) + k*h); return f() }
	return (8*(at(1)-at(-1)) - (at(2) - at(-2))) / (12 * h)
}

// weigh returns sum_k w_k out_k and sum_k |w_k out_k|.
func weigh[T float32 | float64](w, out []T) (sum, scale float64) {
	for k, v := range out {
		p := float64(w[k]) * float64(v)
		sum, scale = sum+p, scale+math.Abs(p)
	}
	return sum, scale
}

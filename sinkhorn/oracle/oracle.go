package oracle

import (
	"context"
	"fmt"
	"math"
)

// An Answer is what an oracle found.
type Answer struct {
	F, G []float64 // potentials
	Plan []float64 // of the potentials, N x M

	Value      float64 // the dual at the potentials
	Gap        float64 // how far Value is from the maximum at most; with Estimated, about how far
	Estimated  bool    // Gap is no certificate
	Iterations int     // that it took, each about one pass over the cost
	Reached    bool    // Gap is what was asked for
	Why        string  // why it is not; "" where it is
}

// An Oracle maximises the dual of a problem until the gap is at most so much. One that cannot come so far returns what it reached, with
// Reached false and the reason; an error means that there is no answer. It stops within an iteration of ctx's end.
type Oracle interface {
	Solve(ctx context.Context, p *Problem, gap float64) (*Answer, error)
}

// Delta returns the bound that a dual gap puts on the error of the gradient, L0 sqrt(2 gap/lambda), for costs whose gradients have at most
// the norm L0.
func Delta(gap, l0, lambda float64) float64 { return l0 * math.Sqrt(2*max(0, gap)/lambda) }

// GapFor returns the gap at which [Delta] is delta, lambda (delta/L0)^2/2. With L0 = 0, whose gradients are exact, it is +Inf.
func GapFor(delta, l0, lambda float64) float64 {
	if l0 == 0 {
		return math.Inf(1)
	}
	return lambda * (delta / l0) * (delta / l0) / 2
}

// floatShare is the share of the largest cost below which a lambda is too small for float32: points and costs rounded to float32 have an
// error of some 2^-22 of the largest cost, which changes an entry of the plan by a factor of at most e^(2^-22/floatShare), 1.6 %.
const floatShare = 0x1p-16

// CheckLambda returns an error where lambda is too small for costs of up to largest that come from points in float32, which names the
// smallest that works.
func CheckLambda(lambda, largest float64) error {
	if least := floatShare * largest; !(lambda >= least) {
		return fmt.Errorf("oracle: lambda %g is too small for float32 beside costs of up to %.4g: rounding would change the plan; the smallest that works is %.4g",
			lambda, largest, least)
	}
	return nil
}

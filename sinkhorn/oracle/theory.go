package oracle

import "math"

// Smoothness returns the Lipschitz constant of grad h, for costs whose gradients have at most the norm l0 and the Lipschitz constant l1:
//
//	L = L1 + L0^2/lambda
//
// It is tight in the limit for the two-point toy of the tests, of which the second derivative at 0 is
// 2 - 4/lambda.
func Smoothness(l0, l1, lambda float64) float64 { return l1 + l0*l0/lambda }

// StationarityBound returns what the mean of |grad h|^2 over steps of stochastic gradient descent is at most, in expectation:
//
//	2 fall/(rate steps) + L rate variance + delta^2          rate <= 1/L
//
// fall is h at the start less its minimum, variance that of the sampled gradients, delta a bound of the error of each. Source: Sanjabi et
// al. 2018, theorem 4.2; the constants are those of the standard proof, by <grad h, g> = (|grad h|^2 + |g|^2 - |g - grad h|^2)/2.
func StationarityBound(fall, rate, smoothness, variance, delta float64, steps int) float64 {
	return 2*fall/(rate*float64(steps)) + smoothness*rate*variance + delta*delta
}

// Rate returns the learning rate for so many steps: sqrt(2 fall/(L variance steps)), at which the first two terms of [StationarityBound]
// are equal, or 1/L where that is less.
func Rate(fall, smoothness, variance float64, steps int) float64 {
	rate := 1 / smoothness
	if variance > 0 {
		rate = min(rate, math.Sqrt(2*fall/(smoothness*variance*float64(steps))))
	}
	return rate
}

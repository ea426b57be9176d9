//go:build !exhaustive

package kernels

// stride is the step through the bit patterns of float32 in tests of accuracy: a prime, so that all low bits occur, for 10^6 values.
const stride = 4099

// accuracySamples is the arguments of a function of float64 in tests of accuracy.
const accuracySamples = 1 << 20

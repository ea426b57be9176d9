//go:build exhaustive

package kernels

const stride = 1

const accuracySamples = 100_000_000

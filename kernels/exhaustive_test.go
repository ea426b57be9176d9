//go:build exhaustive

package kernels

const stride = 1

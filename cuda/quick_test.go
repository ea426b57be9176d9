//go:build !exhaustive

package cuda_test

const most = 300

const long = false

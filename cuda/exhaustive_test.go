//go:build exhaustive

package cuda_test

// most is the size of a problem's matrix up to which the simulated device solves it.
const most = 1 << 30

const long = true

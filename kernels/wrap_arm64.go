//go:build !purego

package kernels

const (
	// chunkBytes is the size of an argument of a call of a kernel on vectors. The slowest, softplus in float64, has some 90 arithmetic
	// instructions for 16 bytes: two of them a cycle at 2.5 GHz make .9 GB/s, by count and not by measurement.
	chunkBytes = 1 << 16
	// chunkBlock is the entries of a call on a block. The slowest, the sweep in float64, has some 13 instructions for an entry.
	chunkBlock = 1 << 15
)

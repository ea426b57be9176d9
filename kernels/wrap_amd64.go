//go:build !purego

package kernels

const (
	// chunkBytes is the size of an argument of a call of a kernel on vectors; the slowest of them run at 3 GB/s.
	chunkBytes = 1 << 18
	// chunkBlock is the entries of a call on a block.
	chunkBlock = 1 << 17
)

//go:build amd64 && !purego

package kernels

// Assembly cannot be preempted, and the garbage collector waits for the longest call: so these wrappers cut their arguments into calls
// of at most 100 us.

// chunk is the elements of a call of an element-wise kernel. The slowest run at 1 G elements/s.
const chunk = 1 << 16

// mapAsm wraps a kernel dst[i] = f(x[i]).
func mapAsm(f func(dst, x []float32)) func(dst, x []float32) {
	return func(dst, x []float32) {
		raceRead(x)
		raceWrite(dst)
		for len(x) > chunk {
			f(dst[:chunk], x[:chunk])
			dst, x = dst[chunk:], x[chunk:]
		}
		f(dst, x)
	}
}

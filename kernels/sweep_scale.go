package kernels

// SweepScale runs rows of an iteration of Sinkhorn's algorithm on a kernel e in memory, in one read of it:
//
//	d[r]    = sum_j e[r*lde+j] q[j]
//	w[r]    = a[r] / d[r]
//	acc[j] += sum_r w[r] e[r*lde+j]
//
// for r < len(a) = len(d) = len(w), j < len(q) = len(acc). w may be a; d, w and acc overlap nothing else. In assembly a lane of d is a sum of len(q)/lanes
// products, one after another. Rounding is as good as random in it: in float32 the relative error of positive sums was below
// 2^-26 sqrt(len(q)/lanes), 2^-22.3 with AVX-512 and 2^-21.3 with AVX2 at 4096 columns.
func SweepScale[T Float](d, w, e []T, lde int, q, acc, a []T) {
	if len(d) != len(a) || len(w) != len(a) {
		panic(badRows)
	}
	if len(q) != len(acc) {
		panic(badCols)
	}
	checkBlock(e, lde, len(a), len(q))
	active[T]().sweepScale(d, w, e, lde, q, acc, a)
}

// Rows are multiplied in groups of four, each while the one above it is summed, so that two groups should fit the first level of cache beside q
// and acc. In groups of two they do up to pairCols columns. Beyond scaleCols they are multiplied and summed in turn, block by block; as are those
// that make no two groups. A call has at most scaleEntries entries.
//
// Measured on a Zen 5 core with AVX-512, 64 rows at a time, G entries/s in groups of 4, of 2, in turn in blocks of 8 KiEntries, and a sum of e alone:
//
//	n x n     4     2    in turn   sum
//	  512   33.0  26.1     27.0   47.0
//	 1024   25.8  25.8     20.7   32.8
//	 2048   14.2  19.7     17.2   31.4
//	 4096    7.9   6.5      6.9   13.6
const (
	quadCols     = 1280
	pairCols     = 2560
	scaleCols    = 1 << 14
	scaleEntries = 1 << 16
)

func (k *impl[T]) sweepScale(d, w, e []T, lde int, q, acc, a []T) {
	m, n := len(q), len(a)
	group, scale := 4, k.sweepScale4
	if m > quadCols && m <= pairCols {
		group, scale = 2, k.sweepScale2
	}
	summed, known := 0, 0 // rows that have been added to acc, and that have their d
	if m > 0 && m <= scaleCols && n >= 2*group {
		k.sweepDots(d[:group], e, lde, q)
		known = n / group * group
		for step := max(group, scaleEntries/m/group*group); summed < known-group; {
			r := summed
			summed = min(r+step, known-group)
			scale(d[r:summed], e[r*lde:], lde, q, acc, a[r:summed], d[r+group:summed+group])
		}
		divide(w[:summed], a, d)
	}
	for step := SweepBlock(m); summed < n; {
		r := summed
		summed = min(r+step, n)
		if known = max(known, r); known < summed {
			k.sweepDots(d[known:summed], e[min(len(e), known*lde):], lde, q)
		}
		divide(w[r:summed], a[r:], d[r:])
		k.sweepCols(acc, e[min(len(e), r*lde):], lde, w[r:summed])
	}
}

func divide[T Float](w, a, d []T) {
	a, d = a[:len(w)], d[:len(w)]
	for r := range w {
		w[r] = a[r] / d[r]
	}
}

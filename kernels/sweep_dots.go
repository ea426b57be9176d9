package kernels

// SweepDots sets
//
//	d[r] = sum_j e[r*lde+j] q[j]
//
// for r < len(d), j < len(q): what [SweepRowsDot] does where e is at hand.
func SweepDots[T Float](d, e []T, lde int, q []T) {
	checkBlock(e, lde, len(d), len(q))
	active[T]().sweepDots(d, e, lde, q)
}

func (k *impl[T]) sweepDots(d, e []T, lde int, q []T) {
	if len(q) == 0 {
		clear(d)
		return
	}
	step := max(thin, thinTask/len(q)/thin*thin)
	for r := 0; r < len(d); r += step {
		rows := min(step, len(d)-r)
		k.gemm.dots(d[r:], 1, len(q), e[r*lde:], lde, rows, q, len(q), 1)
	}
}

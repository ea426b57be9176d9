package kernels

// SweepDots sets
//
//	d[r] = sum_j e[r*lde+j] q[j]
//
// for r < len(d), j < len(q): what [SweepRowsDot] does where e is at hand.
func SweepDots[T Float](d, e []T, lde int, q []T) {
	checkBlock(e, lde, len(d), len(q))
	if len(q) == 0 {
		clear(d)
		return
	}
	job, dots := jobsOf[T]().take(), active[T]().gemm.dots
	job.thinSums = grow(job.thinSums, thin*thin)
	sums := job.thinSums[:thin*thin]
	for r := 0; r < len(d); r += thin {
		rows := min(thin, len(d)-r)
		dots(sums, len(q), e[r*lde:], lde, rows, q, len(q), 1)
		for s := range rows {
			d[r+s] = sums[s*thin]
		}
	}
	jobsOf[T]().give(job)
}

package kernels

// isSmall tells whether a product is a single task, of one block of the depth, that reads both operands where they lie.
func (t *gemmTile[T]) isSmall(a, b *operand[T], m, n, k int) bool {
	return t.masked && m > 1 && n > thin && m*n*k <= minTask && m <= direct && k <= t.kc && !b.deep && t.direct(a, n)
}

// small forms a small product without a job, which would take a fifteenth of the time of 64 x 64 x 64. Its sums are those of columns.
func (t *gemmTile[T]) small(a, b *operand[T], m, n, k int, alpha, beta T, c []T, ldc int) {
	a.raceRead(0, 0, m, k)
	b.raceRead(0, 0, n, k)
	update := t.micro(a)
	for j := 0; j < n; j += t.nr {
		for i := 0; i < m; i += t.mr {
			update(k, alpha, a.at(i, 0), a.ld, b.at(j, 0), b.ld, beta, c[i*ldc+j:], ldc, min(t.mr, m-i), min(t.nr, n-j), &b.x[j])
		}
	}
}

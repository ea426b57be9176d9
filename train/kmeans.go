package train

import (
	"context"
	"math"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

const (
	kmeansRounds = 20    // of Lloyd's algorithm, at most
	kmeansRows   = 20000 // rows used, at most; on MNIST 100 centroids score 18.3 ± .4, with all 60,000 rows and three times the time 17.9 ± .2
	kmeansBlock  = 250   // rows of a task
	kmeansSeeds  = 4000  // rows among which the first centroids are chosen
)

// A codebook is k points with their frequencies.
type codebook struct {
	k, dim int
	points []float32 // k x dim
	share  []float64 // of the rows, each
}

// kmeans returns k centroids of the rows of ds, by Lloyd's algorithm from a start by k-means++ on the first rows of a shuffle. k is at most
// the number of rows; one centroid is the mean of all rows. The result depends on the data and the stream, not on the pool.
func kmeans(ctx context.Context, pool kernels.Runner, ds *data.Dataset, k int, rng *random.Stream) (codebook, error) {
	k = min(k, ds.N)
	if k > 1 && ds.N > kmeansRows {
		ds = ds.Subset(rng.Perm(ds.N)[:kmeansRows])
	}
	l := &lloyd{pool: pool, ds: ds, book: codebook{k: k, dim: ds.Dim, points: plusPlus(ds, k, rng), share: make([]float64, k)}}
	l.nearest = make([]int32, ds.N)
	l.parts = make([]partial, parallel.Chunks(ds.N, kmeansBlock, 16))
	for range kmeansRounds {
		if err := ctx.Err(); err != nil {
			return codebook{}, err
		}
		if moved := l.round(); moved == 0 {
			break
		}
	}
	return l.book, nil
}

// plusPlus chooses k rows, each new one with a probability in proportion to its squared distance from those chosen.
// Source: Arthur and Vassilvitskii 2007.
func plusPlus(ds *data.Dataset, k int, rng *random.Stream) []float32 {
	n := max(k, min(ds.N, kmeansSeeds))
	rows := make([]float32, n*ds.Dim)
	ds.Rows(rows, rng.Perm(ds.N)[:n])
	dist := make([]float64, n)
	for i := range dist {
		dist[i] = math.Inf(1)
	}
	points := make([]float32, k*ds.Dim)
	pick := rng.IntN(n)
	for c := range k {
		centre := points[c*ds.Dim : (c+1)*ds.Dim]
		copy(centre, rows[pick*ds.Dim:])
		var total float64
		for i := range dist {
			dist[i] = min(dist[i], squaredDistance(rows[i*ds.Dim:(i+1)*ds.Dim], centre))
			total += dist[i]
		}
		pick = draw(dist, rng.Float64()*total)
	}
	return points
}

func squaredDistance(x, y []float32) float64 {
	var s float32
	for i, v := range x {
		d := v - y[i]
		s += d * d
	}
	return float64(s)
}

// draw returns the place of u in the running sums of w, the last place with weight for u beyond them.
func draw(w []float64, u float64) int {
	last := 0
	for i, v := range w {
		if v > 0 {
			last = i
			if u < v {
				return i
			}
		}
		u -= v
	}
	return last
}

// lloyd is a k-means in progress.
type lloyd struct {
	pool    kernels.Runner
	ds      *data.Dataset
	book    codebook
	nearest []int32
	parts   []partial
}

// A partial is what one task adds up.
type partial struct {
	sums  []float64 // k x dim
	count []int
	moved int
	rows  []float32 // kmeansBlock x dim
	score []float32 // kmeansBlock x k
}

// round assigns each row to its nearest centroid, moves each centroid to the mean of its rows, and returns how many rows changed.
// A centroid without rows stays.
func (l *lloyd) round() (moved int) {
	k, d := l.book.k, l.book.dim
	half := make([]float32, k)
	for c := range half {
		p := l.book.points[c*d : (c+1)*d]
		half[c] = kernels.Dot(p, p) / 2
	}
	parallel.For(l.pool, len(l.parts), func(t int) { l.assign(t, half) })
	for c := range k {
		sum, n := l.parts[0].sums[c*d:(c+1)*d], l.parts[0].count[c]
		for _, p := range l.parts[1:] {
			n += p.count[c]
			for j := range sum {
				sum[j] += p.sums[c*d+j]
			}
		}
		l.book.share[c] = float64(n) / float64(l.ds.N)
		if n == 0 {
			continue
		}
		for j, s := range sum {
			l.book.points[c*d+j] = float32(s / float64(n))
		}
	}
	for _, p := range l.parts {
		moved += p.moved
	}
	return moved
}

// assign does the rows of one task: the nearest centroid is the one with the largest <x, c> - |c|^2/2.
func (l *lloyd) assign(t int, half []float32) {
	k, d := l.book.k, l.book.dim
	p := &l.parts[t]
	if p.sums == nil {
		*p = partial{sums: make([]float64, k*d), count: make([]int, k), rows: make([]float32, kmeansBlock*d), score: make([]float32, kmeansBlock*k)}
	}
	clear(p.sums)
	clear(p.count)
	p.moved = 0
	first, end := parallel.Chunk(l.ds.N, len(l.parts), t)
	for lo := first; lo < end; lo += kmeansBlock {
		n := min(kmeansBlock, end-lo)
		for i := range n {
			l.ds.Row(p.rows[i*d:], lo+i)
		}
		kernels.Gemm(nil, false, true, n, k, d, 1, p.rows, d, l.book.points, d, 0, p.score, k)
		for i := range n {
			best := 0
			for c, s := range p.score[i*k : (i+1)*k] {
				if s-half[c] > p.score[i*k+best]-half[best] {
					best = c
				}
			}
			if l.nearest[lo+i] != int32(best) {
				l.nearest[lo+i] = int32(best)
				p.moved++
			}
			p.count[best]++
			sum := p.sums[best*d : (best+1)*d]
			for j, v := range p.rows[i*d : (i+1)*d] {
				sum[j] += float64(v)
			}
		}
	}
}

// sample fills dst with rows drawn from the codebook by frequency.
func (b codebook) sample(dst []float32, rows int, rng *random.Stream) {
	for i := range rows {
		c := draw(b.share, rng.Float64())
		copy(dst[i*b.dim:(i+1)*b.dim], b.points[c*b.dim:(c+1)*b.dim])
	}
}

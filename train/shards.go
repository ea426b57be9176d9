package train

import (
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/ranks"
)

// A batches is where training rows come from, in one order for any number of ranks.
type batches interface {
	// Next fills dst with the next rows, and returns their indices among all training rows.
	Next(dst []float32, rows int) []int
	Position() uint64
	Seek(position uint64)
	Close()
}

// shards are the training rows of a run on ranks of which each keeps its part. A batch is put together from what the ranks have of it. The
// order is that of the whole set, so that a run resumes on any number of ranks, with shards or without.
type shards struct {
	comm   *ranks.Comm
	order  *data.Batcher
	own    *data.Dataset
	bounds []int // rank r has rows bounds[r] to bounds[r+1]-1
	rows   []float32
}

// newShards keeps this rank's part of the rows.
func newShards(c *ranks.Comm, ds *data.Dataset, seed uint64, stream string) *shards {
	s := &shards{comm: c, order: data.NewBatcher(&data.Dataset{N: ds.N, Dim: ds.Dim}, seed, stream), bounds: []int{0}}
	for r := range c.Size() {
		_, hi := ranks.Span(ds.N, r, c.Size())
		s.bounds = append(s.bounds, hi)
	}
	index := make([]int, 0, ds.N/c.Size()+1)
	for i := s.bounds[c.Rank()]; i < s.bounds[c.Rank()+1]; i++ {
		index = append(index, i)
	}
	s.own = ds.Subset(index)
	return s
}

// Next implements batches. Where the ranks cannot be reached the rows are NaN, which no step survives unseen.
func (s *shards) Next(dst []float32, rows int) []int {
	index, dim := s.order.Indices(rows), s.own.Dim
	first, end := s.bounds[s.comm.Rank()], s.bounds[s.comm.Rank()+1]
	s.rows = s.rows[:0]
	for _, i := range index {
		if i >= first && i < end {
			at := len(s.rows)
			s.rows = slices.Grow(s.rows, dim)[:at+dim]
			s.own.Row(s.rows[at:], i-first)
		}
	}
	all, counts, err := ranks.Gather(s.comm, s.rows)
	if err != nil {
		for k := range dst[:rows*dim] {
			dst[k] = float32(math.NaN())
		}
		return index
	}
	next := make([]int, len(counts)) // where the next row of each rank begins in all
	for r, n := range counts[:len(counts)-1] {
		next[r+1] = next[r] + n
	}
	for k, i := range index {
		r, found := slices.BinarySearch(s.bounds, i)
		if !found {
			r--
		}
		copy(dst[k*dim:(k+1)*dim], all[next[r]:])
		next[r] += dim
	}
	return index
}

// Position implements batches.
func (s *shards) Position() uint64 { return s.order.Position() }

// Seek implements batches.
func (s *shards) Seek(position uint64) { s.order.Seek(position) }

// Close implements batches.
func (s *shards) Close() {}

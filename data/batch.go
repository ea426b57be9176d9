package data

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/internal/random"
)

// A Batcher draws the rows of a data set in batches, every row once an epoch, in an order that is shuffled anew each epoch.
//
// Its whole state is one number, the count of rows drawn so far: row number p of the sequence is
//
//	perm[e][p mod N],  e = p div N,  perm[e] the permutation drawn from the stream (seed, name, e)
//
// so that Seek(Position()) resumes exactly. A batch may cross the end of an epoch and may be larger than the set.
// Batchers of different stream names are independent. A Batcher is not safe for concurrent use.
type Batcher struct {
	ds     *Dataset
	seed   uint64
	stream string

	drawn uint64
	perm  []int
	epoch uint64 // the epoch of perm, where perm is not nil
	index []int
}

// NewBatcher returns a batcher over ds at position 0. It panics when ds has no row.
func NewBatcher(ds *Dataset, seed uint64, stream string) *Batcher {
	if ds.N <= 0 {
		panic(errEmptySet)
	}
	return &Batcher{ds: ds, seed: seed, stream: stream}
}

// Position returns how many rows have been drawn.
func (b *Batcher) Position() uint64 { return b.drawn }

// Seek sets how many rows count as drawn, so that the next row is the one that follows them.
func (b *Batcher) Seek(position uint64) { b.drawn = position }

// Next fills dst, rows x Dim, with the next rows of the sequence and returns their indices in the data set.
// The indices are valid until the next call. It panics when rows is negative or dst is shorter than rows*Dim. Once its buffers have
// grown it allocates only when an epoch begins.
func (b *Batcher) Next(dst []float32, rows int) []int {
	if rows < 0 {
		panic(errRowsRange)
	}
	if len(dst) < rows*b.ds.Dim {
		panic(errShortDst)
	}
	index := b.Indices(rows)
	b.ds.Rows(dst, index)
	return index
}

// Indices is Next without the rows: it returns the indices alone, and never reads the data set but for N.
func (b *Batcher) Indices(rows int) []int {
	if rows < 0 {
		panic(errRowsRange)
	}
	b.index = b.index[:0]
	n := uint64(b.ds.N)
	for len(b.index) < rows {
		b.shuffle(b.drawn / n)
		rest := b.perm[b.drawn%n:]
		rest = rest[:min(len(rest), rows-len(b.index))]
		b.index = append(b.index, rest...)
		b.drawn += uint64(len(rest))
	}
	return b.index
}

func (b *Batcher) shuffle(epoch uint64) {
	if b.perm != nil && b.epoch == epoch {
		return
	}
	if b.perm == nil {
		b.perm = make([]int, b.ds.N)
	}
	for i := range b.perm {
		b.perm[i] = i
	}
	random.New(b.seed, b.stream, epoch).Shuffle(len(b.perm), func(i, j int) {
		b.perm[i], b.perm[j] = b.perm[j], b.perm[i]
	})
	b.epoch = epoch
}

// SplitDisjoint returns two disjoint sets of m rows of ds, as indices, drawn without replacement from the stream (seed, "split", draw).
// Different draws are independent. It is an error when m is not positive or 2m exceeds N.
func SplitDisjoint(ds *Dataset, m int, seed, draw uint64) (first, second []int, err error) {
	if m <= 0 {
		return nil, nil, fmt.Errorf("cannot draw two disjoint sets of %d rows; at least 1 is needed", m)
	}
	if m > ds.N/2 {
		return nil, nil, fmt.Errorf("two disjoint sets of %d rows need %d, the data set has %d; at most %d can be asked for", m, 2*int64(m), ds.N, ds.N/2)
	}
	perm := make([]int, ds.N)
	for i := range perm {
		perm[i] = i
	}
	rng := random.New(seed, "split", draw)
	for i := range 2 * m {
		j := i + rng.IntN(ds.N-i)
		perm[i], perm[j] = perm[j], perm[i]
	}
	return perm[:m:m], perm[m : 2*m : 2*m], nil
}

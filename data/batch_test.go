package data

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// numbered returns n points whose only coordinate is their index.
func numbered(t testing.TB, n int) *Dataset {
	t.Helper()
	p := make([]float32, n)
	for i := range p {
		p[i] = float32(i)
	}
	d, err := NewPoints(1, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// draw returns the next rows of b as indices, after a check that dst agrees.
func draw(t interface {
	Fatalf(string, ...any)
}, b *Batcher, rows int) []int {
	dst := make([]float32, rows+1)
	dst[rows] = -1
	index := b.Next(dst, rows)
	for k, i := range index {
		if dst[k] != float32(i) {
			t.Fatalf("row %d is %v, its index %d", k, dst[k], i)
		}
	}
	if len(index) != rows || dst[rows] != -1 {
		t.Fatalf("%d rows drawn, %d asked for; the number behind them is %v", len(index), rows, dst[rows])
	}
	return slices.Clone(index)
}

func TestEveryEpochIsAPermutation(t *testing.T) {
	const n, epochs = 37, 5
	b := NewBatcher(numbered(t, n), 3, "data")
	all := draw(t, b, n*epochs)
	var previous []int
	for e := range epochs {
		epoch := all[e*n : (e+1)*n]
		sorted := slices.Sorted(slices.Values(epoch))
		for i, v := range sorted {
			if v != i {
				t.Fatalf("epoch %d is no permutation: %v", e, epoch)
			}
		}
		if slices.Equal(epoch, previous) {
			t.Errorf("epoch %d repeats the order of the one before", e)
		}
		previous = epoch
	}
}

func TestBatchesAreOneSequence(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(r, "n")
		seed := rapid.Uint64().Draw(r, "seed")
		sizes := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 8).Draw(r, "sizes")
		ds := numbered(t, n)
		total := 0
		for _, s := range sizes {
			total += s
		}
		whole := draw(r, NewBatcher(ds, seed, "data"), total)

		b := NewBatcher(ds, seed, "data")
		var pieces []int
		for _, s := range sizes {
			resumed := NewBatcher(ds, seed, "data")
			resumed.Seek(b.Position())
			piece := draw(r, b, s)
			if again := draw(r, resumed, s); !slices.Equal(again, piece) {
				r.Fatalf("resumed at %d: %v, want %v", b.Position(), again, piece)
			}
			pieces = append(pieces, piece...)
		}
		if !slices.Equal(pieces, whole) || b.Position() != uint64(total) {
			r.Fatalf("in pieces %v, at once %v", pieces, whole)
		}
		b.Seek(0)
		if back := draw(r, b, total); !slices.Equal(back, whole) {
			r.Fatalf("after Seek(0): %v, want %v", back, whole)
		}
	})
}

func TestStreamsAndSeedsDiffer(t *testing.T) {
	ds := numbered(t, 100)
	first := draw(t, NewBatcher(ds, 1, "x"), 100)
	if slices.Equal(first, draw(t, NewBatcher(ds, 1, "y"), 100)) {
		t.Error("streams x and y shuffle alike")
	}
	if slices.Equal(first, draw(t, NewBatcher(ds, 2, "x"), 100)) {
		t.Error("seeds 1 and 2 shuffle alike")
	}
}

func TestNextAllocatesOnlyAtEpochs(t *testing.T) {
	b := NewBatcher(numbered(t, 10000), 1, "data")
	dst := make([]float32, 50)
	b.Next(dst, 50)
	if allocs := testing.AllocsPerRun(100, func() { b.Next(dst, 50) }); allocs != 0 {
		t.Errorf("%v allocations a batch", allocs)
	}
}

func TestBatcherPanics(t *testing.T) {
	b := NewBatcher(numbered(t, 3), 1, "data")
	wantPanic(t, errShortDst, func() { b.Next(make([]float32, 4), 5) })
	wantPanic(t, errRowsRange, func() { b.Next(nil, -1) })
	wantPanic(t, errEmptySet, func() { NewBatcher(&Dataset{}, 1, "data") })
	if b.Position() != 0 {
		t.Errorf("position %d after a panic, want 0", b.Position())
	}
}

func TestSplitIsDisjointAndUniform(t *testing.T) {
	const n, m, draws = 20, 7, 3000
	ds := numbered(t, n)
	var inFirst, inSecond [n]float64
	for d := range uint64(draws) {
		first, second, err := SplitDisjoint(ds, m, 5, d)
		if err != nil {
			t.Fatal(err)
		}
		both := slices.Sorted(slices.Values(append(slices.Clone(first), second...)))
		if len(first) != m || len(second) != m || len(slices.Compact(both)) != 2*m {
			t.Fatalf("draw %d: %v and %v", d, first, second)
		}
		for k := range m {
			inFirst[first[k]]++
			inSecond[second[k]]++
		}
	}
	p := float64(m) / n
	sigma := math.Sqrt(draws * p * (1 - p))
	for i := range n {
		for _, count := range []float64{inFirst[i], inSecond[i]} {
			if !(math.Abs(count-draws*p) <= 5*sigma) {
				t.Errorf("row %d drawn %v times, want %v +- %v", i, count, draws*p, sigma)
			}
		}
	}
	again, _, err := SplitDisjoint(ds, m, 5, 0)
	first, _, _ := SplitDisjoint(ds, m, 5, 0)
	if err != nil || !slices.Equal(again, first) {
		t.Errorf("the same draw twice: %v, %v, %v", again, first, err)
	}
}

func TestSplitRefusesTooMany(t *testing.T) {
	_, _, err := SplitDisjoint(numbered(t, 9), 5, 1, 0)
	wantError(t, err, "10", "9", "at most 4")
	_, _, err = SplitDisjoint(numbered(t, 9), 0, 1, 0)
	wantError(t, err, "at least 1")
	if _, _, err := SplitDisjoint(numbered(t, 10), 5, 1, 0); err != nil {
		t.Error(err)
	}
}

func BenchmarkNext(b *testing.B) {
	ds := Glyphs(1, 2000)
	batches := NewBatcher(ds, 1, "data")
	dst := make([]float32, 200*ds.Dim)
	b.SetBytes(int64(4 * len(dst)))
	for b.Loop() {
		batches.Next(dst, 200)
	}
}

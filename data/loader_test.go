package data_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkcpu/sinkcpu/data"
)

func numbered(t testing.TB, n int) *data.Dataset {
	rows := make([]float32, 2*n)
	for i := range rows {
		rows[i] = float32(i)
	}
	ds, err := data.NewPoints(2, rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// TestLoaderIsTheBatcher: the same batches and positions for any sizes, and the same after a loader takes over at any position.
func TestLoaderIsTheBatcher(t *testing.T) {
	ds := numbered(t, 23)
	rapid.Check(t, func(t *rapid.T) {
		plain, ahead := data.NewBatcher(ds, 7, "data"), data.NewLoader(ds, 7, "data")
		defer func() { ahead.Close() }()
		for range rapid.IntRange(1, 30).Draw(t, "batches") {
			rows := rapid.SampledFrom([]int{0, 1, 5, 5, 5, 23, 60}).Draw(t, "rows")
			want, got := make([]float32, 2*rows), make([]float32, 2*rows)
			index := slices.Clone(plain.Next(want, rows))
			if !slices.Equal(ahead.Next(got, rows), index) || !slices.Equal(got, want) || ahead.Position() != plain.Position() {
				t.Fatalf("at %d: %v, want %v", plain.Position(), got, want)
			}
			switch rapid.IntRange(0, 9).Draw(t, "then") {
			case 0: // another process
				ahead.Close()
				ahead = data.NewLoader(ds, 7, "data")
				ahead.Seek(plain.Position())
			case 1: // elsewhere
				at := rapid.Uint64Range(0, 200).Draw(t, "position")
				plain.Seek(at)
				ahead.Seek(at)
			case 2:
				ahead.Close()
			}
		}
	})
}

func TestLoaderRefusesWhatABatcherDoes(t *testing.T) {
	l := data.NewLoader(numbered(t, 4), 1, "data")
	for _, next := range []func(){func() { l.Next(nil, -1) }, func() { l.Next(make([]float32, 3), 2) }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			next()
		}()
	}
}

func BenchmarkLoader(b *testing.B) {
	const rows, dim = 200, 3 * 32 * 32
	ds, err := data.NewImages(32, 32, 3, make([]uint8, 1000*dim), nil)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]float32, rows*dim)
	for name, next := range map[string]func([]float32, int) []int{
		"ahead=no": data.NewBatcher(ds, 1, "data").Next, "ahead=yes": data.NewLoader(ds, 1, "data").Next,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				next(dst, rows)
			}
		})
	}
}

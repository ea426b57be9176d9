package train

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/ranks"
)

// Batches put together from parts are those of the whole set, over the end of an epoch, of any size, and from any position that another
// number of ranks left.
func TestShardsGiveTheBatchesOfTheWholeSet(t *testing.T) {
	const n, dim = 23, 3
	points := make([]float32, n*dim)
	random.Normal(random.New(1, "points"), points, 0, 1)
	ds, err := data.NewPoints(dim, points, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 2, 3, 5, 23} {
		comms, err := ranks.Local(size)
		if err != nil {
			t.Fatal(err)
		}
		errs := make([]error, size)
		var all sync.WaitGroup
		for r, c := range comms {
			all.Go(func() {
				errs[r] = errors.Join(func() error {
					whole := data.NewLoader(ds, 7, "data")
					defer whole.Close()
					s := newShards(c, ds, 7, "data")
					if least := n / size; s.own.N < least || s.own.N > least+1 {
						return fmt.Errorf("rank %d of %d keeps %d of %d rows", r, size, s.own.N, n)
					}
					whole.Seek(40)
					s.Seek(40)
					for _, rows := range []int{4, 10, 30, 1, 0, 10} {
						want, got := make([]float32, rows*dim), make([]float32, rows*dim)
						index := slices.Clone(whole.Next(want, rows))
						if !slices.Equal(s.Next(got, rows), index) || !slices.Equal(got, want) || s.Position() != whole.Position() {
							return fmt.Errorf("rank %d of %d: another batch of %d rows", r, size, rows)
						}
					}
					return nil
				}(), c.Close())
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	}
}

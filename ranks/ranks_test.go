package ranks_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkcpu/sinkcpu/ranks"
)

// on runs body on every rank of a local group and fails with what they return.
func on(t testing.TB, size int, body func(c *ranks.Comm) error) {
	t.Helper()
	comms, err := ranks.Local(size)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	errs := make([]error, size)
	for r, c := range comms {
		group.Go(func() { errs[r] = errors.Join(body(c), c.Close()) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// value is some number of rank r and element i.
func value(r, i int) float64 { return math.Sin(float64(7*r+3*i)) * math.Exp2(float64((5*r+i)%13)) }

func TestSumIsTheSumInTheOrderOfTheRanks(t *testing.T) {
	for _, size := range []int{1, 2, 3, 5} {
		for _, n := range []int{0, 1, 2, 7, 1000} {
			on(t, size, func(c *ranks.Comm) error {
				x := make([]float64, n)
				for i := range x {
					x[i] = value(c.Rank(), i)
				}
				if err := ranks.Sum(c, x); err != nil {
					return err
				}
				for i, v := range x {
					var want float64
					for r := range size {
						want += value(r, i)
					}
					if v != want {
						return fmt.Errorf("size %d, n %d: x[%d] is %v on rank %d, want %v", size, n, i, v, c.Rank(), want)
					}
				}
				return nil
			})
		}
	}
}

func TestSumsGoOnBesideOtherCalls(t *testing.T) {
	on(t, 3, func(c *ranks.Comm) error {
		x, y := []float32{1, float32(c.Rank())}, []float32{2}
		first, second := ranks.SumStart(c, x), ranks.SumStart(c, y)
		if err := c.Barrier(); err != nil {
			return err
		}
		if err := errors.Join(second.Wait(), first.Wait()); err != nil {
			return err
		}
		if x[0] != 3 || x[1] != 3 || y[0] != 6 {
			return fmt.Errorf("got %v and %v", x, y)
		}
		return nil
	})
}

func TestMaxGatherBroadcast(t *testing.T) {
	on(t, 4, func(c *ranks.Comm) error {
		x := []float64{value(c.Rank(), 0), math.Inf(-1)}
		if err := ranks.Max(c, x); err != nil {
			return err
		}
		want := math.Inf(-1)
		for r := range 4 {
			want = max(want, value(r, 0))
		}
		if x[0] != want || !math.IsInf(x[1], -1) {
			return fmt.Errorf("maximum %v, want %v", x, want)
		}
		all, counts, err := ranks.Gather(c, bytes.Repeat([]byte{byte(c.Rank())}, c.Rank()))
		if err != nil {
			return err
		}
		if !bytes.Equal(all, []byte{1, 2, 2, 3, 3, 3}) || fmt.Sprint(counts) != "[0 1 2 3]" {
			return fmt.Errorf("gathered %v of %v", all, counts)
		}
		word := []int32{int32(c.Rank()), 5}
		if err := ranks.Broadcast(c, word, 2); err != nil {
			return err
		}
		if word[0] != 2 {
			return fmt.Errorf("rank %d has %v of rank 2", c.Rank(), word)
		}
		return nil
	})
}

// The logarithm of a sum of numbers far outside the range of float64.
func TestLogSumExp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 4).Draw(t, "size")
		offset := rapid.Float64Range(-1e6, 1e6).Draw(t, "offset")
		parts := rapid.SliceOfN(rapid.Float64Range(-50, 50), size, size).Draw(t, "logarithms")
		var sum float64
		for _, p := range parts {
			sum += math.Exp2(p)
		}
		want := offset + math.Log2(sum)
		comms, err := ranks.Local(size)
		if err != nil {
			t.Fatal(err)
		}
		got := make([][]float64, size)
		var group sync.WaitGroup
		for r, c := range comms {
			group.Go(func() {
				got[r] = []float64{offset + parts[r], math.Inf(-1)}
				if err := ranks.LogSumExp(c, got[r]); err != nil {
					got[r][0] = math.NaN()
				}
				c.Close()
			})
		}
		group.Wait()
		for r, l := range got {
			if !(math.Abs(l[0]-want) <= 1e-9) || !math.IsInf(l[1], -1) {
				t.Fatalf("rank %d: %v, want %g and -Inf", r, l, want)
			}
		}
	})
}

func TestAgreeTellsEveryRank(t *testing.T) {
	on(t, 3, func(c *ranks.Comm) error {
		if err := c.Agree(nil); err != nil {
			return err
		}
		var mine error
		if c.Rank() == 1 {
			mine = errors.New("no such file")
		}
		err := c.Agree(mine)
		if err == nil || !strings.Contains(err.Error(), "no such file") {
			return fmt.Errorf("rank %d was told %v", c.Rank(), err)
		}
		if c.Rank() != 1 && !strings.Contains(err.Error(), "rank 1") {
			return fmt.Errorf("rank %d was told %v, without the rank", c.Rank(), err)
		}
		return nil
	})
}

func TestOneProcessNeedsNoGroup(t *testing.T) {
	var c *ranks.Comm
	x := []float64{3}
	if err := errors.Join(ranks.Sum(c, x), ranks.Max(c, x), ranks.LogSumExp(c, x), ranks.Broadcast(c, x, 0), c.Barrier(), c.Agree(nil),
		c.Close()); err != nil || x[0] != 3 || c.Size() != 1 || c.Rank() != 0 {
		t.Fatalf("%v, %v, rank %d of %d", err, x, c.Rank(), c.Size())
	}
}

func TestSpansCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, size := rapid.IntRange(0, 1000).Draw(t, "n"), rapid.IntRange(1, 20).Draw(t, "size")
		end := 0
		for r := range size {
			lo, hi := ranks.Span(n, r, size)
			if lo != end || hi-lo < n/size || hi-lo > n/size+1 {
				t.Fatalf("rank %d has [%d, %d), the one before ends at %d", r, lo, hi, end)
			}
			end = hi
		}
		if end != n {
			t.Fatalf("%d of %d pieces", end, n)
		}
	})
}

func TestFailedOpen(t *testing.T) {
	want := errors.New("no library")
	if _, err := ranks.New(func() (ranks.Transport, error) { return nil, want }); !errors.Is(err, want) {
		t.Fatalf("got %v", err)
	}
	if _, err := ranks.Join("carrier pigeon"); err == nil {
		t.Fatal("joined by a driver that does not exist")
	}
}

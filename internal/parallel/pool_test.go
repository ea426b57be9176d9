package parallel_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

func TestForRunsEachTaskOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		p := parallel.New(workers)
		defer p.Close()
		for _, n := range []int{0, 1, 2, 3, 100, 1000} {
			count := make([]atomic.Int32, n)
			p.For(n, func(i int) { count[i].Add(1) })
			for i := range count {
				if c := count[i].Load(); c != 1 {
					t.Fatalf("workers=%d n=%d: task %d ran %d times", workers, n, i, c)
				}
			}
		}
	}
	var none *parallel.Pool
	ran := 0
	none.For(3, func(int) { ran++ })
	if ran != 3 || none.Workers() != 1 {
		t.Errorf("a nil pool ran %d of 3 tasks on %d workers", ran, none.Workers())
	}
}

func TestForUsesItsWorkers(t *testing.T) {
	p := parallel.New(3)
	defer p.Close()
	var meet sync.WaitGroup // all three tasks must be in progress at once to get past it
	meet.Add(3)
	p.For(3, func(int) { meet.Done(); meet.Wait() })
}

// TestLoopsEndBeforeTheNext: a loop's tasks write without synchronisation what the next loop's read, over loops long and short enough for
// caller and workers to watch, to sleep, and to be between the two. The race detector sees a loop that returns too early, and so does the
// sum.
func TestLoopsEndBeforeTheNext(t *testing.T) {
	p := parallel.New(3)
	defer p.Close()
	const n = 8
	cells := make([]int, n)
	rounds := 30000
	if testing.Short() {
		rounds = 3000
	}
	for round := range rounds {
		p.For(n, func(i int) {
			if spin := (round * (i + 1)) % 97; i == n-1 && spin < 8 {
				time.Sleep(time.Duration(10*spin) * time.Microsecond)
			}
			cells[i]++
		})
		for i, v := range cells {
			if v != round+1 {
				t.Fatalf("after loop %d cell %d is %d", round+1, i, v)
			}
		}
	}
}

func TestNestedAndConcurrentCalls(t *testing.T) {
	p := parallel.New(3)
	defer p.Close()
	var total atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				p.For(10, func(int) { p.For(10, func(int) { total.Add(1) }) })
			}
		})
	}
	wg.Wait()
	if total.Load() != 4*50*100 {
		t.Errorf("%d inner tasks ran, want %d", total.Load(), 4*50*100)
	}
}

func TestPanicReachesTheCaller(t *testing.T) {
	p := parallel.New(3)
	defer p.Close()
	fault := errors.New("fault")
	func() {
		defer func() {
			err, _ := recover().(error)
			if !errors.Is(err, fault) {
				t.Errorf("recovered %v", err)
			}
		}()
		p.For(100, func(i int) {
			if i == 7 {
				panic(fault)
			}
		})
		t.Error("For returned")
	}()
	ran := atomic.Int32{}
	p.For(10, func(int) { ran.Add(1) })
	if ran.Load() != 10 {
		t.Error("the pool does not work after a panic")
	}
}

func TestNoAllocation(t *testing.T) {
	p := parallel.New(2)
	defer p.Close()
	var sum atomic.Int64
	body := func(i int) { sum.Add(int64(i)) }
	if a := testing.AllocsPerRun(100, func() { p.For(10, body) }); a != 0 {
		t.Errorf("%g allocations a call", a)
	}
}

func TestChunksCoverTheRange(t *testing.T) {
	for n := range 300 {
		for _, least := range []int{0, 1, 7, 64} {
			for _, most := range []int{1, 2, 32} {
				count, at := parallel.Chunks(n, least, most), 0
				for k := range count {
					lo, hi := parallel.Chunk(n, count, k)
					if lo != at || hi < lo || (count > 1 && hi-lo < least) {
						t.Fatalf("n=%d least=%d most=%d: run %d is [%d,%d) after %d", n, least, most, k, lo, hi, at)
					}
					at = hi
				}
				if at != n || count > most {
					t.Fatalf("n=%d: %d runs end at %d", n, count, at)
				}
			}
		}
	}
}

func BenchmarkFor(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			p := parallel.New(workers)
			defer p.Close()
			var sink atomic.Int64
			body := func(i int) { sink.Add(1) }
			for b.Loop() {
				p.For(8, body)
			}
		})
	}
}

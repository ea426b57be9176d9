package parallel

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestCallsAreTakenBack calls a sleeping helper while its caller has the only processor, so that the loop ends before the helper begins:
// the loop does not wait for it, and the helper, with the token of a call that is no more, does the next loop.
func TestCallsAreTakenBack(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p := New(2)
	defer p.Close()
	h := p.helpers[0]
	cells := make([]int, 2)
	seen, loops := 0, 0
	short := func(i int) { cells[i]++ }
	for round := range 50 {
		for h.state.Load() != sleeping {
			time.Sleep(mostWatch / 4)
		}
		for range 1 + round%3 { // the first sends the token, the others call a helper that has yet to receive it
			p.For(2, short)
			loops++
		}
		if h.state.Load() == watching && h.lane.next.Load() == 3 { // it has not looked for a task
			seen++
		}
		if round%2 == 0 {
			var meet sync.WaitGroup // both tasks must be in progress at once to get past it
			meet.Add(2)
			p.For(2, func(i int) { cells[i]++; meet.Done(); meet.Wait() })
			loops++
		}
	}
	for i, v := range cells {
		if v != loops {
			t.Errorf("task %d ran %d times in %d loops", i, v, loops)
		}
	}
	if seen == 0 {
		t.Error("no call was taken back")
	}
}

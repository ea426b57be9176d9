//go:build linux

package row

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestLostTime runs more busy threads than there are processors: some must wait.
func TestLostTime(t *testing.T) {
	before := lostTime()
	if before < 0 {
		t.Fatalf("lost %v", before)
	}
	threads := 2*runtime.NumCPU() + 1
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
	var wg sync.WaitGroup
	end := time.Now().Add(100 * time.Millisecond)
	for range threads {
		wg.Go(func() {
			for time.Now().Before(end) {
			}
		})
	}
	wg.Wait()
	if lost := lostTime() - before; !(lost >= 5*time.Millisecond) {
		t.Errorf("%d threads on %d processors lost %v in 100 ms", threads, runtime.NumCPU(), lost)
	}
}

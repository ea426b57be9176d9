package parallel

import (
	"runtime"
	"sync/atomic"
	"time"
)

// A sleeping thread takes 5 to 100 us to wake, as long as the whole of a small loop, and more where a kernel puts it beside its busy waker
// although another core is idle. So a helper watches for as long as waking would take, and beyond that for as long as it has worked
// more than it watched, within bounds: it wastes at most half of its time, and stays awake through the gaps between the loops of a solve or of
// a step of training. A caller watches for the longer time, as what it waits for is under way.
const (
	leastWatch = 100 * time.Microsecond
	mostWatch  = time.Millisecond
	briefly    = 20 * time.Microsecond // a system call to give way may last as long as what it waits for
)

// looksAHelper is the number of looks between two turns of others, for each helper of the pool so that many of them do not quarrel over the
// lock of Go's scheduler: about .3 us.
const looksAHelper = 1000

// watch looks at a word until it has a value, for that long at most, and reports whether it came to have it. Between looks it gives way to
// other goroutines, and where it lasts to threads that wait for its processor, the one it waits for among them.
func watch(word *atomic.Int32, value int32, patience time.Duration, helpers int) bool {
	begin := time.Duration(-1)
	for {
		for range looksAHelper * helpers {
			if word.Load() == value {
				return true
			}
		}
		now := clock()
		if begin < 0 {
			begin = now
		}
		if now-begin > patience {
			return false
		}
		if now-begin > briefly {
			yield()
		}
		runtime.Gosched()
	}
}

var epoch = time.Now()

// clock returns a monotonic time.
func clock() time.Duration { return time.Since(epoch) }

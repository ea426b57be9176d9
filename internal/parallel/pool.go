// Package parallel runs the loops of a process on one bounded set of workers.
//
// A loop is cut into tasks by its caller, as a function of sizes and never of the number of workers, so that results do not depend on
// it. Workers are goroutines that live as long as the pool; a call starts none. A call made while the pool is busy, from inside a task
// or from another goroutine, runs in place: the number of busy threads stays bounded and nothing can deadlock.
package parallel

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Pool is a set of workers. The zero value and a nil pool run everything in the calling goroutine.
type Pool struct {
	busy    sync.Mutex // held by the call that has the workers
	helpers []*helper

	// The loop in progress, written under busy before the helpers are woken.
	body    func(i int)
	n       int
	lanes   int // of tasks, see [lane]
	own     lane
	working atomic.Int32  // helpers that are not done, plus callerAsleep once the caller has gone to sleep
	done    chan struct{} // where the last of them wakes it
	failure atomic.Pointer[Panic]
}

// A helper is a worker other than the caller. Between loops it watches for the next one before it sleeps, see [watch].
type helper struct {
	state atomic.Int32
	lane  lane // on the cache line of the state, which its caller has to fetch in any case
	wake  chan struct{}
	_     [104]byte // so that no two share a line
}

// A lane is the tasks k, k + lanes, k + 2 lanes, ... of a loop, of which one worker takes those that it can and others the rest. The caller
// has lane 0 and each helper one of its own: in a row of loops over the same data, as in a solve, a worker finds most of what it
// reads in the caches of its core.
type lane struct{ next atomic.Int64 }

// take returns a task, not less than n where none is left.
func (l *lane) take(lanes int) int { return int(l.next.Add(int64(lanes))) - lanes }

// The states of a helper. It goes from watching to sleeping, and from called to begun; its caller from watching or sleeping to called, and
// from called to watching where it takes a call back; and it returns from begun to watching before its caller returns. So a caller finds
// it watching or sleeping.
//
// A token is in its channel only between a caller's step from sleeping to called and the helper's receipt of it, and the helper sleeps
// again only after that: there is never more than one, and a send does not block. What it finds once it has the token may be a call, that
// call taken back, or the next one: it looks at its state as if it had never slept.
const (
	watching int32 = iota
	sleeping
	called
	begun
)

// A Panic is the value with which a pool's caller panics when a task did: the task's value and its stack.
type Panic struct {
	Value any
	Stack []byte
}

// Error returns the panic's value and the stack of the task.
func (p *Panic) Error() string {
	return fmt.Sprintf("%v\n\nin a task of the pool:\n%s", p.Value, p.Stack)
}

// Unwrap returns the panic's value where it is an error.
func (p *Panic) Unwrap() error { err, _ := p.Value.(error); return err }

// New returns a pool on which a loop uses up to workers goroutines, its caller among them. Close it to end them.
// workers < 1 means GOMAXPROCS.
func New(workers int) *Pool {
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	p := &Pool{helpers: make([]*helper, workers-1), done: make(chan struct{}, 1)}
	for i := range p.helpers {
		h := &helper{wake: make(chan struct{}, 1)}
		p.helpers[i] = h
		go p.help(i+1, h, workers-1)
	}
	return p
}

var defaultPool = sync.OnceValue(func() *Pool { return New(0) })

// Default returns the pool of the process, with GOMAXPROCS workers. It is never closed.
func Default() *Pool { return defaultPool() }

// Workers returns the number of goroutines that a loop may use.
func (p *Pool) Workers() int {
	if p == nil {
		return 1
	}
	return len(p.helpers) + 1
}

// Close ends the workers. Later loops run in their caller.
func (p *Pool) Close() {
	p.busy.Lock()
	defer p.busy.Unlock()
	for _, h := range p.helpers {
		close(h.wake)
	}
	p.helpers = nil
}

// For runs body(0) to body(n-1), in no particular order, and returns when all are done. If a task panics, tasks not yet begun are
// dropped and For panics with a *[Panic].
func (p *Pool) For(n int, body func(i int)) {
	if p == nil || n < 2 || len(p.helpers) == 0 || !p.busy.TryLock() {
		for i := range n {
			body(i)
		}
		return
	}
	wake := min(len(p.helpers), n-1)
	p.body, p.n, p.lanes = body, n, wake+1
	p.failure.Store(nil)
	p.working.Store(int32(wake))
	p.own.next.Store(0)
	for k, h := range p.helpers[:wake] {
		h.lane.next.Store(int64(k + 1))
	}
	for _, h := range p.helpers[:wake] {
		if h.state.Swap(called) == sleeping {
			h.wake <- struct{}{}
		}
	}
	p.work(0)
	p.join(p.helpers[:wake])
	p.body = nil
	failure := p.failure.Load()
	p.busy.Unlock()
	if failure != nil {
		panic(failure)
	}
}

// join takes back the calls that no helper has begun, for those may still be waking and nothing is left to do, and waits for the others.
func (p *Pool) join(woken []*helper) {
	if p.working.Load() == 0 {
		return
	}
	for _, h := range woken {
		if h.state.Load() == called && h.state.CompareAndSwap(called, watching) {
			p.working.Add(-1)
		}
	}
	if watch(&p.working, 0, mostWatch, len(p.helpers)) {
		return
	}
	if p.working.Add(callerAsleep) > callerAsleep {
		<-p.done
	}
}

// callerAsleep is more than there are helpers.
const callerAsleep = 1 << 24

// help runs the tasks of one loop each time it is called, until the pool is closed. Once it has counted itself out the loop may be over
// and another begun: only the count it saw then tells whether a caller sleeps that waits for it.
func (p *Pool) help(k int, h *helper, helpers int) {
	var credit time.Duration // how much longer it has worked than watched since it slept
	at := clock()
	for {
		slept, open := h.await(max(leastWatch, credit), helpers)
		if !open {
			return
		}
		begin := clock()
		if credit -= begin - at; slept {
			credit = 0
		}
		p.work(k)
		at = clock()
		credit = min(max(credit, 0)+at-begin, mostWatch)
		h.state.Store(watching)
		if p.working.Add(-1) == callerAsleep {
			p.done <- struct{}{}
		}
	}
}

// await returns when the helper has begun a call, or with open false when its pool is closed. It watches for some time before it sleeps,
// and says whether it slept.
func (h *helper) await(patience time.Duration, helpers int) (slept, open bool) {
	for {
		if watch(&h.state, called, patience, helpers) {
			if h.state.CompareAndSwap(called, begun) {
				return slept, true
			}
			continue // taken back
		}
		if h.state.CompareAndSwap(watching, sleeping) {
			if _, open := <-h.wake; !open {
				return true, false
			}
			slept, patience = true, leastWatch
		}
	}
}

// work takes the tasks of lane k, then those that are left in other lanes.
func (p *Pool) work(k int) {
	defer func() {
		if v := recover(); v != nil {
			for k := range p.lanes {
				p.lane(k).next.Store(int64(p.n))
			}
			p.failure.CompareAndSwap(nil, &Panic{Value: v, Stack: debug.Stack()})
		}
	}()
	for i := p.lane(k).take(p.lanes); i < p.n; i = p.lane(k).take(p.lanes) {
		p.body(i)
	}
	for other := k + 1; other < k+p.lanes; other++ {
		for l := p.lane(other % p.lanes); int(l.next.Load()) < p.n; {
			if i := l.take(p.lanes); i < p.n {
				p.body(i)
			}
		}
	}
}

// lane returns lane k.
func (p *Pool) lane(k int) *lane {
	if k == 0 {
		return &p.own
	}
	return &p.helpers[k-1].lane
}

// Chunks cuts n items into at most most runs of at least least items each, as evenly as it goes.
//
//	count = max(1, min(most, n/least));  run k is [k n/count, (k+1) n/count)
func Chunks(n, least, most int) int { return max(1, min(most, n/max(1, least))) }

// Chunk returns run k of [Chunks].
func Chunk(n, count, k int) (lo, hi int) { return k * n / count, (k + 1) * n / count }

// For runs body(0) to body(n-1) on run, in place where it is nil.
func For(run kernels.Runner, n int, body func(i int)) {
	if run == nil {
		for i := range n {
			body(i)
		}
		return
	}
	run.For(n, body)
}

// Rows cuts n rows of that much work each, in operations of a nanosecond or less, into runs by sizes alone, and runs body on each run lo to
// hi-1.
func Rows(run kernels.Runner, n, work int, body func(lo, hi int)) {
	count := RowChunks(n, work)
	For(run, count, func(k int) { body(Chunk(n, count, k)) })
}

// RowChunks returns the number of runs that [Rows] cuts n rows into; [Chunk] is each of them.
func RowChunks(n, work int) int { return Chunks(n, 1+16384/(work+1), 256) }

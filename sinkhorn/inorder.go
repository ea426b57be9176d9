package sinkhorn

import (
	"sync"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

// inOrder adds up what the tasks of a loop sum, in the order of the tasks whatever the order they end in, each as soon as those before it are there:
// the same bits for any number of workers, with about as many parts in memory as there are workers, of as many tasks.
type inOrder struct {
	mu    sync.Mutex
	done  []*[]float64 // what tasks gave that wait for earlier ones
	next  int          // the first that was not added
	spare parallel.Spares[[]float64]
}

// begin makes ready for a loop of so many tasks.
func (o *inOrder) begin(tasks int) {
	o.next, o.done = 0, grow(o.done, tasks)
	clear(o.done)
}

// take returns a part of zeros for a task to sum into.
func (o *inOrder) take(size int) *[]float64 {
	part := o.spare.Get()
	*part = grow(*part, size)
	clear(*part)
	return part
}

// give takes the part of task k back, and adds all that have their turn.
func (o *inOrder) give(k int, part *[]float64, add func(part []float64)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.done[k] = part; o.next < len(o.done) && o.done[o.next] != nil; o.next++ {
		add(*o.done[o.next])
		o.spare.Put(o.done[o.next])
		o.done[o.next] = nil
	}
}

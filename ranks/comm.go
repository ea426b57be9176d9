package ranks

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// A Transport carries bytes between the ranks of a group. All its methods are called from the one operating system thread on which it was
// opened. Every rank calls the same methods in the same order with slices of the same lengths.
type Transport interface {
	// Rank and Size return which of how many processes this is.
	Rank() int
	Size() int

	// Alltoall sends part r of src to rank r and puts what came from rank r into part r of dst. Both have Size parts of equal length.
	Alltoall(dst, src []byte) error

	// Allgather puts src of rank r into part r of dst.
	Allgather(dst, src []byte) error

	// Broadcast copies x of the root to x of every other rank.
	Broadcast(x []byte, root int) error

	// Close ends the transport, once every rank does.
	Close() error

	// Abort ends the processes of all ranks at once, with this exit code, as far as it can.
	Abort(code int)
}

// A Comm is a group of ranks as one of them sees it. Its collective calls must be made in the same order on every rank, and by one
// goroutine at a time. nil is a group of one.
type Comm struct {
	rank, size int
	jobs       chan job
	transport  Transport
	closed     chan struct{}

	mu      sync.Mutex
	traffic Traffic
}

// Traffic is what the collective calls of a group have cost one of its ranks.
type Traffic struct {
	Calls   int
	Bytes   int64         // handed to the transport
	Busy    time.Duration // in calls, from their begin to their end
	Waiting time.Duration // of that, until the last rank had come to sums, as far as their second half tells: it moves as much as the first
}

// Minus returns what was added since u.
func (t Traffic) Minus(u Traffic) Traffic {
	return Traffic{t.Calls - u.Calls, t.Bytes - u.Bytes, t.Busy - u.Busy, t.Waiting - u.Waiting}
}

// Traffic returns what the calls that are done have cost this rank.
func (c *Comm) Traffic() Traffic {
	if c == nil {
		return Traffic{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.traffic
}

// count adds to the traffic.
func (c *Comm) count(t Traffic) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.traffic = Traffic{c.traffic.Calls + t.Calls, c.traffic.Bytes + t.Bytes, c.traffic.Busy + t.Busy, c.traffic.Waiting + t.Waiting}
}

type job struct {
	run  func(Transport) error
	done chan error
}

// ErrClosed is the error of a call after Close.
var ErrClosed = errors.New("ranks: the group is closed")

// New opens a transport on a thread of its own and returns its group.
func New(open func() (Transport, error)) (*Comm, error) {
	c := &Comm{jobs: make(chan job, 64), closed: make(chan struct{})}
	opened := make(chan error)
	go c.serve(open, opened)
	if err := <-opened; err != nil {
		return nil, err
	}
	return c, nil
}

// serve runs the jobs in the order in which they came, on one thread.
func (c *Comm) serve(open func() (Transport, error), opened chan<- error) {
	runtime.LockOSThread() // for good: libraries keep state with the thread that initialised them
	t, err := open()
	if err != nil {
		opened <- err
		return
	}
	c.transport, c.rank, c.size = t, t.Rank(), t.Size()
	opened <- nil
	for j := range c.jobs {
		begin := time.Now()
		err := j.run(t)
		c.count(Traffic{Calls: 1, Busy: time.Since(begin)})
		j.done <- err
	}
	close(c.closed)
}

// Rank returns the number of this process, from 0.
func (c *Comm) Rank() int {
	if c == nil {
		return 0
	}
	return c.rank
}

// Size returns how many processes there are.
func (c *Comm) Size() int {
	if c == nil {
		return 1
	}
	return c.size
}

// A Pending is a collective call in progress.
type Pending struct{ done chan error }

// Wait returns when the call is done.
func (p *Pending) Wait() error {
	if p == nil || p.done == nil {
		return nil
	}
	return <-p.done
}

// start hands a call to the thread of the transport.
func (c *Comm) start(run func(Transport) error) *Pending {
	p := &Pending{done: make(chan error, 1)}
	c.jobs <- job{run, p.done}
	return p
}

// call is start and Wait.
func (c *Comm) call(run func(Transport) error) error { return c.start(run).Wait() }

// Barrier returns once every rank has called it.
func (c *Comm) Barrier() error {
	if c.Size() == 1 {
		return nil
	}
	return c.call(func(t Transport) error {
		var one [1]byte
		return t.Allgather(make([]byte, t.Size()), one[:])
	})
}

// Close ends the group, once every rank does. No call may follow.
func (c *Comm) Close() error {
	if c == nil {
		return nil
	}
	err := c.call(Transport.Close)
	close(c.jobs)
	<-c.closed
	return err
}

// Abort ends the processes of all ranks. It may be called at any time, from any goroutine, and does not return where the transport is a
// library that ends processes.
func (c *Comm) Abort(code int) {
	if c != nil {
		c.transport.Abort(code)
	}
}

// An AgreedError is an error that every rank of a group has, though only some met it: all of them can end in order.
type AgreedError struct {
	Rank int // the first that met it
	Text string
	Err  error // the rank's own error, nil on a rank that met none
}

// Error returns the text, with the rank on those that did not meet it.
func (e *AgreedError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("rank %d: %s", e.Rank, e.Text)
}

// Unwrap returns the rank's own error.
func (e *AgreedError) Unwrap() error { return e.Err }

// Agree returns nil where every rank was called with nil, and an [*AgreedError] on every rank otherwise. It is how a fault that one rank
// alone can see, such as a bad file, ends all of them in order.
func (c *Comm) Agree(err error) error {
	if c.Size() == 1 {
		return err
	}
	var text []byte
	if err != nil {
		text = []byte(err.Error())
		if len(text) == 0 {
			text = []byte("unknown error")
		}
	}
	all, counts, failed := gather(c, text)
	if failed != nil {
		return errors.Join(err, failed)
	}
	for r, n := range counts {
		if n > 0 {
			return &AgreedError{Rank: r, Text: string(all[:n]), Err: err}
		}
	}
	return nil
}

package ranks

import (
	"fmt"
	"sync"
)

// Local returns a group of size ranks within this process, for goroutines that stand for processes: one Comm each.
func Local(size int) ([]*Comm, error) {
	hub := &hub{parts: make([][]byte, size)}
	hub.cond = sync.NewCond(&hub.mu)
	comms := make([]*Comm, size)
	for r := range comms {
		c, err := New(func() (Transport, error) { return &local{hub, r}, nil })
		if err != nil {
			return nil, err
		}
		comms[r] = c
	}
	return comms, nil
}

// hub is where the ranks of a process meet: they lay down what they have, copy what they need, and leave together.
type hub struct {
	mu    sync.Mutex
	cond  *sync.Cond
	parts [][]byte
	here  int
	round int
}

// meet returns once every rank has come. The last to come runs last, alone.
func (h *hub) meet() {
	h.mu.Lock()
	defer h.mu.Unlock()
	round := h.round
	if h.here++; h.here == len(h.parts) {
		h.here = 0
		h.round++
		h.cond.Broadcast()
		return
	}
	for h.round == round {
		h.cond.Wait()
	}
}

type local struct {
	*hub
	rank int
}

func (l *local) Rank() int { return l.rank }

func (l *local) Size() int { return len(l.parts) }

// exchange lays src down, lets take copy from what all laid down, and waits until all have copied.
func (l *local) exchange(src []byte, take func() error) error {
	l.parts[l.rank] = src
	l.meet()
	err := take()
	l.meet()
	return err
}

func (l *local) Alltoall(dst, src []byte) error {
	part := len(dst) / l.Size()
	return l.exchange(src, func() error {
		for r, p := range l.parts {
			if len(p) != len(src) {
				return fmt.Errorf("ranks: rank %d sends %d bytes and rank %d %d", l.rank, len(src), r, len(p))
			}
			copy(dst[r*part:(r+1)*part], p[l.rank*part:])
		}
		return nil
	})
}

func (l *local) Allgather(dst, src []byte) error {
	return l.exchange(src, func() error {
		for r, p := range l.parts {
			if len(p) != len(src) {
				return fmt.Errorf("ranks: rank %d gives %d bytes and rank %d %d", l.rank, len(src), r, len(p))
			}
			copy(dst[r*len(src):], p)
		}
		return nil
	})
}

func (l *local) Broadcast(x []byte, root int) error {
	return l.exchange(x, func() error {
		if len(l.parts[root]) != len(x) {
			return fmt.Errorf("ranks: rank %d expects %d bytes of rank %d, which has %d", l.rank, len(x), root, len(l.parts[root]))
		}
		if l.rank != root {
			copy(x, l.parts[root])
		}
		return nil
	})
}

func (l *local) Close() error { l.meet(); return nil }

// Abort does nothing: goroutines cannot be ended from outside.
func (l *local) Abort(int) {}

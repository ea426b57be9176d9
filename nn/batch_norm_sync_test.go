package nn

import (
	"math"
	"slices"
	"sync"
	"testing"
)

// meeting sums over goroutines that stand for processes, in their order.
type meeting struct {
	mu    sync.Mutex
	cond  *sync.Cond
	parts [][]float64
	here  int
	round int
}

func newMeeting(size int) *meeting {
	m := &meeting{parts: make([][]float64, size)}
	m.cond = sync.NewCond(&m.mu)
	return m
}

func (m *meeting) wait() {
	m.mu.Lock()
	defer m.mu.Unlock()
	round := m.round
	if m.here++; m.here == len(m.parts) {
		m.here, m.round = 0, round+1
		m.cond.Broadcast()
	}
	for m.round == round {
		m.cond.Wait()
	}
}

// sum returns what process r sums by.
func (m *meeting) sum(r int) func([]float64) {
	return func(x []float64) {
		m.parts[r] = slices.Clone(x)
		m.wait()
		clear(x)
		for _, part := range m.parts {
			for i, v := range part {
				x[i] += v
			}
		}
		m.wait()
	}
}

// A batch whose rows are divided has the output, the running moments and the derivatives of the whole one, also where a process has one
// row, and so no variance of its own.
func TestSynchronisedBatchNormIsThatOfTheWholeBatch(t *testing.T) {
	const channels = 5
	for _, shape := range [][]int{{7, channels}, {7, channels, 4, 3}} {
		layer := func() *Sequential[float64] {
			ops := NewCPU[float64](nil)
			l := NewBatchNorm1d(ops, channels)
			if len(shape) == 4 {
				l = NewBatchNorm2d(ops, channels)
			}
			for c := range channels {
				l.Weight.Value.Data()[c], l.Bias.Value.Data()[c] = 1+.1*float64(c), .2*float64(c)-.3
			}
			return NewSequential[float64](l, NewLeakyReLU(ops, .2)) // one operation, where the batch is one process's
		}
		x, dy := drawInput[float64](3, shape...), drawInput[float64](4, shape...)
		whole := layer()
		y := slices.Clone(whole.Forward(x).Data())
		dx := slices.Clone(whole.Backward(dy, WantAll).Data())
		near := func(what string, got, want []float64) {
			for i, v := range want {
				if !(math.Abs(got[i]-v) <= 1e-12*(1+math.Abs(v))) {
					t.Errorf("%v: %s %d is %.16g, the whole batch has %.16g", shape, what, i, got[i], v)
					return
				}
			}
		}
		bounds := []int{0, 1, 4, 7}
		meet := newMeeting(len(bounds) - 1)
		parts := make([]*Sequential[float64], len(bounds)-1)
		width := x.Size() / shape[0]
		var all sync.WaitGroup
		for r := range parts {
			parts[r] = layer()
			Synchronise[float64](parts[r], meet.sum(r))
			lo, hi := bounds[r], bounds[r+1]
			all.Go(func() {
				got := parts[r].Forward(x.Slice(lo, hi)).Data()
				near("output", got, y[lo*width:hi*width])
				near("derivative", parts[r].Backward(dy.Slice(lo, hi), WantAll).Data(), dx[lo*width:hi*width])
			})
		}
		all.Wait()
		for k, p := range whole.Params() {
			sum := make([]float64, p.Grad.Size())
			for _, part := range parts {
				for i, v := range part.Params()[k].Grad.Data() {
					sum[i] += v
				}
			}
			near(p.Name, sum, p.Grad.Data())
		}
		for k, b := range Buffers[float64](whole) {
			for _, part := range parts {
				if b.Value != nil {
					near(b.Name, Buffers[float64](part)[k].Value.Data(), b.Value.Data())
				}
			}
		}
		Synchronise[float64](parts[0], nil)
		near("output", parts[0].Forward(x).Data(), y)
	}
}

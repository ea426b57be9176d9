package nn

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// Average is the exponential moving average of parameters: after each step
//
//	average = Decay average + (1-Decay) p
//
// from the values that the parameters had at first. Its state is "ema/NAME".
type Average[T kernels.Float] struct {
	slots[T]
	decay float64
	spare *Workspace[T]
}

// NewAverage returns the average of the parameters as they are. The decay is in [0, 1).
func NewAverage[T kernels.Float](ops Ops[T], params []*Param[T], decay float64) (*Average[T], error) {
	if !(decay >= 0 && decay < 1) {
		return nil, fmt.Errorf("nn: Average: decay %v, want a number in [0, 1)", decay)
	}
	a := &Average[T]{slots: newSlots(ops, "ema"), decay: decay, spare: NewWorkspace(ops)}
	for _, p := range params {
		ops.Copy(a.of(p)[0], p.Value)
	}
	return a, nil
}

// Update moves the average towards the parameters.
func (a *Average[T]) Update(params []*Param[T]) {
	a.step++
	for _, p := range params {
		avg := a.of(p)[0]
		a.ops.Scale(avg, T(a.decay))
		a.ops.Axpy(avg, T(1-a.decay), p.Value)
	}
}

// Swap exchanges the average and the parameters. Called again, it undoes itself.
func (a *Average[T]) Swap(params []*Param[T]) {
	for _, p := range params {
		avg, old := a.of(p)[0], a.spare.Like(0, p.Value)
		a.ops.Copy(old, p.Value)
		a.ops.Copy(p.Value, avg)
		a.ops.Copy(avg, old)
	}
}

// Restore copies a state that State returned, its tensors on the host. If the state does not belong to these parameters, it changes
// nothing and says which tensor does not fit.
func (a *Average[T]) Restore(params []*Param[T], state State[T]) error {
	full := state
	if state.Step == 0 {
		full.Step = 1 // an average has tensors from the first
	}
	if err := a.slots.Restore(params, full); err != nil {
		return err
	}
	a.step = state.Step
	return nil
}

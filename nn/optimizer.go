package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// An Optimizer changes parameters by their gradients. It serves one set of parameters, the same in every call, and knows them by name.
type Optimizer[T kernels.Float] interface {
	// Step updates each Value by its Grad, which it leaves as it is.
	Step(params []*Param[T])
	// ZeroGrad sets each Grad to zero.
	ZeroGrad(params []*Param[T])
	// SetRate sets the learning rate of the steps to come.
	SetRate(rate float64)
	// State returns all that later steps depend on, apart from the settings. Its tensors are the optimiser's own.
	State() State[T]
	// Restore copies a state that State returned, its tensors on the host, so that later steps are the same bits as those of its owner.
	// If the state does not belong to these parameters, it changes nothing and says which tensor does not fit.
	Restore(params []*Param[T], s State[T]) error
}

// State is what an optimiser remembers between steps.
type State[T kernels.Float] struct {
	Step    int64                 // steps done
	Tensors map[string]*Tensor[T] // by kind and parameter, such as "adam.m/0.weight"; empty before the first step
}

// slots is a step counter and one or more tensors a parameter: the state common to the optimisers.
type slots[T kernels.Float] struct {
	ops     Ops[T]
	kinds   []string // such as "adam.m"
	step    int64
	tensors map[string][]*Tensor[T] // by parameter, in the order of kinds
}

func newSlots[T kernels.Float](ops Ops[T], kinds ...string) slots[T] {
	return slots[T]{ops: ops, kinds: kinds, tensors: map[string][]*Tensor[T]{}}
}

// of returns the tensors of a parameter, made of zeros the first time.
func (s *slots[T]) of(p *Param[T]) []*Tensor[T] {
	if t, ok := s.tensors[p.Name]; ok {
		return t
	}
	t := make([]*Tensor[T], len(s.kinds))
	for i := range t {
		t[i] = newTensor(s.ops, p.Value.shape...)
	}
	s.tensors[p.Name] = t
	return t
}

// ZeroGrad sets each Grad to zero.
func (s *slots[T]) ZeroGrad(params []*Param[T]) {
	for _, p := range params {
		s.ops.Zero(p.Grad)
	}
}

// State returns the step counter and the tensors.
func (s *slots[T]) State() State[T] {
	state := State[T]{Step: s.step, Tensors: map[string]*Tensor[T]{}}
	for name, tensors := range s.tensors {
		for i, t := range tensors {
			state.Tensors[s.kinds[i]+"/"+name] = t
		}
	}
	return state
}

// Restore copies a state that State returned.
func (s *slots[T]) Restore(params []*Param[T], state State[T]) error {
	if err := s.check(params, state); err != nil {
		return err
	}
	s.step = state.Step
	clear(s.tensors)
	if state.Step == 0 {
		return nil
	}
	for _, p := range params {
		for i, t := range s.of(p) {
			s.ops.Upload(t, state.Tensors[s.kinds[i]+"/"+p.Name].Data())
		}
	}
	return nil
}

// check returns why a state does not belong to the parameters.
func (s *slots[T]) check(params []*Param[T], state State[T]) error {
	if state.Step < 0 {
		return fmt.Errorf("nn: optimiser state after %d steps", state.Step)
	}
	want := 0
	if state.Step > 0 {
		want = len(params) * len(s.kinds)
		for _, p := range params {
			for _, kind := range s.kinds {
				name := kind + "/" + p.Name
				t := state.Tensors[name]
				if t == nil {
					return fmt.Errorf("nn: optimiser state lacks the tensor %q", name)
				}
				if !t.SameShape(p.Value) {
					return fmt.Errorf("nn: optimiser state: tensor %q has shape %v, the parameter %v", name, t, p.Value)
				}
			}
		}
	}
	if len(state.Tensors) != want {
		return fmt.Errorf("nn: optimiser state has %d tensors, want %d", len(state.Tensors), want)
	}
	return nil
}

// A Group is parameters that one optimiser trains.
type Group[T kernels.Float] struct {
	Name   string // such as "generator"
	Params []*Param[T]
	Opt    Optimizer[T]
}

// NewGroup returns a group. It panics when two parameters have the same name.
func NewGroup[T kernels.Float](name string, params []*Param[T], opt Optimizer[T]) *Group[T] {
	seen := make([]string, len(params))
	for i, p := range params {
		seen[i] = p.Name
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) != len(params) {
		panic("nn: Group: two parameters of the same name")
	}
	return &Group[T]{Name: name, Params: params, Opt: opt}
}

// Step lets the optimiser update the parameters by their gradients.
func (g *Group[T]) Step() { g.Opt.Step(g.Params) }

// ZeroGrad sets the gradients to zero.
func (g *Group[T]) ZeroGrad() { g.Opt.ZeroGrad(g.Params) }

// SquaresOps is what a table of a device may offer beyond [Ops], so that a norm over many tensors waits for it once.
type SquaresOps[T kernels.Float] interface {
	// Squares returns the sum of the squares of all elements of the tensors.
	Squares(x []*Tensor[T]) float64
}

// GradNorm returns the Euclidean norm of all gradients together. It is not finite when one of them is not.
func GradNorm[T kernels.Float](ops Ops[T], params []*Param[T]) float64 {
	if all, ok := ops.(SquaresOps[T]); ok {
		grads := make([]*Tensor[T], len(params))
		for i, p := range params {
			grads[i] = p.Grad
		}
		return math.Sqrt(all.Squares(grads))
	}
	var sum float64
	for _, p := range params {
		sum += ops.Dot(p.Grad, p.Grad)
	}
	return math.Sqrt(sum)
}

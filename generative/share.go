package generative

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/ranks"
)

// A share is the part of a batch's rows that a rank makes and differentiates. The zero value is all of them.
type share struct {
	comm *ranks.Comm
	grad []float32 // of all parameters, to be summed in one call
}

// Divide divides the rows of each step among the ranks of a group: a rank draws the image of its rows of the noise, all ranks compare the whole
// batch with the data, and each differentiates its own rows; the gradients are summed over the ranks. The batch is that of the
// configuration for any number of ranks, and the curve that of one process but for rounding: a batch of 8 x 1000 is one problem of
// 8000, not eight biased ones of 1000. Every rank must have the same configuration, data and state.
//
// Batch normalisation takes the moments of the rows of all ranks. A model with dropout, whose draws depend on who draws, cannot be divided.
func (o *Fit) Divide(c *ranks.Comm) error {
	if c.Size() == 1 {
		return nil
	}
	for _, b := range nn.Buffers(o.model.net) {
		if b.Stream != nil {
			return fmt.Errorf("generative: the model draws numbers from %s for the rows of its batch, which ranks cannot divide; use a network without dropout", b.Name)
		}
	}
	if rows := o.z.Rows(); rows < c.Size() {
		return fmt.Errorf("generative: a batch of %d rows for %d ranks", rows, c.Size())
	}
	o.share.comm = c
	nn.Synchronise(o.model.net, o.share.join)
	return nil
}

// Divide refuses a learned cost.
func (o *Adversarial) Divide(c *ranks.Comm) error {
	if c.Size() == 1 {
		return nil
	}
	return fmt.Errorf("generative: a learned cost trains in one process")
}

// of returns the rows of t that are this rank's.
func (s *share) of(t *nn.Tensor[float32]) *nn.Tensor[float32] {
	if s.comm.Size() == 1 {
		return t
	}
	d := t.Size() / t.Rows()
	lo, hi := ranks.Span(t.Rows(), s.comm.Rank(), s.comm.Size())
	return nn.TensorOf(t.Data()[lo*d:hi*d], hi-lo, d)
}

// join sums x over the ranks. Where that fails x becomes NaN, and so does all that is made of it.
func (s *share) join(x []float64) {
	if ranks.Sum(s.comm, x) != nil {
		for i := range x {
			x[i] = math.NaN()
		}
	}
}

// gather returns the rows of all ranks, in order.
func (s *share) gather(x *nn.Tensor[float32]) ([]float32, error) {
	if s.comm.Size() == 1 {
		return x.Data(), nil
	}
	all, _, err := ranks.Gather(s.comm, x.Data())
	return all, err
}

// sum sums gradients over the ranks.
func (s *share) sum(params []*nn.Param[float32]) error {
	if s.comm.Size() == 1 {
		return nil
	}
	s.grad = s.grad[:0]
	for _, p := range params {
		s.grad = append(s.grad, p.Grad.Data()...)
	}
	if err := ranks.Sum(s.comm, s.grad); err != nil {
		return err
	}
	left := s.grad
	for _, p := range params {
		left = left[copy(p.Grad.Data(), left):]
	}
	return nil
}

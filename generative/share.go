package generative

import (
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/ranks"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A share is the part of a batch's rows that a rank makes and differentiates. The zero value is all of them.
type share struct {
	comm *ranks.Comm
	grad []float32 // of all parameters, to be summed in one call
}

// Divide divides the rows of each step among the ranks of a group: a rank draws the image of its rows of the noise, the whole batch is compared
// with the data, and each rank differentiates its own rows; the gradients are summed over the ranks. The comparison is divided too where it
// is made of transport problems, see [Transport.Divide]; other criteria are computed by every rank. The batch is that of the
// configuration for any number of ranks, and the curve that of one process but for rounding: a batch of 8 x 1000 is one problem of
// 8000, not eight biased ones of 1000. Every rank must have the same configuration, data and state.
//
// Batch normalisation takes the moments of the rows of all ranks. A model with dropout, whose draws depend on who draws, cannot be divided.
func (o *Fit) Divide(c *ranks.Comm) error {
	if c.Size() == 1 {
		return nil
	}
	if err := checkDivisible(o.model.net); err != nil {
		return err
	}
	if o.cfg.Batch < c.Size() {
		return fmt.Errorf("generative: a batch of %d rows for %d ranks", o.cfg.Batch, c.Size())
	}
	o.share.comm = c
	if t, ok := o.criterion.(interface{ Divide(*ranks.Comm) }); ok {
		t.Divide(c)
	}
	nn.Synchronise(o.model.net, o.share.join)
	return nil
}

// Divide is that of [Fit], for the features of both clouds too: each rank makes and differentiates those of its rows, and compares those of
// all.
func (o *Adversarial) Divide(c *ranks.Comm) error {
	if c.Size() == 1 {
		return nil
	}
	if o.oracle() != nil {
		return errors.New("generative: a learned cost with the loss of an oracle trains in one process")
	}
	nets := []nn.Layer[float32]{o.features}
	if o.decoder != nil {
		nets = append(nets, o.decoder.net)
	}
	for _, net := range nets {
		if err := checkDivisible(net); err != nil {
			return err
		}
	}
	if err := o.Fit.Divide(c); err != nil {
		return err
	}
	for _, net := range nets {
		nn.Synchronise(net, o.share.join)
	}
	own := 2 * o.share.of(o.y).Rows()
	o.points, o.df = nn.NewTensor[float32](own, o.model.dim), nn.NewTensor[float32](own, o.dim)
	if o.decoder != nil {
		o.decoder.error = nn.NewTensor[float32](own, o.model.dim)
	}
	return nil
}

// checkDivisible returns an error for a network whose activations depend on more than its rows and their moments.
func checkDivisible(net nn.Layer[float32]) error {
	for _, b := range nn.Buffers(net) {
		if b.Stream != nil {
			return fmt.Errorf("generative: the model draws numbers from %s for the rows of its batch, which ranks cannot divide; use a network without dropout", b.Name)
		}
	}
	return nil
}

// Divide divides the rows of each problem among the ranks of a group. [Transport.Eval] is a collective call then, with the same clouds on
// every rank and the same result. A cloud is compared with itself by alternation then, also where gradients are those at convergence.
// Problems without regularisation, of an oracle, and those of Gradient implicit with sharp values stay whole, and every rank solves them.
func (t *Transport[T]) Divide(c *ranks.Comm) {
	sharp := t.cfg.Gradient == "implicit" && t.cfg.Value == sinkhorn.Sharp
	if c.Size() == 1 || t.oracle != nil || t.cfg.Exact || sharp {
		return
	}
	t.comm = c
	if p, ok := t.plans.(*solvedPlans[T]); ok {
		p.divided = true
	}
}

// count returns how many rows all ranks have where this one has n.
func (s *share) count(n int) int {
	sum := []float64{float64(n)}
	s.join(sum)
	return int(sum[0])
}

// span returns which of n rows are this rank's.
func (s *share) span(n int) (lo, hi int) { return ranks.Span(n, s.comm.Rank(), s.comm.Size()) }

// of returns the rows of the matrix t that are this rank's.
func (s *share) of(t *nn.Tensor[float32]) *nn.Tensor[float32] {
	if s.comm.Size() == 1 {
		return t
	}
	lo, hi := s.span(t.Rows())
	return t.Slice(lo, hi)
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
		return x.Values(), nil
	}
	all, _, err := ranks.Gather(s.comm, x.Values())
	return all, err
}

// sum sums gradients over the ranks.
func (s *share) sum(params []*nn.Param[float32]) error {
	if s.comm.Size() == 1 {
		return nil
	}
	s.grad = s.grad[:0]
	for _, p := range params {
		s.grad = append(s.grad, p.Grad.Values()...)
	}
	if err := ranks.Sum(s.comm, s.grad); err != nil {
		return err
	}
	left := s.grad
	for _, p := range params {
		p.Grad.SetValues(left[:p.Grad.Size()])
		left = left[p.Grad.Size():]
	}
	return nil
}

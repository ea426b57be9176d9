package measure

import (
	"context"
	"slices"

	"github.com/sinkcpu/sinkcpu/bench/row"
)

// Headlines measures the limits of the machine and ten rows of the library, which say what a user gets:
// an exponential, a sweep, iterations in cache and from memory, a solve from points, a matrix product, a loss, a training step, a network,
// and a batch of small problems; all but the first two on all threads.
func (s *Session) Headlines(ctx context.Context) error {
	l, err := s.Limits(ctx)
	if err != nil {
		return err
	}
	defer func(old func(row.Row) bool) { s.Select = old }(s.Select)
	s.Select = s.headline
	all := s.Threads[len(s.Threads)-1]
	cases := []func(context.Context, *Limits) error{s.exp2, s.sweeps, s.iterations}
	for _, c := range []Case{{FullIteration, 4096, 3, false, "f32", all, 0}, {TimeTo, 1024, 3, true, "f32", all, 0}, {Batch, 64, 3, true, "f32", all, 0}} {
		cases = append(cases, func(ctx context.Context, _ *Limits) error { return s.Case(ctx, c) })
	}
	for _, part := range append(cases, s.gemm, s.losses, s.trainingSteps, s.networks) {
		if err := part(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// headline tells whether a row is one of the ten.
func (s *Session) headline(r row.Row) bool {
	want := map[string][]string{
		"sweep": {"n", "1024"}, "iteration": {"n", "4096"}, "gemm": {"n", "1024"}, "loss": {"L", "100"},
		"network": {"model", "dcgan-generator-28", "batch", "64"},
	}[r.Name]
	for i := 0; i < len(want); i += 2 {
		if r.Param(want[i]) != want[i+1] {
			return false
		}
	}
	alone := []string{"exp2", "sweep"} // on one thread only
	return slices.Contains(alone, r.Name) || r.Param("threads") == itoa(s.Threads[len(s.Threads)-1])
}

// Essential tells whether a row of [Session.Limits] belongs into a short table: the clock, multiplications and reads of the widest tier.
func Essential(r row.Row) bool {
	switch r.Name {
	case "operations", "loads", "stores":
		return false
	case "barrier":
		return r.Param("tasks") == "meeting"
	case "fma":
		p := available()
		return r.Param("isa") == p[len(p)-1].tier.String()
	}
	return true
}

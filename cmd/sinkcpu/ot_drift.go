package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// What --test takes.
const (
	permutationTest = "permutation"
	bootstrapTest   = "bootstrap"
)

const defaultReps = 199

// An otDrift is the part of --test: whether X and Y may come from one law, or how far their laws are apart.
type otDrift struct {
	Test     string      `json:"test"`
	Reps     int         `json:"reps"`
	PValue   *float64    `json:"p_value,omitempty"`   // of permutation
	Interval [2]otNumber `json:"divergence_interval"` // permutation: the middle 95 % of redrawn divergences; bootstrap: that of the laws
}

// checkTest holds --test and --reps against the other flags. The test is of the divergence, which it asks for.
func (o *otOptions) checkTest(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	switch {
	case o.test == "" && given("reps"):
		return usagef("--reps goes with --test %s or %s", permutationTest, bootstrapTest)
	case o.test == "":
		return nil
	case o.test != permutationTest && o.test != bootstrapTest:
		return usagef("--test %s is unknown; known are %s and %s", o.test, permutationTest, bootstrapTest)
	case o.reps < 1:
		return usagef("--reps %d: want at least 1", o.reps)
	case o.costMatrix != "" || o.batch != "" || o.reach.given() || o.weightsX != "" || o.weightsY != "":
		return usagef("--test takes two clouds of points of equal weight, without --cost-matrix, --batch, --weights-x, --weights-y or a reach")
	}
	o.debias = true
	return nil
}

// drift relabels or redraws the pooled points.
func (s *otSolution[T]) drift(ctx context.Context, solver *sinkhorn.Solver[T]) error {
	in, total := s.in, s.in.n+s.in.m
	pooled := slices.Concat(in.x, in.y)
	points, err := logsumexp.NewPoints[T](in.ground, pooled, pooled, nil, nil, total, total, in.dim)
	if err != nil {
		return err
	}
	cost := points.Form(s.pool)
	test := &otDrift{Test: s.o.test, Reps: s.o.reps}
	if s.o.test == bootstrapTest {
		r, err := solver.Bootstrap(ctx, cost, in.n, s.o.reps, s.o.seed)
		if err != nil {
			return err
		}
		test.Interval = [2]otNumber{otNumber(r.Lower), otNumber(r.Upper)}
		s.test = test
		return nil
	}
	d, err := solver.Drift(ctx, cost, in.n, s.o.reps, s.o.seed)
	if err != nil {
		return err
	}
	test.PValue, test.Interval = &d.PValue, [2]otNumber{otNumber(d.Lower), otNumber(d.Upper)}
	s.test = test
	return nil
}

package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// permutationTest is what --test takes.
const permutationTest = "permutation"

const defaultReps = 199

// An otDrift is the part of --test: whether X and Y may come from one law.
type otDrift struct {
	Test     string      `json:"test"`
	Reps     int         `json:"reps"`
	PValue   float64     `json:"p_value"`
	Interval [2]otNumber `json:"divergence_interval"` // the middle 95 % of bootstrapped divergences
}

// checkTest holds --test and --reps against the other flags. The test is of the divergence, which it asks for.
func (o *otOptions) checkTest(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	switch {
	case o.test == "" && given("reps"):
		return usagef("--reps goes with --test %s", permutationTest)
	case o.test == "":
		return nil
	case o.test != permutationTest:
		return usagef("--test %s is unknown; known is %s", o.test, permutationTest)
	case o.reps < 1:
		return usagef("--reps %d: want at least 1", o.reps)
	case o.costMatrix != "" || o.batch != "" || o.reach.given() || o.weightsX != "" || o.weightsY != "":
		return usagef("--test takes two clouds of points of equal weight, without --cost-matrix, --batch, --weights-x, --weights-y or a reach")
	}
	o.debias = true
	return nil
}

// drift relabels and redraws the pooled points.
func (s *otSolution[T]) drift(ctx context.Context, solver *sinkhorn.Solver[T]) error {
	in, total := s.in, s.in.n+s.in.m
	if size := 8 * total * total; size > maxPlanBytes {
		return usagef("--test keeps the costs among all %d points, more than the %d MiB granted: give fewer points", total, maxPlanBytes>>20)
	}
	pooled := slices.Concat(in.x, in.y)
	points, err := logsumexp.NewPoints[T](in.ground, pooled, pooled, nil, nil, total, total, in.dim)
	if err != nil {
		return err
	}
	d, err := solver.Drift(ctx, points.Form(s.pool), in.n, s.o.reps, s.o.seed)
	if err != nil {
		return err
	}
	s.test = &otDrift{permutationTest, d.Reps, d.PValue, [2]otNumber{otNumber(d.Lower), otNumber(d.Upper)}}
	return nil
}

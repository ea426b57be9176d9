package main

import (
	"io"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/bench/measure"
	"github.com/sinkcpu/sinkcpu/bench/program"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/kernels"
)

func newBenchCommand() *cobra.Command {
	var asJSON bool
	var threads int
	var budget time.Duration
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the limits of this machine, and ten rows of the library against them",
		Long: `Measure, in under a minute, what this machine can do (clock, multiplications, reads from each level of memory, the barrier of a
loop over its cores), and ten rows of the library against it: an exponential, a sweep, iterations from a stored matrix and from points,
a solve, a batch of 1000 small problems, a matrix product, a loss with its gradient, a training step, and a network.

A row is the median of samples, with their median absolute deviation as spread. A tilde marks rows whose samples did not agree: other
programs were running. With --json every sample is there, and the rows of all limits.
` + exitStatus,
		Example: `  sinkcpu bench
  sinkcpu bench --json > machine.json
  ` + kernels.EnvISA + `=avx2 sinkcpu bench --threads 4`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if most := 4 * runtime.NumCPU(); threads < 0 || threads > most {
				return usagef("--threads %d, want 1 to %d, four for each processor", threads, most)
			}
			if budget <= 0 {
				return usagef("--budget %v for a row, want more than 0", budget)
			}
			return runBench(cmd, threads, budget, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().IntVar(&threads, "threads", 0, "threads (default: one for each processor)")
	cmd.Flags().DurationVar(&budget, "budget", row.Quick().Budget, "the most time for the samples of a row")
	return cmd
}

func runBench(cmd *cobra.Command, threads int, budget time.Duration, asJSON bool) error {
	report := program.NewReport("sinkcpu bench")
	stderr := cmd.ErrOrStderr()
	s := measure.NewSession(true, threads, program.Progress(stderr, report))
	defer s.Close()
	s.Meter.Budget = budget
	s.Meter.WarmUp, s.Meter.Sample = min(s.Meter.WarmUp, budget), min(s.Meter.Sample, budget)
	err := s.Headlines(cmd.Context())
	if program.Line(stderr, ""); err != nil {
		return err
	}
	if err := writeBench(cmd.OutOrStdout(), report, asJSON); err != nil {
		return err
	}
	return program.Failed(report)
}

// writeBench prints all rows as JSON, or the most telling as a table.
func writeBench(w io.Writer, r *row.Report, asJSON bool) error {
	if asJSON {
		return r.WriteJSON(w)
	}
	short := *r
	short.Rows = nil
	for _, line := range r.Rows {
		if measure.Essential(line) {
			short.Rows = append(short.Rows, line)
		}
	}
	return short.WriteShort(w, program.Columns(w))
}

package measure

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// exponentials measures exponentials in the first level of cache: on their own, and in the sweep over rows.
func (s *Session) exponentials(ctx context.Context, l *Limits) error {
	if err := s.exp2(ctx, l); err != nil {
		return err
	}
	return s.sweepRows(ctx, l)
}

func (s *Session) exp2(ctx context.Context, l *Limits) error {
	const n = 2048
	x, y := make([]float32, n), make([]float32, n)
	random.Uniform(random.New(1, "exp2"), x, -20, 20)
	run := func() { kernels.Exp2(y, x) }
	check := func() error {
		run()
		for i, v := range x {
			want := math.Exp2(float64(v))
			if err := differs(fmt.Sprintf("2^%g", v), float64(y[i]), want, 2e-7*want); err != nil {
				return err
			}
		}
		return nil
	}
	t, by := l.Time(kernels.Active(), 1, "Exp2")
	_, err := s.measure(ctx, job{name: "exp2", params: on(kernels.Active(), 1, "n", itoa(n), "precision", "f32"), amount: n / 1e9, unit: "G/s",
		check: check, run: run, limit: 1e-9 / t, by: by, ports: 1e-9 / l.TwoPorts(kernels.Active(), 1, "Exp2"), note: Count(kernels.Active(), "Exp2")})
	return err
}

// sweepRows takes 4 rows of 512 columns: 18 KiB.
func (s *Session) sweepRows(ctx context.Context, l *Limits) error {
	const n, m = 4, 512
	p := newSweepProblem(make([]float32, n*m), n, m)
	e, sum := make([]float32, n*m), make([]float32, n)
	run := func() { kernels.SweepRows(e, m, sum, p.c, m, p.kappa, p.g, p.f) }
	check := func() error {
		run()
		for i := range n {
			var want float64
			for j := range m {
				want += p.entry(i, j)
			}
			if err := differs("the sum of a row", float64(sum[i]), want, 1e-5*want); err != nil {
				return err
			}
		}
		return nil
	}
	t, by := l.Time(kernels.Active(), 1, "SweepRows")
	_, err := s.measure(ctx, job{name: "sweep-rows", params: on(kernels.Active(), 1, "n", itoa(n), "m", itoa(m), "precision", "f32"),
		amount: n * m / 1e9, unit: "G entries/s", check: check, run: run, limit: 1e-9 / t, by: by,
		ports: 1e-9 / l.TwoPorts(kernels.Active(), 1, "SweepRows"), note: Count(kernels.Active(), "SweepRows")})
	return err
}

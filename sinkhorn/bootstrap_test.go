package sinkhorn_test

import (
	"context"
	"testing"

	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestBootstrapCoverage: under a shift by (1,1) the divergence of the laws is 2 for every eps, as S(mu, mu+t) = |t|^2. Of 60 intervals that
// should hold it with probability .95, at least 51 do: fewer than that has probability .002 if they do with .95.
func TestBootstrapCoverage(t *testing.T) {
	const trials = 60
	s := sinkhorn.Solver[float32]{Eps: 1, Tol: 1e-3}
	held, below := 0, 0
	for seed := range uint64(trials) {
		r, err := s.Bootstrap(context.Background(), pooled(t, 100+seed, 40, 40, 1), 40, 60, seed)
		if err != nil {
			t.Fatal(err)
		}
		if r.Lower <= 2 && 2 <= r.Upper {
			held++
		}
		if r.Upper < 2 {
			below++
		}
	}
	t.Logf("%d of %d hold the truth, %d lie below", held, trials, below)
	if held < 51 {
		t.Errorf("%d of %d intervals hold the divergence of the laws", held, trials)
	}
	for _, c := range []struct{ n, reps int }{{1, 10}, {79, 10}, {40, 0}} {
		if _, err := s.Bootstrap(context.Background(), pooled(t, 3, 40, 40, 0), c.n, c.reps, 1); err == nil {
			t.Errorf("n=%d, reps=%d: no error", c.n, c.reps)
		}
	}
}

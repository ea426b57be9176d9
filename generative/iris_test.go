package generative_test

import (
	"context"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
)

// iris returns the 150 flowers in their first three principal components, class after class, 50 each.
func iris(t testing.TB) []float32 {
	t.Helper()
	const path = "../../shared/data/tabular/iris.csv"
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is absent", path)
	}
	source, err := data.OpenIris(path)
	if err != nil {
		t.Fatal(err)
	}
	return source.Train.Points
}

// epochs draws every row once an epoch.
type epochs struct{ *data.Batcher }

func (e epochs) Next(dst []float32, rows int) { e.Batcher.Next(dst, rows) }

// irisFit learns three ellipsoids with batches of 200 and 20 iterations, and returns the mean loss of its last steps and how many flowers
// of class j lie in ellipsoid i, the ellipsoids ordered so that the diagonal holds most.
func irisFit(t testing.TB, rows []float32, eps float64, seed uint64) (loss float64, best [3][3]int) {
	m, err := generative.NewEllipsoidsModel(cpu, 3, 3, seed)
	c, cerr := generative.NewTransport[float32](generative.TransportConfig{
		Loss: "sinkhorn", Self: "independent", Cost: "sqeuclidean", Eps: eps, Steps: 20,
	})
	ds, derr := data.NewPoints(3, rows, nil)
	if err := errors.Join(cerr, derr); err != nil {
		t.Fatal(err)
	}
	const steps, late = 500, 100
	o := fit(t, m, err, c, generative.FitConfig{Batch: 200, Rate: .05, HalfLife: 100, Seed: seed})
	o.SpreadOver(rows, 150)
	batches := epochs{data.NewBatcher(ds, seed, "data")}
	for k := range steps {
		metrics, err := o.Step(context.Background(), batches, k >= steps-late)
		if err != nil {
			t.Fatal(err)
		}
		if metrics != nil {
			loss += metrics[0].Value / late
		}
	}
	var counts [3][3]int
	for i := range 150 {
		for k, in := range o.Inside(rows[3*i : 3*i+3]) {
			if in {
				counts[k][i/50]++
			}
		}
	}
	most := -1
	for _, p := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		if sum := counts[p[0]][0] + counts[p[1]][1] + counts[p[2]][2]; sum > most {
			most = sum
			best = [3][3]int{counts[p[0]], counts[p[1]], counts[p[2]]}
		}
	}
	return loss, best
}

// TestIris is the protocol of the paper's table 1 at eps = .1. Of four starts the one of the least loss counts. Calibrated over the seeds 1 to
// 8: starts that find the three groups end at a loss of .058 to .059 and hold 37 or 38, 37 or 38, and 41 or 42 flowers of their class; the
// others end at .13 or more. The paper reports 44, 38 and 40.
//
// The ellipsoids that have the means and covariances of the three classes hold 40, 39 and 43, the 40th flower of setosa within 1 % of the
// boundary; the minimiser is a little smaller, 39, 38 and 42 with L = 100, and with L = 20 the iterations have not converged.
func TestIris(t *testing.T) {
	rows := iris(t)
	least, best := math.Inf(1), [3][3]int{}
	for seed := range uint64(4) {
		if loss, counts := irisFit(t, rows, .1, seed+1); loss < least {
			least, best = loss, counts
		}
	}
	t.Logf("loss %.4f, flowers in the ellipsoids by class %v", least, best)
	for k, want := range []int{35, 34, 36} {
		if !(best[k][k] >= want) {
			t.Errorf("%d of 50 flowers of class %d in their ellipsoid, want at least %d", best[k][k], k, want)
		}
		for j := range 3 {
			if j != k && !(best[k][j] <= 5) {
				t.Errorf("%d flowers of class %d in the ellipsoid of class %d", best[k][j], j, k)
			}
		}
	}
}

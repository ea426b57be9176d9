package exact

import (
	"math/rand/v2"
	"testing"
)

// TestStrongFeasibility: after the start and after each pivot every arc without flow goes up, the flow meets the weights, and the potentials
// fit the tree. Weights are small whole numbers, so that most pivots are degenerate.
func TestStrongFeasibility(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	degenerate := 0
	for k := range 200 {
		n, m := 1+rng.IntN(12), 1+rng.IntN(12)
		c := &dense{n: n, m: m, c: make([]float64, n*m)}
		for e := range c.c {
			c.c[e] = float64(rng.IntN(10))
		}
		a, b := split(rng, n, n*m), split(rng, m, n*m)
		wantA, wantB := append([]int64(nil), a...), append([]int64(nil), b...)
		tr := c.start(a, b)
		for pivots := 0; ; pivots++ {
			checkTree(t, tr, wantA, wantB)
			i, j, reduced := tr.price(0, n)
			if reduced >= 0 {
				break
			}
			if pivots > 10000 {
				t.Fatalf("problem %d of %d x %d cycles", k, n, m)
			}
			before := flows(tr)
			tr.pivot(int32(i), int32(n+j), reduced)
			if same(before, flows(tr)) {
				degenerate++
			}
		}
	}
	if degenerate == 0 {
		t.Error("no pivot was degenerate: the test shows nothing")
	}
}

// split returns n positive whole numbers of that sum.
func split(rng *rand.Rand, n, sum int) []int64 {
	w := make([]int64, n)
	for i := range w {
		w[i] = 1
	}
	for range sum - n {
		w[rng.IntN(n)]++
	}
	return w
}

// flows returns the plan in units.
func flows(t *tree) map[[2]int32]int64 {
	f := map[[2]int32]int64{}
	for u, x := range t.node {
		if x.parent >= 0 && x.flow > 0 {
			f[[2]int32{min(int32(u), x.parent), max(int32(u), x.parent)}] = x.flow
		}
	}
	return f
}

func same(a, b map[[2]int32]int64) bool {
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return len(a) == len(b)
}

func checkTree(t *testing.T, tr *tree, a, b []int64) {
	t.Helper()
	rows, cols := make([]int64, tr.n), make([]int64, tr.m)
	reached := 0
	tr.below(tr.root, func(int32) { reached++ })
	if reached != len(tr.node) {
		t.Fatalf("%d of %d nodes hang on the root", reached, len(tr.node))
	}
	for u, x := range tr.node {
		if int32(u) == tr.root {
			continue
		}
		if x.flow < 0 || x.flow == 0 && u >= tr.n {
			t.Fatalf("flow %d at node %d of %d rows", x.flow, u, tr.n)
		}
		if x.depth != tr.node[x.parent].depth+1 || tr.pot[u]+tr.pot[x.parent] != tr.cost(int32(u), x.parent) {
			t.Fatalf("node %d is not above its depth and potential", u)
		}
		i, j := min(u, int(x.parent)), max(u, int(x.parent))-tr.n
		rows[i] += x.flow
		cols[j] += x.flow
	}
	for i := range a {
		if rows[i] != a[i] {
			t.Fatalf("row %d sends %d, has %d", i, rows[i], a[i])
		}
	}
	for j := range b {
		if cols[j] != b[j] {
			t.Fatalf("column %d gets %d, wants %d", j, cols[j], b[j])
		}
	}
}

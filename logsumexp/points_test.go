package logsumexp_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

var grounds = []string{"sqeuclidean", "halfsqeuclidean", "euclidean", "l1", "cosine", "dot", "pow:1.5", "pow:3"}

// pairCost is each ground's formula, in float64.
func pairCost(name string, x, y []float64) float64 {
	var sq, abs, xy, xx, yy float64
	for k, v := range x {
		t := v - y[k]
		sq, abs = sq+t*t, abs+math.Abs(t)
		xy, xx, yy = xy+v*y[k], xx+v*v, yy+y[k]*y[k]
	}
	switch name {
	case "sqeuclidean":
		return sq
	case "halfsqeuclidean":
		return sq / 2
	case "euclidean":
		return math.Sqrt(sq)
	case "l1":
		return abs
	case "cosine":
		return 1 - xy/math.Sqrt(xx*yy)
	case "dot":
		return -xy
	case "pow:1.5":
		return math.Pow(sq, .75)
	case "pow:3":
		return math.Pow(sq, 1.5)
	}
	panic(name)
}

func draw(seed uint64, n, d int, at float64) []float64 {
	x := make([]float64, n*d)
	random.Normal(random.New(seed, "points"), x, at, 1)
	return x
}

// TestPointsMeetFormulas: tiles plus the terms taken out are the cost, near the origin and far from it, from differences and from products.
func TestPointsMeetFormulas(t *testing.T) {
	for _, name := range grounds {
		for _, d := range []int{1, 2, 3, 8, 9, 70} {
			for _, far := range []float64{0, 1e4} {
				if far > 0 && (name == "dot" || name == "cosine") {
					continue // not functions of x - y
				}
				t.Run(fmt.Sprintf("cost=%s/d=%d/at=%g", name, d, far), func(t *testing.T) {
					testPoints[float64](t, name, d, far, 0x1p-53)
					testPoints[float32](t, name, d, far, 0x1p-24)
				})
			}
		}
	}
}

func testPoints[T kernels.Float](t *testing.T, name string, d int, far, unit float64) {
	const n, m = 21, 1100 // more columns than a tile of a computed cost
	x, y := draw(1, n, d, far), draw(2, m, d, far+.5)
	g, err := logsumexp.ParseGround(name)
	if err != nil {
		t.Fatal(err)
	}
	if g.String() != name {
		t.Errorf("ground %q is called %q", name, g)
	}
	p, err := logsumexp.NewPoints[T](g, x, y, nil, nil, n, m, d)
	if err != nil {
		t.Fatal(err)
	}
	pool := parallel.New(3)
	defer pool.Close()
	c, ld := p.Form(pool).Tile(nil, 0, n, 0, m)
	u, v := p.Shift()
	size := func(x []float64) (s float64) {
		for _, v := range x {
			s += (v - far) * (v - far)
		}
		return s
	}
	for i := range n {
		for j := range m {
			xi, yj := x[i*d:(i+1)*d], y[j*d:(j+1)*d]
			want, got := pairCost(name, xi, yj), float64(c[i*ld+j])
			if u != nil {
				got += u[i] + v[j]
			}
			// A few roundings of d terms of the size of the squared lengths; a root divides an error by twice itself, a power of 3
			// multiplies it; far away the coordinates themselves are rounded by far 2^-53.
			s := size(xi) + size(yj) + 1
			tol := 8 * float64(d+4) * (unit*s + 0x1p-53*far*math.Sqrt(s*float64(d)))
			switch name {
			case "euclidean":
				tol = min(tol/max(want, 1e-30), math.Sqrt(tol))
			case "pow:1.5":
				tol = max(tol, math.Pow(tol, .75))
			case "pow:3":
				tol *= 2 * math.Sqrt(s)
			}
			if !(math.Abs(got-want) <= tol) {
				t.Fatalf("C[%d,%d] is %.9g, want %.9g: error %.2g, tolerance %.2g", i, j, got, want, got-want, tol)
			}
		}
	}
	// A tile is the same bits as the block of the whole where both come from differences.
	buf := make([]T, 8*1024)
	tile, tld := p.Tile(buf, 3, 9, 100, 900)
	for i := range 6 {
		for j := range 800 {
			got, want := float64(tile[i*tld+j]), float64(c[(i+3)*ld+j+100])
			if !(math.Abs(got-want) <= 64*unit*float64(d+1)*(1+math.Abs(want))) {
				t.Fatalf("tile entry %d,%d is %g, in the whole %g", i, j, got, want)
			}
		}
	}
}

// TestBadPoints: what a user may hand over wrongly is an error that names it.
func TestBadPoints(t *testing.T) {
	ok := []float64{1, 2, 3, 4}
	for name, f := range map[string]func() error{
		"length": func() error {
			_, err := logsumexp.NewPoints[float32](logsumexp.L1, ok, ok, nil, nil, 3, 2, 2)
			return err
		},
		"no point": func() error {
			_, err := logsumexp.NewPoints[float32](logsumexp.L1, nil, ok, nil, nil, 0, 2, 2)
			return err
		},
		"NaN": func() error {
			_, err := logsumexp.NewPoints[float32](logsumexp.L1, []float64{1, math.NaN(), 3, 4}, ok, nil, nil, 2, 2, 2)
			return err
		},
		"origin": func() error {
			_, err := logsumexp.NewPoints[float32](logsumexp.Cosine, []float64{1, 2, 0, 0}, ok, nil, nil, 2, 2, 2)
			return err
		},
		"weights": func() error {
			_, err := logsumexp.NewPoints[float32](logsumexp.L1, ok, ok, []float64{1}, nil, 2, 2, 2)
			return err
		},
		"name":     func() error { _, err := logsumexp.ParseGround("manhatten"); return err },
		"power":    func() error { _, err := logsumexp.ParseGround("pow:-1"); return err },
		"no power": func() error { _, err := logsumexp.ParseGround("pow:"); return err },
	} {
		if err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// computed hides that a cost is stored, so that tiles are fetched as from a computed one.
type computed[T kernels.Float] struct{ s *logsumexp.Stored[T] }

func (c computed[T]) Dims() (n, m int) { return c.s.Dims() }

func (c computed[T]) Tile(buf []T, i0, i1, j0, j1 int) ([]T, int) {
	t, ld := c.s.Tile(nil, i0, i1, j0, j1)
	for i := range i1 - i0 {
		copy(buf[i*(j1-j0):(i+1)*(j1-j0)], t[i*ld:i*ld+j1-j0])
	}
	return buf, j1 - j0
}

// TestSweep compares the fused reduction with its formula, over blocks of rows, runs of columns and both kinds of cost.
func TestSweep(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {9, 3}, {17, 1025}, {3, 17000}, {18, 1<<18 + 5}} {
		n, m := size[0], size[1]
		c, f, g := make([]float32, n*m), make([]float32, n), make([]float32, m)
		s := random.New(1, "sweep")
		random.Uniform(s, c, 0, 3)
		random.Uniform(s, f, -1, 1)
		random.Uniform(s, g, -1, 1)
		f[n-1] = -60 // its sum leaves the range, and is done again
		const kappa = 1.25
		wantSum, wantAcc := make([]float64, n), make([]float64, m)
		for i := range n {
			for j := range m {
				wantSum[i] += math.Exp2(float64(g[j]) - kappa*float64(c[i*m+j]) + float64(f[i]))
			}
			for j := range m {
				wantAcc[j] += math.Exp2(float64(g[j])-kappa*float64(c[i*m+j])+float64(f[i])) / wantSum[i] * float64(i+1)
			}
		}
		stored := logsumexp.NewStored(c, n, m, m)
		for name, cost := range map[string]logsumexp.Cost[float32]{"stored": stored, "computed": computed[float32]{stored}} {
			for _, exact := range []bool{false, true} {
				var scratch logsumexp.Scratch[float32]
				shift, acc := append([]float32(nil), f...), make([]float32, m)
				sums := make([]float64, n)
				redone := scratch.Sweep(cost, 0, n, kappa, shift, g, acc, exact, func(i0 int, sum []float64, w []float32) {
					for k, v := range sum {
						i := i0 + k
						sums[i] = v * math.Exp2(float64(f[i])-float64(shift[i]))
						w[k] = float32(float64(i+1) / v)
					}
				})
				if want := 1; !exact && redone != want {
					t.Errorf("%s %dx%d: %d rows done again, want %d", name, n, m, redone, want)
				}
				for i, v := range sums {
					if !(math.Abs(v-wantSum[i]) <= 2e-6*wantSum[i]) {
						t.Fatalf("%s %dx%d exact=%v: sum %d is %g, want %g", name, n, m, exact, i, v, wantSum[i])
					}
				}
				for j, v := range acc {
					if !(math.Abs(float64(v)-wantAcc[j]) <= 4e-6*wantAcc[j]) {
						t.Fatalf("%s %dx%d exact=%v: column %d is %g, want %g", name, n, m, exact, j, v, wantAcc[j])
					}
				}
			}
		}
	}
}

// TestWiden: a float32 cost in float64 has the same entries and terms.
func TestWiden(t *testing.T) {
	x, y := draw(1, 5, 2, 3), draw(2, 7, 2, 4)
	p, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, y, nil, nil, 5, 7, 2)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]logsumexp.Cost[float32]{"points": p, "stored": p.Form(nil)} {
		w := logsumexp.Widen(c)
		narrow, ld := c.Tile(make([]float32, 35), 1, 4, 2, 6)
		wide, wld := w.Tile(make([]float64, 35), 1, 4, 2, 6)
		for i := range 3 {
			for j := range 4 {
				if wide[i*wld+j] != float64(narrow[i*ld+j]) {
					t.Errorf("%s: entry %d,%d is %g, want %g", name, i, j, wide[i*wld+j], narrow[i*ld+j])
				}
			}
		}
		if u, _ := w.(logsumexp.Shifted).Shift(); len(u) != 5 {
			t.Errorf("%s: the shift is lost", name)
		}
	}
}

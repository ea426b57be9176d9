package logsumexp_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// exactCost returns the cost of a pair with 200 bits for what is rational and a root, with those of float64 after that.
func exactCost(g logsumexp.Ground, x, y []float64) *big.Float {
	wide := func(v float64) *big.Float { return new(big.Float).SetPrec(200).SetFloat64(v) }
	product := func(x, y []float64) *big.Float {
		s := wide(0)
		for k := range x {
			s.Add(s, new(big.Float).Mul(wide(x[k]), wide(y[k])))
		}
		return s
	}
	switch g {
	case logsumexp.DotProduct:
		return new(big.Float).Neg(product(x, y))
	case logsumexp.Cosine:
		size := new(big.Float).Sqrt(new(big.Float).Mul(product(x, x), product(y, y)))
		return new(big.Float).Sub(wide(1), new(big.Float).Quo(product(x, y), size))
	}
	squares, sum := wide(0), wide(0)
	for k := range x {
		t := new(big.Float).Sub(wide(x[k]), wide(y[k]))
		sum.Add(sum, new(big.Float).Abs(t))
		squares.Add(squares, new(big.Float).Mul(t, t))
	}
	scale, power, radial := g.Radial()
	switch {
	case !radial:
		return sum
	case power == 2:
		return squares.Mul(squares, wide(scale))
	case power == 1:
		return squares.Sqrt(squares)
	}
	square, _ := squares.Float64()
	return wide(math.Pow(square, power/2))
}

// TestRounding: no entry of a tile is further from the cost of its points than the bound says, between random points, points whose coordinates
// are all alike, near points and points far from the origin; and the bound is of the order of the precision.
func TestRounding(t *testing.T) {
	testRounding[float32](t, 0x1p-24)
	testRounding[float64](t, 0x1p-53)
}

func testRounding[T kernels.Float](t *testing.T, unit float64) {
	const n, m = 3, 5
	s := random.New(1, "rounding")
	for _, name := range []string{"sqeuclidean", "halfsqeuclidean", "euclidean", "l1", "cosine", "dot", "pow:0.5", "pow:1.5", "pow:5"} {
		ground, err := logsumexp.ParseGround(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []int{1, 3, 8, 9, 64, 65, 700} {
			for _, cloud := range []string{"random", "alike", "near", "far", "apart"} {
				x, y := make([]float64, n*d), make([]float64, m*d)
				random.Normal(s, x, 0, 1)
				random.Normal(s, y, 0, 1)
				for k := range y {
					switch from := k % (n * d); cloud {
					case "alike":
						x[from], y[k] = x[from/d*d], y[k/d*d]
					case "near":
						y[k] = x[from] + 1e-4*y[k]
					case "far":
						x[from], y[k] = math.Mod(x[from], 1)+100, math.Mod(y[k], 1)+100
					case "apart":
						y[k] += 30
					}
				}
				p, err := logsumexp.NewPoints[T](ground, x, y, nil, nil, n, m, d)
				if err != nil {
					t.Fatal(err)
				}
				checkRounding(t, fmt.Sprintf("%T, %s, d=%d, %s", T(0), name, d, cloud), p, x, y, d, unit)
			}
		}
	}
}

func checkRounding[T kernels.Float](t *testing.T, what string, p *logsumexp.Points[T], x, y []float64, d int, unit float64) {
	t.Helper()
	n, m := p.Dims()
	formed := p.Form(nil)
	u, v := p.Shift()
	tiles, _ := formed.Tile(nil, 0, n, 0, m)
	var largest, most float64
	for k, c := range tiles {
		i, j := k/m, k%m
		want := exactCost(p.Ground(), x[i*d:(i+1)*d], y[j*d:(j+1)*d])
		off := new(big.Float).Sub(want, new(big.Float).SetFloat64(float64(c)))
		if u != nil {
			off.Sub(off, new(big.Float).SetFloat64(u[i]))
			off.Sub(off, new(big.Float).SetFloat64(v[j]))
		}
		e, _ := off.Float64()
		most, largest = max(most, math.Abs(e)), max(largest, math.Abs(float64(c)))
	}
	bound := p.Rounding(largest)
	if !(most <= bound) {
		t.Errorf("%s: an entry is off by %.3g, the bound is %.3g, the largest entry %.3g", what, most, bound, largest)
	}
	if own := formed.Rounding(largest); own != bound {
		t.Errorf("%s: the bound of the matrix is %g, of the points %g", what, own, bound)
	}
	coordinates, _, _ := p.Coordinates()
	size := largest + 1
	for _, c := range coordinates {
		size += float64(c * c)
	}
	if _, power, _ := p.Ground().Radial(); power >= 1 && p.Ground() != logsumexp.SqEuclidean && p.Ground() != logsumexp.HalfSqEuclidean &&
		!(bound <= 50*float64(d+10)*unit*size) {
		t.Errorf("%s: the bound is %.3g, the largest entry %.3g", what, bound, largest)
	}
}

// TestNearPointsOfManyDimensions: distances between points that are close beside their distance from the middle have the precision of
// float32, though those of many dimensions come from inner products.
func TestNearPointsOfManyDimensions(t *testing.T) {
	const n = 16
	for _, d := range []int{65, 300, 784} {
		x := make([]float64, n*d)
		random.Normal(random.New(1, "near"), x, 0, 1)
		near := x[n/2*d:]
		for k := range near { // of the first half, closer and closer, the first of them equal
			near[k] = x[k] + (near[k]-x[k])*float64(k/d)*.05
		}
		for _, ground := range []logsumexp.Ground{logsumexp.Euclidean, power(t, .5), power(t, 1.5)} {
			p, err := logsumexp.NewPoints[float32](ground, x, x, nil, nil, n, n, d)
			if err != nil {
				t.Fatal(err)
			}
			c, _ := p.Form(nil).Tile(nil, 0, n, 0, n)
			for k, got := range c {
				i, j := k/n, k%n
				want, _ := exactCost(ground, x[i*d:(i+1)*d], x[j*d:(j+1)*d]).Float64()
				if !(math.Abs(float64(got)-want) <= 1e-5*want) {
					t.Errorf("%v, d=%d: the cost of %d and %d is %.9g, want %.9g", ground, d, i, j, got, want)
				}
			}
		}
	}
}

func power(t *testing.T, p float64) logsumexp.Ground {
	g, err := logsumexp.Power(p)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestManyEqualTerms: the L1 distance of points whose coordinates are alike, where the rounding of every term agrees, has the precision of float32.
func TestManyEqualTerms(t *testing.T) {
	const n, m = 20, 7
	for _, d := range []int{200, 256, 257, 784, 3072} {
		x, y := make([]float64, n*d), make([]float64, m*d)
		for k := range x {
			x[k] = float64(k/d) * .0173
		}
		for k := range y {
			y[k] = 1 + float64(k/d)*.0291
		}
		p, err := logsumexp.NewPoints[float32](logsumexp.L1, x, y, nil, nil, n, m, d)
		if err != nil {
			t.Fatal(err)
		}
		c, _ := p.Form(nil).Tile(nil, 0, n, 0, m)
		for k, got := range c {
			want := float64(d) * math.Abs(x[k/m*d]-y[k%m*d])
			if !(math.Abs(float64(got)-want) <= 6e-6*want) {
				t.Errorf("d=%d: the cost of %d and %d is %.9g, want %.9g", d, k/m, k%m, got, want)
			}
		}
	}
}

// Package cloudstest tests tables of operations on clouds of points: whoever writes a [clouds.Ops] for a device runs [Run] on it.
package cloudstest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
)

// Run tests every method of a table against [clouds.Host] in float64 on the same numbers: sizes around those of tiles, every ground, clouds
// against themselves, values within bounds that follow from the rounding of T, nothing written beside the destinations, sources left as they
// are, NaN that stays, and the same bits from call to call.
//
// Bounds are multiples of the unit roundoff u of T. An exponential of z has an error of 4 + |z| units, z being at most kappa max C and twice the
// largest potential; a sum of n terms one of n units of the sum of their magnitudes.
func Run[T kernels.Float](t *testing.T, ops clouds.Ops[T]) {
	s := &suite[T]{ops: ops, host: clouds.NewHost[float64](nn.NewCPU[float64](nil)), u: math.Ldexp(1, -53)}
	if _, single := any(T(0)).(float32); single {
		s.u = math.Ldexp(1, -24)
	}
	for _, test := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"PairCosts", s.pairCosts}, {"PullCosts", s.pullCosts}, {"Means", s.means}, {"SoftMin", s.softMin}, {"Plan", s.plan}, {"Weigh", s.weigh},
		{"CostGradient", s.costGradient}, {"Similarity", s.similarity}, {"Between", s.between}, {"SlopePenalty", s.slopePenalty}, {"NaN", s.nan},
	} {
		t.Run(test.name, test.run)
	}
}

type suite[T kernels.Float] struct {
	ops  clouds.Ops[T]
	host *clouds.Host[float64]
	u    float64 // unit roundoff of T
}

// A pair is a tensor on the table and its twin of float64 on the host.
type pair[T kernels.Float] struct {
	name  string
	there *nn.Tensor[T]
	here  *nn.Tensor[float64]
	from  []float64 // before the call
}

// margin is the number of elements on each side of a tensor that must not change, and guard their value. It leaves tensors unaligned.
const (
	margin = 5
	guard  = -77
)

// tensor returns a pair of values that T holds.
func (s *suite[T]) tensor(name string, shape []int, value func(i int) float64) *pair[T] {
	size := 1
	for _, n := range shape {
		size *= n
	}
	all, here := make([]T, size+2*margin), make([]float64, size)
	for i := range all {
		all[i] = guard
	}
	for i := range here {
		all[margin+i] = T(value(i))
		here[i] = float64(all[margin+i])
	}
	store := s.ops.Alloc(len(all))
	s.ops.Upload(nn.TensorIn(store, 0, len(all)), all)
	return &pair[T]{name, nn.TensorIn(store, margin, shape...), nn.TensorOf(append([]float64(nil), here...), shape...), here}
}

// values returns the elements on the table, and fails where something beside them changed.
func (s *suite[T]) values(t *testing.T, p *pair[T]) []T {
	t.Helper()
	store, _ := p.there.Storage()
	all := make([]T, store.Len())
	s.ops.Download(all, nn.TensorIn(store, 0, len(all)))
	for i, v := range all {
		if (i < margin || i >= margin+len(p.from)) && v != guard {
			t.Fatalf("%s: wrote %v at element %d of %d", p.name, v, i-margin, len(p.from))
		}
	}
	return all[margin : margin+len(p.from)]
}

// call calls a method on the table, twice from the same state, and on the host, and holds what it changes to the bounds.
func (s *suite[T]) call(t *testing.T, what string, there func(), here func(), sources, results []*pair[T], bound func(want float64) float64) {
	t.Helper()
	there()
	first := make([][]T, len(results))
	for k, r := range results {
		first[k] = s.values(t, r)
	}
	for _, r := range results {
		back := make([]T, len(r.from))
		for i, v := range r.from {
			back[i] = T(v)
		}
		s.ops.Upload(r.there, back)
	}
	there()
	here()
	for k, r := range results {
		for i, v := range s.values(t, r) {
			if v != first[k][i] && v == v {
				t.Fatalf("%s, %s: element %d is %v, and %v from the same numbers", what, r.name, i, first[k][i], v)
			}
			if want := r.here.Data()[i]; !(math.Abs(float64(v)-want) <= bound(want)) {
				t.Fatalf("%s, %s: element %d is %.9g, want %.9g within %.2g", what, r.name, i, v, want, bound(want))
			}
		}
	}
	for _, p := range sources {
		for i, v := range s.values(t, p) {
			if float64(v) != p.from[i] {
				t.Fatalf("%s: element %d of %s, a source, was changed", what, i, p.name)
			}
		}
	}
}

// of returns a bound of c unit roundoffs of |want| + floor.
func (s *suite[T]) of(c, floor float64) func(float64) float64 {
	return func(want float64) float64 { return c * s.u * (math.Abs(want) + floor) }
}

// sizes are problems, rows and columns around those of tiles.
var sizes = [][3]int{{1, 1, 1}, {2, 1, 5}, {1, 7, 1}, {3, 8, 33}, {2, 33, 12}, {1, 65, 70}, {2, 9, 130}}

func normals(rng *rand.Rand, scale float64) func(int) float64 {
	return func(int) float64 { return scale * rng.NormFloat64() }
}

func grounds() []logsumexp.Ground {
	power, err := logsumexp.Power(1.5)
	if err != nil {
		panic(err)
	}
	return []logsumexp.Ground{logsumexp.SqEuclidean, logsumexp.HalfSqEuclidean, logsumexp.Euclidean, power, logsumexp.L1, logsumexp.Cosine, logsumexp.DotProduct}
}

// dims are dimensions on both sides of where costs come from inner products.
var dims = []int{1, 3, 20, 70}

// pairCosts: costs from products lose u |x|^2 of a squared distance, of which a root or a power near a coincidence makes more.
func (s *suite[T]) pairCosts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, ground := range grounds() {
		for _, d := range dims {
			for _, size := range [][2]int{{1, 1}, {5, 9}, {65, 33}} {
				x, y := s.tensor("x", []int{size[0], d}, normals(rng, 1)), s.tensor("y", []int{size[1], d}, normals(rng, 1))
				c, own := s.tensor("c", []int{size[0], size[1]}, normals(rng, 1)), s.tensor("c", []int{size[0], size[0]}, normals(rng, 1))
				lost := s.of(8+4*float64(d), float64(d))
				s.call(t, fmt.Sprintf("%s, %v points of %d", ground, size, d),
					func() { s.ops.PairCosts(ground, c.there, x.there, y.there) },
					func() { s.host.PairCosts(ground, c.here, x.here, y.here) },
					[]*pair[T]{x, y}, []*pair[T]{c}, lost)
				s.call(t, fmt.Sprintf("%s, %d points of %d against themselves", ground, size[0], d),
					func() { s.ops.PairCosts(ground, own.there, x.there, x.there) },
					func() { s.host.PairCosts(ground, own.here, x.here, x.here) },
					[]*pair[T]{x}, []*pair[T]{own}, lost)
				for i, v := range s.values(t, own) {
					if ground != logsumexp.DotProduct && i%(size[0]+1) == 0 && v != 0 {
						t.Errorf("%s: the cost of point %d to itself is %v", ground, i/(size[0]+1), v)
					}
				}
			}
		}
	}
}

func (s *suite[T]) pullCosts(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, ground := range grounds() {
		for _, d := range dims {
			for _, size := range [][2]int{{1, 1}, {5, 9}, {65, 33}} {
				n, m := size[0], size[1]
				x, y := s.tensor("x", []int{n, d}, normals(rng, 1)), s.tensor("y", []int{m, d}, normals(rng, 1))
				for _, self := range []bool{false, true} {
					other, cols := y, m
					if self {
						other, cols = x, n
					}
					c, w := s.tensor("c", []int{n, cols}, normals(rng, 1)), s.tensor("w", []int{n, cols}, normals(rng, 1))
					s.host.PairCosts(ground, c.here, x.here, other.here)
					back := make([]T, n*cols)
					for i, v := range c.here.Data() {
						back[i] = T(v)
						c.from[i] = float64(back[i])
						c.here.Data()[i] = c.from[i]
					}
					s.ops.Upload(c.there, back)
					dx, dy := s.tensor("dx", []int{n, d}, normals(rng, 1)), s.tensor("dy", []int{m, d}, normals(rng, 1))
					// A term of a sum is |w| |x| over the distance, of a few times the smallest of these, which is not below a hundredth.
					lost := s.of(40*float64(n+m+d), 60)
					results := []*pair[T]{dx}
					for _, sides := range []string{"dx", "dy", "both"} {
						ax, ay, hx, hy := dx.there, dy.there, dx.here, dy.here
						switch {
						case self:
							ay, hy = ax, hx
						case sides == "dx":
							ay, hy = nil, nil
						case sides == "dy":
							ax, hx, results = nil, nil, []*pair[T]{dy}
						default:
							results = []*pair[T]{dx, dy}
						}
						s.call(t, fmt.Sprintf("%s, %v points of %d, self %v, %s", ground, size, d, self, sides),
							func() {
								s.ops.Upload(w.there, narrowed[T](w.from))
								s.ops.PullCosts(ground, .5, w.there, c.there, ax, ay, x.there, other.there)
							},
							func() {
								copy(w.here.Data(), w.from)
								s.host.PullCosts(ground, .5, w.here, c.here, hx, hy, x.here, other.here)
							},
							[]*pair[T]{x, other, c}, results, lost)
						for _, r := range results { // go on from what the call left
							for i, v := range s.values(t, r) {
								r.from[i] = float64(v)
								r.here.Data()[i] = float64(v)
							}
						}
						if self {
							break
						}
					}
				}
			}
		}
	}
}

func narrowed[T kernels.Float](x []float64) []T {
	y := make([]T, len(x))
	for i, v := range x {
		y[i] = T(v)
	}
	return y
}

func (s *suite[T]) means(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, size := range sizes {
		c := s.tensor("c", size[:], func(int) float64 { return rng.Float64() })
		got, want := make([]float64, size[0]), make([]float64, size[0])
		s.ops.Means(got, c.there)
		s.host.Means(want, c.here)
		for k := range got {
			if !(math.Abs(got[k]-want[k]) <= 16*s.u) {
				t.Errorf("%v: mean %d is %v, want %v", size, k, got[k], want[k])
			}
		}
	}
}

// problem is costs and potentials at a temperature at which exponents are as large as kappa max C.
type problem[T kernels.Float] struct {
	c, f, g, zf, zg *pair[T]
	kappa           float64
	size            float64 // of exponents
}

func (s *suite[T]) problem(rng *rand.Rand, size [3]int, kappa float64) problem[T] {
	k, n, m := size[0], size[1], size[2]
	p := problem[T]{kappa: kappa, size: 3*kappa + 8}
	p.c = s.tensor("c", size[:], func(int) float64 { return rng.Float64() })
	p.f, p.g = s.tensor("f", []int{k, n}, potentials(rng, kappa)), s.tensor("g", []int{k, m}, potentials(rng, kappa))
	p.zf = s.tensor("phi", []int{k, n}, normals(rng, 1))
	p.zg = s.tensor("psi", []int{k, m}, normals(rng, 1))
	return p
}

// potentials are of the size of the costs; no two of them are above a tenth of kappa together.
func potentials(rng *rand.Rand, kappa float64) func(int) float64 {
	return func(int) float64 { return kappa * (.05 - .25*rng.Float64()) }
}

var kappas = []float64{.5, 10, 300}

func (s *suite[T]) softMin(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, size := range sizes {
		for _, kappa := range kappas {
			p := s.problem(rng, size, kappa)
			for _, lambda := range []float64{1, .75} {
				for _, side := range []clouds.Side{clouds.Rows, clouds.Columns} {
					dst, h := p.f, p.g
					if side == clouds.Columns {
						dst, h = p.g, p.f
					}
					what := fmt.Sprintf("%v, kappa %g, lambda %g, side %d", size, kappa, lambda, side)
					out := s.tensor("s", dst.there.Shape(), normals(rng, 1))
					sum := float64(max(size[1], size[2]))
					s.call(t, what,
						func() { s.ops.SoftMin(side, out.there, p.c.there, h.there, T(kappa), T(lambda)) },
						func() { s.host.SoftMin(side, out.here, p.c.here, h.here, kappa, lambda) },
						[]*pair[T]{p.c, h}, []*pair[T]{out}, s.of(4, p.size+sum))
					s.call(t, what+", from zeros",
						func() { s.ops.SoftMin(side, out.there, p.c.there, nil, T(kappa), T(lambda)) },
						func() { s.host.SoftMin(side, out.here, p.c.here, nil, kappa, lambda) },
						[]*pair[T]{p.c}, []*pair[T]{out}, s.of(4, p.size+sum))
				}
			}
		}
	}
}

// plan: Product and Marginals, with and without columns' potentials.
func (s *suite[T]) plan(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, size := range sizes {
		for _, kappa := range kappas {
			p := s.problem(rng, size, kappa)
			there := clouds.Plan[T]{C: p.c.there, F: p.f.there, G: p.g.there, Kappa: T(kappa), OfF: .75, OfG: 1}
			here := clouds.Plan[float64]{C: p.c.here, F: p.f.here, G: p.g.here, Kappa: kappa, OfF: .75, OfG: 1}
			for _, side := range []clouds.Side{clouds.Rows, clouds.Columns} {
				y, z := p.zf, p.zg
				if side == clouds.Columns {
					y, z = p.zg, p.zf
				}
				what := fmt.Sprintf("%v, kappa %g, side %d", size, kappa, side)
				terms := float64(max(size[1], size[2]))
				scale := 3 * largestOf(s, p, here)
				lost := s.of(4*p.size+terms, scale)
				for _, beta := range []float64{1, 0} {
					s.call(t, what+", product",
						func() { s.ops.Product(side, y.there, there, z.there, -.75, T(beta)) },
						func() { s.host.Product(side, y.here, here, z.here, -.75, beta) },
						[]*pair[T]{p.c, p.f, p.g, z}, []*pair[T]{y}, lost)
					for i, v := range s.values(t, y) {
						y.from[i], y.here.Data()[i] = float64(v), float64(v)
					}
				}
				mass, cost := s.tensor("mass", y.there.Shape(), normals(rng, 1)), s.tensor("cost", y.there.Shape(), normals(rng, 1))
				s.call(t, what+", marginals",
					func() { s.ops.Marginals(side, mass.there, cost.there, there) },
					func() { s.host.Marginals(side, mass.here, cost.here, here) },
					[]*pair[T]{p.c, p.f, p.g}, []*pair[T]{mass, cost}, lost)
				there, here := there, here
				there.G, here.G = nil, nil
				alone := s.tensor("cost", y.there.Shape(), normals(rng, 1))
				s.call(t, what+", costs alone",
					func() { s.ops.Marginals(side, nil, alone.there, there) },
					func() { s.host.Marginals(side, nil, alone.here, here) },
					[]*pair[T]{p.c, p.f}, []*pair[T]{alone}, lost)
			}
		}
	}
}

// largestOf returns the largest mean of a line of the plan, and at least 1.
func largestOf[T kernels.Float](s *suite[T], p problem[T], plan clouds.Plan[float64]) float64 {
	most := 1.
	for side, like := range []*pair[T]{p.f, p.g} {
		mass := nn.NewTensor[float64](like.here.Shape()...)
		s.host.Marginals(clouds.Side(side), mass, nil, plan)
		for _, v := range mass.Data() {
			most = max(most, v)
		}
	}
	return most
}

func (s *suite[T]) weigh(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, size := range sizes {
		p := s.problem(rng, size, 10)
		mass := s.tensor("mass", p.f.there.Shape(), func(int) float64 { return .5 + rng.Float64() })
		cost := s.tensor("cost", p.f.there.Shape(), func(int) float64 { return rng.Float64() })
		gap := s.tensor("gap", p.f.there.Shape(), normals(rng, 1))
		const unit = .07
		for _, rho := range []float64{0, .5} {
			s.call(t, fmt.Sprintf("%v, reach %g", size, rho),
				func() { s.ops.Gap(gap.there, mass.there, p.f.there, unit, rho) },
				func() { s.host.Gap(gap.here, mass.here, p.f.here, unit, rho) },
				[]*pair[T]{mass, p.f}, []*pair[T]{gap}, s.of(8, 2))
			got, want := make([]clouds.Sums, size[0]), make([]clouds.Sums, size[0])
			s.ops.Weigh(got, mass.there, cost.there, p.f.there, p.g.there, unit, rho)
			s.host.Weigh(want, mass.here, cost.here, p.f.here, p.g.here, unit, rho)
			for k := range got {
				a, b := got[k], want[k]
				for q, d := range []float64{a.Cost - b.Cost, a.Mass - b.Mass, a.Miss - b.Miss, a.Dual - b.Dual} {
					if !(math.Abs(d) <= 16*s.u) {
						t.Errorf("%v, reach %g, problem %d: sum %d of %+v, want %+v", size, rho, k, q, a, b)
					}
				}
			}
		}
	}
}

func (s *suite[T]) costGradient(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, size := range sizes {
		for _, kappa := range kappas {
			const steps = 3
			k, n, m := size[0], size[1], size[2]
			p := s.problem(rng, size, kappa)
			stack := func(name string, points int, value func(int) float64) *pair[T] {
				return s.tensor(name, []int{steps, k + 1, points}, value)
			}
			f, g := stack("f", n, potentials(rng, kappa)), stack("g", m, potentials(rng, kappa))
			phi, psi := stack("phi", n, normals(rng, 1)), stack("psi", m, normals(rng, 1))
			dc := s.tensor("dc", size[:], normals(rng, 1))
			there := clouds.Record[T]{C: p.c.there, F: f.there, G: g.there, Phi: phi.there, Psi: psi.there, Kappa: T(kappa), Lambda: .75}
			here := clouds.Record[float64]{C: p.c.here, F: f.here, G: g.here, Phi: phi.here, Psi: psi.here, Kappa: kappa, Lambda: .75}
			begin := s.tensor("g0", []int{k + 1, m}, potentials(rng, kappa))
			for _, invEps := range []float64{kappa / math.Log2E, 0} {
				largest := math.Exp2(.1*kappa) * (1 + invEps) * 4 / float64(n*m) // of an entry, where c is 0
				lost := func(want float64) float64 { return 4 * p.size * s.u * (math.Abs(want) + 3*steps*largest) }
				s.call(t, fmt.Sprintf("%v, kappa %g", size, kappa),
					func() { s.ops.CostGradient(dc.there, there, T(invEps)) },
					func() { s.host.CostGradient(dc.here, here, invEps) },
					[]*pair[T]{p.c, f, g, phi, psi}, []*pair[T]{dc}, lost)
				there, here := there, here
				there.G0, here.G0 = begin.there, begin.here
				s.call(t, fmt.Sprintf("%v, kappa %g, from potentials", size, kappa),
					func() { s.ops.CostGradient(dc.there, there, T(invEps)) },
					func() { s.host.CostGradient(dc.here, here, invEps) },
					[]*pair[T]{p.c, f, g, begin, phi, psi}, []*pair[T]{dc}, lost)
			}
		}
	}
}

func (s *suite[T]) similarity(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for _, size := range sizes {
		for _, kernel := range []string{"gaussian", "imq", "energy"} {
			c := s.tensor("c", size[:], func(i int) float64 { return max(0, 5*rng.NormFloat64()) })
			got, want := make([]float64, size[0]), make([]float64, size[0])
			bandwidths := []float64{1, 2, 4}
			s.call(t, fmt.Sprintf("%v, %s", size, kernel),
				func() { s.ops.Similarity(got, kernel, bandwidths, c.there) },
				func() { s.host.Similarity(want, kernel, bandwidths, c.here) },
				nil, []*pair[T]{c}, s.of(32, 1))
			slopes := s.values(t, c)
			s.ops.Upload(c.there, narrowed[T](c.from))
			s.ops.Similarity(nil, kernel, bandwidths, c.there)
			for i, v := range s.values(t, c) {
				if v != slopes[i] {
					t.Fatalf("%v, %s: slope %d is %v without the sums, %v with them", size, kernel, i, v, slopes[i])
				}
			}
			for k := range got {
				if !(math.Abs(got[k]-want[k]) <= 32*s.u*3*float64(size[1]*size[2])) {
					t.Errorf("%v, %s: sum %d is %v, want %v", size, kernel, k, got[k], want[k])
				}
			}
		}
	}
}

// rowSizes are numbers of rows, and of what a row has.
var rowSizes = [][2]int{{1, 1}, {7, 31}, {8, 33}, {9, 70}, {20, 300}}

// between: a sum of d squares loses d units, of which a root has half; the points are of the size of the clouds, here 1, and p is one product and a sum.
func (s *suite[T]) between(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	for _, size := range rowSizes {
		n, d := size[0], size[1]
		x, y := s.tensor("x", size[:], normals(rng, 1)), s.tensor("y", size[:], normals(rng, 1))
		equal := x.from[(n-1)*d:] // the last rows
		y = s.tensor("y", size[:], func(i int) float64 {
			if k := i - (n-1)*d; k >= 0 {
				return equal[k]
			}
			return y.from[i]
		})
		share := s.tensor("t", []int{n}, func(int) float64 { return rng.Float64() })
		p, u, far := s.tensor("p", size[:], normals(rng, 1)), s.tensor("u", size[:], normals(rng, 1)), s.tensor("distance", []int{n}, normals(rng, 1))
		lost := s.of(16+float64(d), 4)
		s.call(t, fmt.Sprintf("%v", size),
			func() { s.ops.Between(p.there, u.there, far.there, x.there, y.there, share.there) },
			func() { s.host.Between(p.here, u.here, far.here, x.here, y.here, share.here) },
			[]*pair[T]{x, y, share}, []*pair[T]{p, u, far}, lost)
		s.call(t, fmt.Sprintf("%v, directions alone", size),
			func() { s.ops.Between(nil, u.there, nil, x.there, y.there, nil) },
			func() { s.host.Between(nil, u.here, nil, x.here, y.here, nil) },
			[]*pair[T]{x, y}, []*pair[T]{u}, lost)
		for k, v := range s.values(t, u)[(n-1)*d:] {
			if v != 0 {
				t.Fatalf("%v: number %d of the direction between equal points is %v", size, k, v)
			}
		}
	}
}

// slopePenalty: steps are at least .05 of what they divide, and of |g_i| - 1 as much is lost as of |g_i|. Of three points one has no slope, one no distance.
func (s *suite[T]) slopePenalty(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for _, size := range rowSizes {
		for _, dim := range []int{1, 5, 40} {
			n, d := size[0], size[1]
			g := s.tensor("g", size[:], func(i int) float64 {
				if i/d%3 == 1 {
					return 0
				}
				return rng.NormFloat64()
			})
			u := s.tensor("u", []int{n, dim}, normals(rng, 1))
			far := s.tensor("distance", []int{n}, func(i int) float64 {
				if i%3 == 2 {
					return 0
				}
				return .5 + rng.Float64()
			})
			excess := s.tensor("excess", []int{n}, normals(rng, 1))
			s.call(t, fmt.Sprintf("%v, %d", size, dim),
				func() { s.ops.SlopePenalty(g.there, u.there, excess.there, far.there, .125, .75) },
				func() { s.host.SlopePenalty(g.here, u.here, excess.here, far.here, .125, .75) },
				[]*pair[T]{far}, []*pair[T]{g, u, excess}, s.of(16+float64(d), 20*math.Sqrt(float64(d))))
			for i, v := range s.values(t, u) {
				if i/dim%3 != 0 && v != 0 {
					t.Fatalf("%v: number %d of the direction of a point without a slope or a distance is %v", size, i, v)
				}
			}
		}
	}
	g, u := s.tensor("g", []int{2, 3}, func(i int) float64 { return []float64{1, math.NaN(), 2, 0, 3, 4}[i] }), s.tensor("u", []int{2, 2}, normals(rng, 1))
	far, excess := s.tensor("distance", []int{2}, func(int) float64 { return 1 }), s.tensor("excess", []int{2}, normals(rng, 1))
	s.ops.SlopePenalty(g.there, u.there, excess.there, far.there, .125, .75)
	for _, p := range []*pair[T]{g, u, excess} {
		v := s.values(t, p)
		if k := len(v) / 2; v[k-1] == v[k-1] || v[k] != v[k] {
			t.Errorf("%s is %v where a slope is not a number", p.name, v)
		}
	}
}

// nan: a cost that is not a number shows in every sum that has it.
func (s *suite[T]) nan(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	p := s.problem(rng, [3]int{2, 9, 40}, 10)
	const at = 40*9 + 2*40 + 35 // problem 1, row 2, column 35
	c := s.tensor("c", []int{2, 9, 40}, func(i int) float64 {
		if i == at {
			return math.NaN()
		}
		return p.c.from[i]
	})
	for side, dst := range []*pair[T]{p.f, p.g} {
		out := s.tensor("s", dst.there.Shape(), normals(rng, 1))
		s.ops.SoftMin(clouds.Side(side), out.there, c.there, nil, 10, 1)
		line := 9 + 2
		if clouds.Side(side) == clouds.Columns {
			line = 40 + 35
		}
		for i, v := range s.values(t, out) {
			if (v != v) != (i == line) {
				t.Errorf("side %d: soft minimum %d is %v", side, i, v)
			}
		}
	}
	sums := make([]float64, 2)
	s.ops.Means(sums, c.there)
	if sums[0] != sums[0] || sums[1] == sums[1] {
		t.Errorf("means %v, want the second not a number", sums)
	}
}

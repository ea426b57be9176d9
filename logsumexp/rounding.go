package logsumexp

import (
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Rounded cost knows how far its tiles may be from the costs that they stand for.
type Rounded interface {
	// Rounding returns a bound of the error of a pair's cost, largest being the greatest magnitude of an entry of the tiles.
	Rounding(largest float64) float64
}

// nearShare is the share of |x|^2 + |y|^2 below which a squared distance that came from an inner product is summed again from differences where a
// root is taken of it: cancellation leaves some 2^-24 |x|^2 of it, whose root is 2^-12 |x|. On two cores of a Zen 5 the look at every entry is 7 % of
// forming a matrix in 784 dimensions, a third in 65.
const nearShare = 1. / 16

// chain is how many products [kernels.Gemm] adds one after the other at most.
const chain = 512

// rounding is what the error of a cost between points depends on.
type rounding struct {
	ground Ground
	direct bool
	u      float64 // the unit roundoff of the tiles
	d      float64
	x, y   float64 // the greatest lengths of the points as they are centred
	apart  float64 // the distance of the means, where each cloud was moved to its own
}

// Rounding returns a bound of the error of a pair's cost, in first order of the unit roundoff u. With r the largest distance, X and Y the greatest
// lengths of the points as [Points.Coordinates] has them, t the distance that their means were moved by, and s = d/k + k + 3 for the k = d/512, rounded up,
// equal blocks of a product, or d + 2 where distances are summed from differences, the bound is the sum of
//
//	squared distance   2 r (X+Y) u  for the coordinates,  s r^2 u, or s (X+Y)^2 u from products,  (d+4) (t^2 + 2 t (X+Y)) 2^-53
//	distance^p         p r^(p-1) (X+Y) u, or ((X+Y) u)^p for p < 1,  p (s/2 + 1) r^p u,  from products p s (X^2+Y^2)^(p/2) k^(p-2) u
//	                   with k = 1/4 for p < 2, r/(X^2+Y^2)^(1/2) for others
//	L1                 d^(1/2) (X+Y) u,  (min(d, 256) + d/256 + 2) r u, where r is the largest cost
//	inner product      (s+2) X Y u
//	cosine             (s+4) u,  (d+4) 2^-52
//
// Errors that agree are assumed, so that the cost of points of many coordinates is seldom off by a tenth of this. Source of the sums: Higham 2002
// (Accuracy and Stability of Numerical Algorithms), section 3.1.
func (p *Points[T]) Rounding(largest float64) float64 { return p.rounding().bound(largest) }

func (p *Points[T]) rounding() *rounding {
	return &rounding{
		ground: p.ground, direct: p.direct(), u: unitRoundoff[T](), d: float64(p.d),
		x: longest(p.x, p.d), y: longest(p.y, p.d), apart: math.Sqrt(kernels.Dot(p.apart, p.apart)),
	}
}

func (b *rounding) bound(largest float64) float64 {
	blocks := math.Ceil(b.d / chain)
	s := b.d/blocks + blocks + 3
	if b.direct {
		s = b.d + 2
	}
	s, moved := s*b.u, b.u*(b.x+b.y)
	switch b.ground.kind {
	case cosine:
		return s + 4*b.u + (b.d+4)*0x1p-52
	case dot:
		return (s + 2*b.u) * b.x * b.y
	case manhattan:
		return math.Sqrt(b.d)*moved + (min(b.d, manyTerms)+math.Ceil(b.d/manyTerms)+1)*b.u*largest
	case squared, halfSquared:
		scale, _, _ := b.ground.Radial()
		r := math.Sqrt(largest / scale)
		squares := r * r
		if !b.direct {
			squares = (b.x + b.y) * (b.x + b.y)
		}
		return scale * (2*r*moved + s*squares + (b.d+4)*0x1p-53*b.apart*(b.apart+2*(b.x+b.y)))
	}
	_, power, _ := b.ground.Radial()
	return b.powers(power, math.Pow(largest, 1/power), s, moved)
}

// powers is bound for a power of distances up to r.
func (b *rounding) powers(p, r, s, moved float64) float64 {
	sum := math.Pow(moved, p)
	if p >= 1 {
		sum = p * math.Pow(r, p-1) * moved
	}
	sum += p * (s/2 + b.u) * math.Pow(r, p)
	if size := math.Hypot(b.x, b.y); !b.direct && size > 0 {
		least := math.Sqrt(nearShare)
		if p >= 2 {
			least = r / size
		}
		sum += p * s * math.Pow(size, p) * math.Pow(least, p-2)
	}
	return sum
}

// longest returns the greatest length of points of dimension d.
func longest[T kernels.Float](x []T, d int) float64 {
	var most float64
	for ; len(x) >= d; x = x[d:] {
		most = max(most, float64(kernels.Dot(x[:d], x[:d])))
	}
	return math.Sqrt(most)
}

// Rounding returns the bound of the error of the costs that the matrix was formed from, 0 for one that was given.
func (s *Stored[T]) Rounding(largest float64) float64 {
	if s.rounding == nil {
		return 0
	}
	return s.rounding.bound(largest)
}

// Rounding returns that of the cost in float32.
func (w *widened) Rounding(largest float64) float64 {
	if r, ok := w.c.(Rounded); ok {
		return r.Rounding(largest)
	}
	return 0
}

// nearScratch is a difference of points.
type nearScratch[T kernels.Float] struct{ t []T }

// sumNear sums again, from differences, the squared distances of x_i to points from y_j0 on that are small beside the squares of both.
func (p *Points[T]) sumNear(row []T, i, j0 int) {
	xx, yy := nearShare*p.xx[i], p.yy[j0:j0+len(row)]
	var spares *parallel.Spares[nearScratch[T]]
	var s *nearScratch[T]
	for j, v := range row {
		if v >= xx+nearShare*yy[j] {
			continue
		}
		if s == nil {
			spares = parallel.SparesOf[nearScratch[T]]()
			s = spares.Get()
			s.t = sized(s.t, p.d)
		}
		copy(s.t, p.x[i*p.d:(i+1)*p.d])
		kernels.Axpy(s.t, -1, p.y[(j0+j)*p.d:(j0+j+1)*p.d])
		row[j] = kernels.Dot(s.t, s.t)
	}
	if s != nil {
		spares.Put(s)
	}
}

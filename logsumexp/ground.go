package logsumexp

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Ground is the cost of a pair of points, as a function of their coordinates. The zero value is SqEuclidean.
type Ground struct {
	kind groundKind
	p    float64 // the exponent of a power
}

type groundKind int

const (
	squared groundKind = iota
	halfSquared
	euclidean
	power
	manhattan
	cosine
	dot
)

// The grounds.
var (
	SqEuclidean     = Ground{kind: squared}     // |x-y|^2
	HalfSqEuclidean = Ground{kind: halfSquared} // |x-y|^2 / 2
	Euclidean       = Ground{kind: euclidean}   // |x-y|; its gradient at x = y is taken as 0
	L1              = Ground{kind: manhattan}   // sum_k |x_k-y_k|; its gradient where x_k = y_k is taken as 0
	Cosine          = Ground{kind: cosine}      // 1 - <x,y>/(|x||y|)
	DotProduct      = Ground{kind: dot}         // -<x,y>
)

// Power returns the ground |x-y|^p for p > 0. For p > 2 its negative is not conditionally positive definite: divergences can be negative.
func Power(p float64) (Ground, error) {
	if !(p > 0) || math.IsInf(p, 1) {
		return Ground{}, fmt.Errorf("logsumexp: power %g of the distance, want a positive number", p)
	}
	return Ground{power, p}, nil
}

// GroundNames are the names that [ParseGround] takes; P stands for a number.
var GroundNames = []string{"sqeuclidean", "halfsqeuclidean", "euclidean", "l1", "cosine", "dot", "pow:P"}

// ParseGround returns the ground of a name: sqeuclidean, halfsqeuclidean, euclidean, l1, cosine, dot or pow:P.
func ParseGround(name string) (Ground, error) {
	if s, ok := strings.CutPrefix(name, "pow:"); ok {
		p, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return Ground{}, fmt.Errorf("logsumexp: %q is not a power of the distance, want pow:P with a number P > 0", name)
		}
		return Power(p)
	}
	for kind, g := range map[string]Ground{
		"sqeuclidean": SqEuclidean, "halfsqeuclidean": HalfSqEuclidean, "euclidean": Euclidean, "l1": L1, "cosine": Cosine, "dot": DotProduct,
	} {
		if kind == name {
			return g, nil
		}
	}
	return Ground{}, fmt.Errorf("logsumexp: unknown cost %q, want one of %s", name, strings.Join(GroundNames, ", "))
}

// String returns the name of the ground.
func (g Ground) String() string {
	if g.kind == power {
		return "pow:" + strconv.FormatFloat(g.p, 'g', -1, 64)
	}
	return [...]string{"sqeuclidean", "halfsqeuclidean", "euclidean", "", "l1", "cosine", "dot"}[g.kind]
}

// NegativeDefinite reports whether the cost is conditionally negative definite, so that converged divergences are not negative: all grounds
// but powers above 2.
func (g Ground) NegativeDefinite() bool { return g.kind != power || g.p <= 2 }

// radial reports whether the cost is a function of |x-y|.
func (g Ground) radial() bool { return g.kind <= power }

// Radial returns the cost of a ground as scale |x-y|^power; ok is false for one that is not a function of the distance.
func (g Ground) Radial() (scale, power float64, ok bool) {
	switch g.kind {
	case squared:
		return 1, 2, true
	case halfSquared:
		return .5, 2, true
	case euclidean:
		return 1, 1, true
	}
	return 1, g.p, g.radial()
}

// rooted reports whether the cost is less than a square of the distance where that is small.
func (g Ground) rooted() bool { return g.kind == euclidean || g.kind == power && g.p < 2 }

// translates reports whether moving both points alike changes nothing.
func (g Ground) translates() bool { return g.kind <= manhattan }

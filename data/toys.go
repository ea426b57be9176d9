package data

import (
	"math"

	"github.com/sinkcpu/sinkcpu/internal/random"
)

// A Mixture describes an equal mixture of round Gaussians in the plane.
type Mixture struct {
	Centres [][2]float64 // the centre of each mode
	Sigma   float64      // the standard deviation of every mode along each axis
}

// Ring8Modes returns the modes of Ring8: 8 centres evenly on the unit circle, the first at (1, 0), and sigma .02.
func Ring8Modes() Mixture {
	m := Mixture{Sigma: .02}
	for k := range 8 {
		s, c := math.Sincos(2 * math.Pi * float64(k) / 8)
		m.Centres = append(m.Centres, [2]float64{c, s})
	}
	return m
}

// Grid25Modes returns the modes of Grid25: 25 centres on {-1, -.5, 0, .5, 1}^2, and sigma .02.
func Grid25Modes() Mixture {
	m := Mixture{Sigma: .02}
	for i := range 5 {
		for j := range 5 {
			m.Centres = append(m.Centres, [2]float64{float64(i-2) / 2, float64(j-2) / 2})
		}
	}
	return m
}

// Ring8 returns n points of the mixture Ring8Modes, labelled by their mode.
func Ring8(seed uint64, n int) *Dataset { return Ring8Modes().sample(random.New(seed, "ring8"), n) }

// Grid25 returns n points of the mixture Grid25Modes, labelled by their mode.
func Grid25(seed uint64, n int) *Dataset { return Grid25Modes().sample(random.New(seed, "grid25"), n) }

func (m Mixture) sample(rng *random.Stream, n int) *Dataset {
	return plane(n, func() (x, y float64, label int) {
		label = rng.IntN(len(m.Centres))
		c := m.Centres[label]
		x = c[0] + m.Sigma*rng.NormFloat64()
		y = c[1] + m.Sigma*rng.NormFloat64()
		return x, y, label
	})
}

// Pair returns the two points 1 and -1 of the line.
func Pair() *Dataset { return &Dataset{N: 2, Dim: 1, Points: []float32{1, -1}} }

// Moons returns n points of two interleaved half circles with Gaussian noise, labelled by their half.
//
//	label 0: (cos t - 1/2, sin t - 1/4),  label 1: (1/2 - cos t, 1/4 - sin t),  t uniform on [0, pi],  noise of sigma .05
func Moons(seed uint64, n int) *Dataset {
	rng := random.New(seed, "moons")
	return plane(n, func() (x, y float64, label int) {
		label = rng.IntN(2)
		s, c := math.Sincos(math.Pi * rng.Float64())
		x, y = c-.5, s-.25
		if label == 1 {
			x, y = -x, -y
		}
		return x + .05*rng.NormFloat64(), y + .05*rng.NormFloat64(), label
	})
}

// Spiral returns n points of an Archimedean spiral of one and a half turns with Gaussian noise.
//
//	r (cos t, sin t),  t = 3 pi sqrt(u),  r = t/(3 pi),  u uniform on [0, 1],  noise of sigma .02
//
// The square root spreads the points about evenly along the curve.
func Spiral(seed uint64, n int) *Dataset {
	rng := random.New(seed, "spiral")
	return unlabelled(plane(n, func() (x, y float64, label int) {
		r := math.Sqrt(rng.Float64())
		s, c := math.Sincos(3 * math.Pi * r)
		return r*c + .02*rng.NormFloat64(), r*s + .02*rng.NormFloat64(), 0
	}))
}

// Ellipse returns n points uniform in an ellipse.
//
//	x = EllipseCentre + EllipseMatrix u,  u uniform in the unit disc
func Ellipse(seed uint64, n int) *Dataset {
	rng := random.New(seed, "ellipse")
	return unlabelled(plane(n, func() (x, y float64, label int) {
		s, c := math.Sincos(2 * math.Pi * rng.Float64())
		r := math.Sqrt(rng.Float64())
		c, s = r*c, r*s
		x = EllipseCentre[0] + EllipseMatrix[0][0]*c + EllipseMatrix[0][1]*s
		y = EllipseCentre[1] + EllipseMatrix[1][0]*c + EllipseMatrix[1][1]*s
		return x, y, 0
	}))
}

// The centre and the matrix of Ellipse: half axes 1 and .4, the long one turned by 30 degrees.
var (
	EllipseCentre = [2]float64{.3, -.2}
	EllipseMatrix = [2][2]float64{{.8660254037844386, -.2}, {.5, .34641016151377546}}
)

func plane(n int, next func() (x, y float64, label int)) *Dataset {
	d := &Dataset{N: n, Dim: 2, Points: make([]float32, 2*n), Labels: make([]int, n)}
	for i := range n {
		x, y, label := next()
		d.Points[2*i], d.Points[2*i+1], d.Labels[i] = float32(x), float32(y), label
	}
	return d
}

func unlabelled(d *Dataset) *Dataset {
	d.Labels = nil
	return d
}

package clouds

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
)

// Host is a table of the host with the operations of [Ops], in plain loops with sums in float64: what other tables are held to.
type Host[T kernels.Float] struct{ nn.Ops[T] }

// NewHost returns the table on another of the host.
func NewHost[T kernels.Float](ops nn.Ops[T]) *Host[T] { return &Host[T]{ops} }

// PairCosts is [logsumexp.FormCosts].
func (Host[T]) PairCosts(ground logsumexp.Ground, c, x, y *nn.Tensor[T]) {
	CheckPairs(c, x, y)
	logsumexp.FormCosts(nil, ground, c.Data(), y.Rows(), x.Data(), y.Data(), x.Rows(), y.Rows(), x.Cols())
}

// PullCosts is [logsumexp.PullCosts].
func (Host[T]) PullCosts(ground logsumexp.Ground, alpha T, w, c, dx, dy, x, y *nn.Tensor[T]) {
	CheckPull(w, c, dx, dy, x, y)
	logsumexp.PullCosts(nil, ground, alpha, w.Data(), c.Data(), x.Data(), y.Data(), x.Rows(), y.Rows(), x.Cols(), elements(dx), elements(dy))
}

func elements[T kernels.Float](x *nn.Tensor[T]) []T {
	if x == nil {
		return nil
	}
	return x.Data()
}

// Means sets mean[k] to the mean of the costs of problem k.
func (Host[T]) Means(mean []float64, c *nn.Tensor[T]) {
	k, n, m := SizesOf(c)
	CheckCount(len(mean), k)
	for q := range mean {
		mean[q] = 0
		for _, v := range c.Data()[q*n*m : (q+1)*n*m] {
			mean[q] += float64(v) / float64(n*m)
		}
	}
}

// A line is the costs of a point of one side, and where its problem and its partners are.
type line[T kernels.Float] struct {
	problem, at    int // the point among all of its side
	first, partner int // the first partner among all of the other side, and how many
	c              []T
	stride         int
}

// lines calls f for each point of a side.
func lines[T kernels.Float](side Side, c *nn.Tensor[T], f func(l line[T])) {
	k, n, m := SizesOf(c)
	for q := range k {
		own := c.Data()[q*n*m : (q+1)*n*m]
		if side == Rows {
			for i := range n {
				f(line[T]{q, q*n + i, q * m, m, own[i*m:], 1})
			}
			continue
		}
		for j := range m {
			f(line[T]{q, q*m + j, q * n, n, own[j:], m})
		}
	}
}

func (l *line[T]) cost(j int) float64 { return float64(l.c[j*l.stride]) }

// SoftMin sets a potential of one side from that of the other.
func (Host[T]) SoftMin(side Side, s, c, h *nn.Tensor[T], kappa, lambda T) {
	CheckSoftMin(side, s, c, h)
	potential := elements(h)
	lines(side, c, func(l line[T]) {
		top, sum := math.Inf(-1), 0.
		exponent := func(j int) (z float64) {
			if potential != nil {
				z = float64(lambda) * float64(potential[l.first+j])
			}
			return z - float64(kappa)*l.cost(j)
		}
		for j := range l.partner {
			top = max(top, exponent(j))
		}
		for j := range l.partner {
			sum += math.Exp2(exponent(j) - top)
		}
		s.Data()[l.at] = T(-top - math.Log2(sum/float64(l.partner)))
	})
}

// entry returns entry j of a line of the plan.
func (p *Plan[T]) entry(side Side, l *line[T], j int) float64 {
	row, col := l.at, l.first+j
	if side == Columns {
		row, col = col, row
	}
	z := float64(p.OfF)*float64(p.F.Data()[row]) - float64(p.Kappa)*l.cost(j)
	if p.G != nil {
		z += float64(p.OfG) * float64(p.G.Data()[col])
	}
	return math.Exp2(z)
}

// Product multiplies by a plan or its transpose.
func (Host[T]) Product(side Side, y *nn.Tensor[T], p Plan[T], z *nn.Tensor[T], alpha, beta T) {
	CheckProduct(side, y, p, z)
	lines(side, p.C, func(l line[T]) {
		var sum float64
		for j := range l.partner {
			sum += p.entry(side, &l, j) * float64(z.Data()[l.first+j]) / float64(l.partner)
		}
		sum *= float64(alpha)
		if beta != 0 {
			sum += float64(beta) * float64(y.Data()[l.at])
		}
		y.Data()[l.at] = T(sum)
	})
}

// Marginals sets masses and mean costs.
func (Host[T]) Marginals(side Side, mass, cost *nn.Tensor[T], p Plan[T]) {
	CheckMarginals(side, mass, cost, p)
	lines(side, p.C, func(l line[T]) {
		var e, ec float64
		for j := range l.partner {
			v := p.entry(side, &l, j) / float64(l.partner)
			e += v
			ec += v * l.cost(j)
		}
		if mass != nil {
			mass.Data()[l.at] = T(e)
		}
		if cost != nil {
			cost.Data()[l.at] = T(ec)
		}
	})
}

// target is what the mass of a point of potential h should be.
func target(h, rho float64) float64 {
	if rho > 0 {
		return math.Exp(-h / rho)
	}
	return 1
}

// Gap sets gap_i = t(unit f_i) - mass_i.
func (Host[T]) Gap(gap, mass, f *nn.Tensor[T], unit, rho float64) {
	CheckGap(gap, mass, f)
	for i, v := range f.Data() {
		gap.Data()[i] = T(target(unit*float64(v), rho) - float64(mass.Data()[i]))
	}
}

// Weigh sums over the points of each problem.
func (Host[T]) Weigh(sums []Sums, mass, cost, f, g *nn.Tensor[T], unit, rho float64) {
	CheckWeigh(len(sums), mass, cost, f, g)
	dual := func(h float64) float64 {
		if rho > 0 {
			return -rho * math.Expm1(-h/rho)
		}
		return h
	}
	for k := range sums {
		var s Sums
		n, m := f.Cols(), g.Cols()
		for i := k * n; i < (k+1)*n; i++ {
			h, e := unit*float64(f.Data()[i]), float64(mass.Data()[i])
			s.Cost += float64(cost.Data()[i]) / float64(n)
			s.Mass += e / float64(n)
			s.Miss += math.Abs(target(h, rho)-e) / float64(n)
			s.Dual += dual(h) / float64(n)
		}
		for _, v := range g.Data()[k*m : (k+1)*m] {
			s.Dual += dual(unit*float64(v)) / float64(m)
		}
		sums[k] = s
	}
}

// CostGradient sets the derivative by the costs.
func (Host[T]) CostGradient(dc *nn.Tensor[T], r Record[T], invEps T) {
	steps, problems := CheckRecord(dc, r)
	k, n, m := SizesOf(dc)
	lambda, kappa := float64(r.Lambda), float64(r.Kappa)
	at := func(x *nn.Tensor[T], l, q, points, i int) float64 { return float64(x.Data()[(l*problems+q)*points+i]) }
	for q := range k {
		for i := range n {
			for j := range m {
				e := (q*n+i)*m + j
				c := float64(r.C.Data()[e])
				last := steps - 1
				sum := math.Exp2(lambda*(at(r.F, last, q, n, i)+at(r.G, last, q, m, j))-kappa*c) * (1 - c*float64(invEps))
				for l := range steps {
					f, before := at(r.F, l, q, n, i), 0.
					if l > 0 {
						before = at(r.G, l-1, q, m, j)
					} else if r.G0 != nil {
						before = at(r.G0, 0, q, m, j)
					}
					sum += lambda * (at(r.Psi, l, q, m, j)*math.Exp2(lambda*f+at(r.G, l, q, m, j)-kappa*c) + at(r.Phi, l, q, n, i)*math.Exp2(f+lambda*before-kappa*c))
				}
				dc.Data()[e] = T(sum / float64(n*m))
			}
		}
	}
}

// Similarity sums a kernel of squared distances and sets its slopes.
func (Host[T]) Similarity(sum []float64, kernel string, bandwidths []float64, c *nn.Tensor[T]) {
	k, n, m := SizesOf(c)
	CheckSums(sum, k)
	CheckSimilarity(kernel, bandwidths)
	for q := range k {
		var total float64
		for i, v := range c.Data()[q*n*m : (q+1)*n*m] {
			value, slope := similarity(kernel, bandwidths, float64(v))
			total += value
			c.Data()[q*n*m+i] = T(slope)
		}
		if sum != nil {
			sum[q] = total
		}
	}
}

// similarity returns a kernel at a squared distance and its derivative by q/2.
func similarity(kernel string, bandwidths []float64, q float64) (value, slope float64) {
	if kernel == "energy" {
		if r := math.Sqrt(q); r > 0 {
			return -r, -1 / r
		}
		return 0, 0
	}
	for _, s := range bandwidths {
		if kernel == "gaussian" {
			e := math.Exp(-q / (2 * s * s))
			value, slope = value+e, slope-e/(s*s)
			continue
		}
		c := 2 * s * s
		e := c / (c + q)
		value, slope = value+e, slope-2*e*e/c
	}
	return value, slope
}

package exact

import (
	"math"

	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// assignment reports whether the problem is one: as many rows as columns, all of one weight.
func (c *dense) assignment() (weight float64, ok bool) {
	if c.n != c.m {
		return 0, false
	}
	for i := range c.a {
		if c.a[i] != c.a[0] || c.b[i] != c.b[0] {
			return 0, false
		}
	}
	return c.a[0], true
}

// matching is a partial assignment with potentials v of the columns, under which every assigned row has its least reduced cost
// c_ij - v_j at its column.
type matching struct {
	n    int
	c, v []float64
	row  []int32 // the row of a column, -1 for none
	col  []int32 // the column of a row, -1 for none
}

func (c *dense) assign(w watch, r *Result, weight float64) error {
	x := &matching{n: c.n, c: c.c, v: make([]float64, c.n), row: make([]int32, c.n), col: make([]int32, c.n)}
	x.reduceColumns()
	free := x.unassigned()
	for range 2 {
		free = x.reduceRows(free)
	}
	path := newShortestPath(c.n)
	for _, i := range free {
		if err := w.at(r.Iterations); err != nil {
			return err
		}
		r.Iterations++
		path.augment(x, i)
	}
	r.G = x.v
	r.Pairs = make([]sinkhorn.Pair, c.n)
	for i, j := range x.col {
		r.Pairs[i] = sinkhorn.Pair{I: i, J: int(j), P: weight}
	}
	return nil
}

// reduceColumns starts with v_j = min_i c_ij, and gives a column to the first row that has its minimum there and no column yet. A row that
// has several minima leaves the potentials of the others; one with a single minimum lowers it to the second least of the row.
func (x *matching) reduceColumns() {
	n := x.n
	best := make([]int32, n)
	copy(x.v, x.c[:n])
	for i := 1; i < n; i++ {
		for j, c := range x.c[i*n : (i+1)*n] {
			if c < x.v[j] {
				x.v[j], best[j] = c, int32(i)
			}
		}
	}
	minima := make([]int, n)
	for i := range x.col {
		x.col[i], x.row[i] = -1, -1
	}
	for j := n - 1; j >= 0; j-- {
		i := best[j]
		if minima[i]++; minima[i] == 1 {
			x.col[i], x.row[j] = int32(j), i
		}
	}
	for i, count := range minima {
		if count != 1 {
			continue
		}
		own := x.col[i]
		second := math.Inf(1)
		for j, c := range x.c[i*n : (i+1)*n] {
			if int32(j) != own {
				second = min(second, c-x.v[j])
			}
		}
		if n > 1 {
			x.v[own] -= second - (x.c[i*n+int(own)] - x.v[own])
		}
	}
}

func (x *matching) unassigned() (free []int32) {
	for i, j := range x.col {
		if j < 0 {
			free = append(free, int32(i))
		}
	}
	return free
}

// reduceRows lets each free row take its best column, whose potential falls by what the second best costs more, and frees the row that had
// it: an auction. A row that lost its column bids again at once, as often as rounding lets potentials fall and at most n times n steps in
// all; those that are left are returned.
func (x *matching) reduceRows(free []int32) (left []int32) {
	n := x.n
	queue := free
	budget := 8 * n
	for k := 0; k < len(queue); {
		i := queue[k]
		k++
		j1, j2, least, second := x.twoBest(i)
		lower := x.v[j1] - (second - least)
		falls := lower < x.v[j1]
		owner := x.row[j1]
		if falls {
			x.v[j1] = lower
		} else if owner >= 0 && j2 >= 0 {
			j1, owner = j2, x.row[j2] // a tie: another column as good
		}
		x.col[i], x.row[j1] = j1, i
		if owner < 0 {
			continue
		}
		x.col[owner] = -1
		budget--
		if falls && budget > 0 {
			k--
			queue[k] = owner
		} else {
			left = append(left, owner)
		}
	}
	return left
}

// twoBest returns the columns of the two least reduced costs of a row, and these.
func (x *matching) twoBest(i int32) (j1, j2 int32, least, second float64) {
	j1, j2 = -1, -1
	least, second = math.Inf(1), math.Inf(1)
	for j, c := range x.c[int(i)*x.n : (int(i)+1)*x.n] {
		if h := c - x.v[j]; h < second {
			if h < least {
				j1, j2, least, second = int32(j), j1, h, least
			} else {
				j2, second = int32(j), h
			}
		}
	}
	if j2 < 0 {
		second = least // one column: nothing to fall by
	}
	return j1, j2, least, second
}

// shortestPath is Dijkstra's algorithm over the columns, by reduced costs.
type shortestPath struct {
	dist    []float64 // +Inf once settled
	v       []float64 // potentials, -Inf of settled columns so that no row reaches them again
	from    []int32   // the row from which a column was reached
	settled []settled
}

type settled struct {
	column   int32
	distance float64
}

func newShortestPath(n int) *shortestPath {
	return &shortestPath{dist: make([]float64, n), v: make([]float64, n), from: make([]int32, n)}
}

// augment assigns a free row along the shortest alternating path to a free column, and lowers the potentials of the columns on the way so
// that all assigned rows keep their least reduced cost at their column.
func (p *shortestPath) augment(x *matching, start int32) {
	for j := range p.dist {
		p.dist[j] = math.Inf(1)
	}
	copy(p.v, x.v)
	p.settled = p.settled[:0]
	end, least := p.relax(x, start, 0)
	for x.row[end] >= 0 {
		i := x.row[end]
		p.settled = append(p.settled, settled{end, least})
		p.dist[end], p.v[end] = math.Inf(1), math.Inf(-1)
		// The reduced cost of row i at its column, from which those at others are counted.
		base := x.c[int(i)*x.n+int(end)] - x.v[end] - least
		end, least = p.relax(x, i, base)
	}
	for _, s := range p.settled {
		x.v[s.column] += min(0, s.distance-least)
	}
	for j := end; ; {
		i := p.from[j]
		x.row[j] = i
		j, x.col[i] = x.col[i], j
		if i == start {
			return
		}
	}
}

// relax goes on from a row, and returns the nearest column that is not settled, a free one if it is among the nearest.
func (p *shortestPath) relax(x *matching, i int32, base float64) (nearest int32, least float64) {
	row := x.c[int(i)*x.n : (int(i)+1)*x.n]
	v, dist, from, owner := p.v[:len(row)], p.dist[:len(row)], p.from[:len(row)], x.row[:len(row)]
	least = math.Inf(1)
	for j, c := range row {
		d := dist[j]
		if to := c - v[j] - base; to < d {
			d = to
			dist[j], from[j] = to, i
		}
		if d <= least && (d < least || owner[j] < 0) {
			nearest, least = int32(j), d
		}
	}
	return nearest, least
}

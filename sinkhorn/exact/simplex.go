package exact

import (
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// tree is a spanning tree of rows 0 to n-1 and columns n to n+m-1, hung at a column: a basis of the transportation problem. All arcs go
// from rows to columns. It is strongly feasible: an arc without flow goes up.
type tree struct {
	*dense
	node []node
	pot  []float64 // f of the rows, g of the columns; c_ij = f_i + g_j on the tree
	root int32
}

// node is a point and the arc to its parent, in units of flow.
type node struct {
	parent            int32 // -1 at the root
	first, next, prev int32 // children, as a list
	depth             int32
	flow              int64
}

// pricingTolerance times the largest cost is how far below zero a reduced cost counts: some hundred roundings.
const pricingTolerance = 0x1p-44

// simplex solves by the network simplex method. Each pivot takes the least reduced cost of a block of arcs, as large as the square root of
// their number, blocks in turn.
func (c *dense) simplex(w watch, r *Result) error {
	a, b, total := units(c.a, c.b)
	t := c.start(a, b)
	scale := c.big
	if !c.forbids {
		for _, v := range c.c {
			scale = max(scale, math.Abs(v))
		}
	}
	tol := pricingTolerance * scale
	block := max(1, int(math.Sqrt(float64(c.n)/float64(c.m))))
	fresh := true // no pivot since potentials were computed along the tree
	for row, clean := 0, 0; ; {
		if clean >= c.n {
			if fresh {
				break
			}
			t.hang()
			fresh, clean = true, 0
		}
		end := min(c.n, row+block)
		i, j, reduced := t.price(row, end)
		clean += end - row
		row = end % c.n
		if !(reduced < -tol) {
			continue
		}
		clean, fresh = 0, false
		if err := w.at(r.Iterations); err != nil {
			return err
		}
		r.Iterations++
		t.pivot(int32(i), int32(c.n+j), reduced)
		if r.Iterations%len(t.node) == 0 {
			t.hang()
		}
	}
	r.G = t.pot[c.n:]
	r.Pairs = t.pairs(total)
	return nil
}

// units returns weights as whole numbers with equal sums: exactly where those of each side are equal, else in 2^-60 of the total, the largest
// taking up what rounding leaves.
func units(a, b []float64) (ua, ub []int64, total int64) {
	ua, ub = make([]int64, len(a)), make([]int64, len(b))
	if even(a) && even(b) {
		n, m := int64(len(a)), int64(len(b))
		total = n / gcd(n, m) * m
		for i := range ua {
			ua[i] = total / n
		}
		for j := range ub {
			ub[j] = total / m
		}
		return ua, ub, total
	}
	total = 1 << 60
	for _, side := range []struct {
		w []float64
		u []int64
	}{{a, ua}, {b, ub}} {
		left, largest := total, 0
		for i, w := range side.w {
			if w > 0 {
				side.u[i] = max(1, int64(math.Round(w*0x1p60)))
			}
			left -= side.u[i]
			if w > side.w[largest] {
				largest = i
			}
		}
		side.u[largest] += left
	}
	return ua, ub, total
}

func even(w []float64) bool { return slices.Max(w) == slices.Min(w) }

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// start returns a tree: each row in turn gives what it has to the open columns of least c_ij - min_i c_ij. A step closes a row or a column.
//
// Where both are used up, it goes as if every row had a little more and every column a little less, the root excepted, which makes up for
// all: the column closes, unless one of them holds the root's surplus. That passes to whichever of the two stays open. With these
// amounts no flow of the tree would be zero, which makes it strongly feasible.
func (c *dense) start(a, b []int64) *tree {
	t := &tree{dense: c, node: make([]node, c.n+c.m), pot: make([]float64, c.n+c.m), root: int32(c.n)}
	least := slices.Clone(c.c[:c.m])
	for i := 1; i < c.n; i++ {
		for j, v := range c.c[i*c.m : (i+1)*c.m] {
			least[j] = min(least[j], v)
		}
	}
	open := make([]int32, c.m)
	for j := range open {
		open[j] = int32(j)
	}
	type arc struct {
		to   int32
		flow int64
	}
	arcs := make([][]arc, c.n+c.m)
	holder := t.root
	for i := 0; i < c.n; i++ {
		row := c.c[i*c.m : (i+1)*c.m]
		for have := a[i]; len(open) > 0; {
			best := 0
			for k, j := range open {
				if o := open[best]; row[j]-least[j] < row[o]-least[o] {
					best = k
				}
			}
			j := open[best]
			col := int32(c.n) + j
			flow := min(have, b[j])
			arcs[i] = append(arcs[i], arc{col, flow})
			arcs[col] = append(arcs[col], arc{int32(i), flow})
			meets := holder == int32(i) || holder == col
			closes := have < b[j] || have == b[j] && meets
			have -= flow
			b[j] -= flow
			if closes {
				if meets {
					holder = col
				}
				break
			}
			if meets {
				holder = int32(i)
			}
			open[best] = open[len(open)-1]
			open = open[:len(open)-1]
		}
	}
	for i := range t.node {
		t.node[i] = node{parent: -1, first: -1, next: -1, prev: -1}
	}
	queue := []int32{t.root}
	for k := 0; k < len(queue); k++ {
		u := queue[k]
		for _, e := range arcs[u] {
			if e.to != t.node[u].parent {
				t.attach(e.to, u, e.flow)
				queue = append(queue, e.to)
			}
		}
	}
	t.hang()
	return t
}

func (t *tree) attach(u, parent int32, flow int64) {
	p := &t.node[parent]
	x := &t.node[u]
	x.parent, x.flow, x.prev, x.next = parent, flow, -1, p.first
	if p.first >= 0 {
		t.node[p.first].prev = u
	}
	p.first = u
}

func (t *tree) detach(u int32) {
	x := &t.node[u]
	if x.prev >= 0 {
		t.node[x.prev].next = x.next
	} else {
		t.node[x.parent].first = x.next
	}
	if x.next >= 0 {
		t.node[x.next].prev = x.prev
	}
}

// below visits the nodes under and including top, parents first.
func (t *tree) below(top int32, visit func(u int32)) {
	for u := top; ; {
		visit(u)
		if child := t.node[u].first; child >= 0 {
			u = child
			continue
		}
		for u != top && t.node[u].next < 0 {
			u = t.node[u].parent
		}
		if u == top {
			return
		}
		u = t.node[u].next
	}
}

// hang computes depths, and potentials along the tree.
func (t *tree) hang() {
	t.below(t.root, func(u int32) {
		p := t.node[u].parent
		if p < 0 {
			t.pot[u], t.node[u].depth = 0, 0
			return
		}
		t.node[u].depth = t.node[p].depth + 1
		t.pot[u] = t.cost(u, p) - t.pot[p]
	})
}

// cost returns that of the arc between a row and a column, in any order.
func (t *tree) cost(u, v int32) float64 {
	i, j := int(min(u, v)), int(max(u, v))-t.n
	return t.c[i*t.m+j]
}

// price returns the least reduced cost c_ij - f_i - g_j in rows i0 to i1-1.
func (t *tree) price(i0, i1 int) (i, j int, least float64) {
	g := t.pot[t.n:]
	least = math.Inf(1)
	for k := i0; k < i1; k++ {
		f := t.pot[k]
		at, low := 0, math.Inf(1)
		for l, c := range t.c[k*t.m:][:len(g)] {
			if v := c - g[l]; v < low {
				at, low = l, v
			}
		}
		if low-f < least {
			i, j, least = k, at, low-f
		}
	}
	return i, j, least
}

// pivot brings the arc from row i to column j into the tree. Flow goes around the cycle apex -> i -> j -> apex; the arc that leaves is the
// last one on that way which loses all, so that the tree stays strongly feasible.
//
//	on the way up from j columns' arcs lose, rows' gain          on the way up from i rows' arcs lose, columns' gain
func (t *tree) pivot(i, j int32, reduced float64) {
	n := int32(t.n)
	delta, out, side := int64(math.MaxInt64), int32(-1), i
	u, v := i, j
	// The walk meets both sides in turns: a tie goes to the side of j, and there to what is nearer to the apex.
	for u != v {
		if t.node[u].depth >= t.node[v].depth {
			if u < n && t.node[u].flow < delta {
				delta, out, side = t.node[u].flow, u, i
			}
			u = t.node[u].parent
			continue
		}
		if v >= n && t.node[v].flow <= delta {
			delta, out, side = t.node[v].flow, v, j
		}
		v = t.node[v].parent
	}
	apex := u
	if delta > 0 {
		for u := i; u != apex; u = t.node[u].parent {
			t.push(u, u < n, delta)
		}
		for v := j; v != apex; v = t.node[v].parent {
			t.push(v, v >= n, delta)
		}
	}
	in, to := side, i+j-side // in is the end of the new arc that is cut off
	parent, flow := to, delta
	for u := in; ; {
		next, old := t.node[u].parent, t.node[u].flow
		t.detach(u)
		t.attach(u, parent, flow)
		if u == out {
			break
		}
		u, parent, flow = next, u, old
	}
	if in >= n {
		reduced = -reduced
	}
	t.below(in, func(u int32) {
		x := &t.node[u]
		x.depth = t.node[x.parent].depth + 1
		if u < n {
			t.pot[u] += reduced
		} else {
			t.pot[u] -= reduced
		}
	})
}

func (t *tree) push(u int32, loses bool, delta int64) {
	if loses {
		delta = -delta
	}
	t.node[u].flow += delta
}

// pairs returns the arcs with flow, by rows and then by columns.
func (t *tree) pairs(total int64) []sinkhorn.Pair {
	var pairs []sinkhorn.Pair
	for u, x := range t.node {
		if x.parent >= 0 && x.flow > 0 {
			i, j := min(u, int(x.parent)), max(u, int(x.parent))-t.n
			pairs = append(pairs, sinkhorn.Pair{I: i, J: j, P: float64(x.flow) / float64(total)})
		}
	}
	slices.SortFunc(pairs, byPlace)
	return pairs
}

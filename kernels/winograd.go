package kernels

// A WinogradMap is a matrix of Winograd's algorithm F(4 x 4, 2 x 2), which takes 4 x 4 outputs of a window of 2 x 2 from 5 x 5 inputs by 25
// multiplications where the definition has 64. With the matrices D, A and G below, for inputs d, a window g and outputs y,
//
//	y = A^T ((G g G^T) * (D d D^T)) A,    y[i][j] = sum_(k,l < 2) g[k][l] d[i+1-k][j+1-l]
//
// where * is element by element. The transposes undo it: the gradient by d is D^T (...) D, that by g is G^T (...) G. In float32 the root
// mean square of the error of a sum of 512 products is 2.4 times that of adding them up.
//
// Source: Winograd 1980; Lavin and Gray 2016. The points are 1/2, -1/2, 1, -1 and infinity: of six sets tried those with the least error
// among the numbers whose multiples are exact.
type WinogradMap int

// The matrices. Each has a row for each point.
const (
	// WinogradInput is D, of 5 columns: (1 2 -1 -2 0), (1 -2 -1 2 0), (-1 -1 4 4 0), (-1 1 4 -4 0), (1 0 -5 0 4).
	WinogradInput WinogradMap = iota
	// WinogradOutput is A, of 4 columns: (1 1/2 1/4 1/8), (1 -1/2 1/4 -1/8), (1 1 1 1), (1 -1 1 -1), (0 0 0 1).
	WinogradOutput
	// WinogradFilter is G, of 2 columns: (1/3 2/3), (-1/3 2/3), (1/6 1/6), (-1/6 1/6), (1/4 0).
	WinogradFilter

	winogradMaps
)

// winogradPoints is the number of points along a side, winogradSide that of the elements of each map's tile.
const winogradPoints = 5

var winogradSide = [winogradMaps]int{5, 4, 2}

// WinogradExpand sets
//
//	v[(5 p + q) ldv + e] = sum_(i,j) M[p][i] M[q][j] x[i row + j col + e]
//
// for p, q < 5, e < n, and i, j below the columns of M. v and x do not overlap.
func WinogradExpand[T Float](m WinogradMap, v []T, ldv int, x []T, row, col, n int) {
	checkWinograd(m, v, ldv, x, row, col, n)
	if n > 0 {
		active[T]().winogradExpand[m](v, ldv, x, row, col, n)
	}
}

// WinogradReduce sets or, for [WinogradInput] and [WinogradFilter], adds to
//
//	x[i row + j col + e] = sum_(p,q) M[p][i] M[q][j] v[(5 p + q) ldv + e]
//
// for e < n, and i, j below the columns of M. v and x do not overlap.
func WinogradReduce[T Float](m WinogradMap, x []T, row, col int, v []T, ldv, n int) {
	checkWinograd(m, v, ldv, x, row, col, n)
	if n > 0 {
		active[T]().winogradReduce[m](v, ldv, x, row, col, n)
	}
}

func checkWinograd[T Float](m WinogradMap, v []T, ldv int, x []T, row, col, n int) {
	if m < 0 || m >= winogradMaps {
		panic("kernels: unknown map")
	}
	if n < 0 {
		panic(badCount)
	}
	side := winogradSide[m]
	checkBlock(v, ldv, winogradPoints*winogradPoints, n)
	checkBlock(x, col, side, n)
	if n > 0 && (row < n || len(x) < (side-1)*(row+col)+n) {
		panic(badBlock)
	}
}

// A winogradKernel works on the values v at the points and the tile x of n > 0 elements.
type winogradKernel[T Float] func(v []T, ldv int, x []T, row, col, n int)

func winogradExpandGo[T Float](side int, expand func(x [winogradPoints]T) [winogradPoints]T) winogradKernel[T] {
	return func(v []T, ldv int, x []T, row, col, n int) {
		for e := range n {
			var t [winogradPoints][winogradPoints]T
			for j := range side {
				var in [winogradPoints]T
				for i := range side {
					in[i] = x[i*row+j*col+e]
				}
				for p, y := range expand(in) {
					t[p][j] = y
				}
			}
			for p := range t {
				for q, y := range expand(t[p]) {
					v[(winogradPoints*p+q)*ldv+e] = y
				}
			}
		}
	}
}

func winogradReduceGo[T Float](side int, adds bool, reduce func(v [winogradPoints]T) [winogradPoints]T) winogradKernel[T] {
	return func(v []T, ldv int, x []T, row, col, n int) {
		for e := range n {
			var t [winogradPoints][winogradPoints]T
			for p := range winogradPoints {
				var in [winogradPoints]T
				for q := range in {
					in[q] = v[(winogradPoints*p+q)*ldv+e]
				}
				for j, y := range reduce(in) {
					t[j][p] = y
				}
			}
			for j := range side {
				out := reduce(t[j])
				for i, y := range out[:side] {
					if at := &x[i*row+j*col+e]; adds {
						*at += y
					} else {
						*at = y
					}
				}
			}
		}
	}
}

func winogradInput[T Float](x [winogradPoints]T) [winogradPoints]T {
	a, b, c, d := x[0]-x[2], 2*(x[1]-x[3]), 4*x[2]-x[0], 4*x[3]-x[1]
	return [winogradPoints]T{a + b, a - b, c + d, c - d, x[0] - 5*x[2] + 4*x[4]}
}

func winogradInputBack[T Float](v [winogradPoints]T) [winogradPoints]T {
	s, t, u, w := v[0]+v[1], v[0]-v[1], v[2]+v[3], v[2]-v[3]
	return [winogradPoints]T{s - u + v[4], 2*t - w, 4*u - s - 5*v[4], 4*w - 2*t, 4 * v[4]}
}

func winogradOutput[T Float](y [winogradPoints]T) [winogradPoints]T {
	a, b, c, d := y[0]+y[2]/4, (y[1]+y[3]/4)/2, y[0]+y[2], y[1]+y[3]
	return [winogradPoints]T{a + b, a - b, c + d, c - d, y[3]}
}

func winogradOutputBack[T Float](v [winogradPoints]T) [winogradPoints]T {
	s, t, u, w := v[0]+v[1], v[0]-v[1], v[2]+v[3], v[2]-v[3]
	return [winogradPoints]T{s + u, t/2 + w, s/4 + u, t/8 + w + v[4]}
}

func winogradFilter[T Float](g [winogradPoints]T) [winogradPoints]T {
	a, b, c, d := g[1]*(2./3), g[0]*(1./3), g[1]*(1./6), g[0]*(1./6)
	return [winogradPoints]T{a + b, a - b, c + d, c - d, g[0] / 4}
}

func winogradFilterBack[T Float](v [winogradPoints]T) [winogradPoints]T {
	s, t, u, w := v[0]+v[1], v[0]-v[1], v[2]+v[3], v[2]-v[3]
	return [winogradPoints]T{t*(1./3) + w*(1./6) + v[4]/4, s*(2./3) + u*(1./6)}
}

// winogradGo are the kernels of the reference.
func winogradGo[T Float]() (expand, reduce [winogradMaps]winogradKernel[T]) {
	expand = [winogradMaps]winogradKernel[T]{
		winogradExpandGo(5, winogradInput[T]), winogradExpandGo(4, winogradOutput[T]), winogradExpandGo(2, winogradFilter[T]),
	}
	reduce = [winogradMaps]winogradKernel[T]{
		winogradReduceGo(5, true, winogradInputBack[T]), winogradReduceGo(4, false, winogradOutputBack[T]), winogradReduceGo(2, true, winogradFilterBack[T]),
	}
	return expand, reduce
}

package kernels

import "github.com/sinkcpu/sinkcpu/internal/convolution"

// A winogradMap is a matrix of Winograd's algorithm.
type winogradMap = convolution.Map

const winogradMaps = convolution.Filter + 1

// winogradPoints is the number of points along a side, winogradSide that of the elements of each map's tile.
const winogradPoints = 5

var winogradSide = [winogradMaps]int{5, 4, 2}

// winogradExpand is Expand of package convolution.
func winogradExpand[T Float](m winogradMap, rows, cols int, v []T, ldv int, x []T, row, col, n int) {
	shape := checkWinograd(m, rows, cols, v, ldv, x, row, col, n)
	if n > 0 {
		active[T]().winogradExpand[m][shape](v, ldv, x, row, col, n)
	}
}

// winogradReduce is Reduce of package convolution.
func winogradReduce[T Float](m winogradMap, rows, cols int, x []T, row, col int, v []T, ldv, n int) {
	shape := checkWinograd(m, rows, cols, v, ldv, x, row, col, n)
	if n > 0 {
		active[T]().winogradReduce[m][shape](v, ldv, x, row, col, n)
	}
}

// A winogradShape numbers the tiles of a map: 2 where the last row is missing, and 1 where the last column is.
type winogradShape int

const winogradShapes winogradShape = 4

// sides returns the rows and columns of a tile.
func (s winogradShape) sides(m winogradMap) (rows, cols int) {
	return winogradSide[m] - int(s)/2, winogradSide[m] - int(s)%2
}

// winogradWhole tells whether a map has no tiles but whole ones.
func winogradWhole(m winogradMap) bool { return m == convolution.Filter }

func checkWinograd[T Float](m winogradMap, rows, cols int, v []T, ldv int, x []T, row, col, n int) winogradShape {
	if m < 0 || m >= winogradMaps {
		panic("kernels: unknown map")
	}
	if n < 0 {
		panic(badCount)
	}
	down, across := winogradSide[m]-rows, winogradSide[m]-cols
	if down&^1 != 0 || across&^1 != 0 || winogradWhole(m) && down+across > 0 {
		panic("kernels: map without tiles of this size")
	}
	checkBlock(v, ldv, winogradPoints*winogradPoints, n)
	checkBlock(x, col, cols, n)
	if n > 0 && (row < n || len(x) < (rows-1)*row+(cols-1)*col+n) {
		panic(badBlock)
	}
	return winogradShape(2*down + across)
}

// A winogradKernel works on the values v at the points and the tile x of n > 0 elements.
type winogradKernel[T Float] func(v []T, ldv int, x []T, row, col, n int)

// winogradKernels are those of a tier: for each map, and each shape of its tiles.
type winogradKernels[T Float] [winogradMaps][winogradShapes]winogradKernel[T]

// winogradLines returns at how many points a side is evaluated, all but that at infinity where its last element is missing.
func winogradLines(m winogradMap, side int) int { return winogradPoints - winogradSide[m] + side }

func winogradExpandGo[T Float](m winogradMap, shape winogradShape, expand func(x [winogradPoints]T) [winogradPoints]T) winogradKernel[T] {
	rows, cols := shape.sides(m)
	return func(v []T, ldv int, x []T, row, col, n int) {
		for e := range n {
			var t [winogradPoints][winogradPoints]T
			for j := range cols {
				var in [winogradPoints]T
				for i := range rows {
					in[i] = x[i*row+j*col+e]
				}
				for p, y := range expand(in) {
					t[p][j] = y
				}
			}
			for p := range winogradLines(m, rows) {
				out := expand(t[p])
				for q, y := range out[:winogradLines(m, cols)] {
					v[(winogradPoints*p+q)*ldv+e] = y
				}
			}
		}
	}
}

func winogradReduceGo[T Float](m winogradMap, shape winogradShape, adds bool, reduce func(v [winogradPoints]T) [winogradPoints]T) winogradKernel[T] {
	rows, cols := shape.sides(m)
	return func(v []T, ldv int, x []T, row, col, n int) {
		for e := range n {
			var t [winogradPoints][winogradPoints]T
			for p := range winogradLines(m, rows) {
				var in [winogradPoints]T
				for q := range winogradLines(m, cols) {
					in[q] = v[(winogradPoints*p+q)*ldv+e]
				}
				for j, y := range reduce(in) {
					t[j][p] = y
				}
			}
			for j := range cols {
				out := reduce(t[j])
				for i, y := range out[:rows] {
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
func winogradGo[T Float]() (expand, reduce winogradKernels[T]) {
	for s := range winogradShapes {
		expand[convolution.Input][s] = winogradExpandGo(convolution.Input, s, winogradInput[T])
		expand[convolution.Output][s] = winogradExpandGo(convolution.Output, s, winogradOutput[T])
		reduce[convolution.Input][s] = winogradReduceGo(convolution.Input, s, true, winogradInputBack[T])
		reduce[convolution.Output][s] = winogradReduceGo(convolution.Output, s, false, winogradOutputBack[T])
	}
	expand[convolution.Filter][0] = winogradExpandGo(convolution.Filter, 0, winogradFilter[T])
	reduce[convolution.Filter][0] = winogradReduceGo(convolution.Filter, 0, true, winogradFilterBack[T])
	return expand, reduce
}

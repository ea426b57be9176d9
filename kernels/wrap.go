//go:build (amd64 || arm64) && !purego

package kernels

import (
	"math"
	"unsafe"
)

// add appends a row to the table: the last one with what the families override.
func add[T Float](tables *[]*impl[T], tier Tier, families ...func(*impl[T])) {
	t := *(*tables)[len(*tables)-1]
	t.tier = tier
	for _, family := range families {
		family(&t)
	}
	*tables = append(*tables, &t)
}

// Assembly cannot be preempted, and the garbage collector waits for the longest call: so the wrappers cut their arguments into calls of
// at most about 100 us. They also tell the race detector what assembly touches.

// eachChunk runs f on [i, j) for the calls that n elements are cut into; at least one.
func eachChunk[T Float](n int, f func(i, j int)) {
	var z T
	chunk := chunkBytes / int(unsafe.Sizeof(z))
	for i := 0; ; i += chunk {
		j := min(i+chunk, n)
		f(i, j)
		if j == n {
			return
		}
	}
}

func mapAsm[T Float](f func(dst, x []T)) func(dst, x []T) {
	return func(dst, x []T) {
		raceRead(x)
		raceWrite(dst)
		eachChunk[T](len(x), func(i, j int) { f(dst[i:j], x[i:j]) })
	}
}

func maxAsm[T Float](f func(x []T) T) func(x []T) T {
	return func(x []T) T {
		raceRead(x)
		m := T(math.Inf(-1))
		eachChunk[T](len(x), func(i, j int) { m = max(m, f(x[i:j])) })
		return m
	}
}

func sumAsm[T Float](f func(x []T) T) func(x []T) T {
	return func(x []T) T {
		raceRead(x)
		var s float64
		eachChunk[T](len(x), func(i, j int) { s += float64(f(x[i:j])) })
		return T(s)
	}
}

func dotAsm[T Float](f func(x, y []T) T) func(x, y []T) T {
	return func(x, y []T) T {
		raceRead(x)
		raceRead(y)
		var s float64
		eachChunk[T](len(x), func(i, j int) { s += float64(f(x[i:j], y[i:j])) })
		return T(s)
	}
}

func logSumExpAsm[T Float](f func(x []T) (shift, sum T)) func(x []T) T {
	return func(x []T) T {
		raceRead(x)
		shift, sum := -math.MaxFloat64, 0.
		eachChunk[T](len(x), func(i, j int) {
			m, s := f(x[i:j])
			if top := max(shift, float64(m)); top == float64(m) {
				shift, sum = top, sum*math.Exp(shift-top)+float64(s)
			} else {
				sum += float64(s) * math.Exp(float64(m)-top)
			}
		})
		if math.IsInf(shift, 1) {
			return T(shift)
		}
		return T(shift + math.Log(sum))
	}
}

func axpyAsm[T Float](f func(y []T, alpha T, x []T)) func(y []T, alpha T, x []T) {
	return func(y []T, alpha T, x []T) {
		raceWrite(y)
		raceRead(x)
		eachChunk[T](len(x), func(i, j int) { f(y[i:j], alpha, x[i:j]) })
	}
}

func addNormsAsm[T Float](f func(dst []T, x T, y []T)) func(dst []T, x T, y []T) {
	return func(dst []T, x T, y []T) {
		raceWrite(dst)
		raceRead(y)
		eachChunk[T](len(dst), func(i, j int) { f(dst[i:j], x, y[i:j]) })
	}
}

func scaleAsm[T Float](f func(x []T, alpha T)) func(x []T, alpha T) {
	return func(x []T, alpha T) {
		raceWrite(x)
		eachChunk[T](len(x), func(i, j int) { f(x[i:j], alpha) })
	}
}

func leakyReLUAsm[T Float](f func(dst, x []T, slope T)) func(dst, x []T, slope T) {
	return func(dst, x []T, slope T) {
		raceRead(x)
		raceWrite(dst)
		eachChunk[T](len(x), func(i, j int) { f(dst[i:j], x[i:j], slope) })
	}
}

func leakyReLUBwAsm[T Float](f func(dx, dy, y []T, slope T)) func(dx, dy, y []T, slope T) {
	return func(dx, dy, y []T, slope T) {
		raceRead(dy)
		raceRead(y)
		raceWrite(dx)
		eachChunk[T](len(dy), func(i, j int) { f(dx[i:j], dy[i:j], y[i:j], slope) })
	}
}

func backwardAsm[T Float](f func(dx, dy, y []T)) func(dx, dy, y []T) {
	return func(dx, dy, y []T) {
		raceRead(dy)
		raceRead(y)
		raceWrite(dx)
		eachChunk[T](len(dy), func(i, j int) { f(dx[i:j], dy[i:j], y[i:j]) })
	}
}

func adamAsm[T Float](f func(p, grad, m, v []T, beta1, oneMinusBeta1, beta2, oneMinusBeta2, stepSize, invSqrtBias2, eps, weightDecay T)) func(p, grad, m, v []T, c *AdamStep[T]) {
	return func(p, grad, m, v []T, c *AdamStep[T]) {
		raceRead(grad)
		raceWrite(p)
		raceWrite(m)
		raceWrite(v)
		eachChunk[T](len(grad), func(i, j int) {
			f(p[i:j], grad[i:j], m[i:j], v[i:j], c.Beta1, 1-c.Beta1, c.Beta2, 1-c.Beta2, c.StepSize, c.InvSqrtBias2, c.Eps, c.WeightDecay)
		})
	}
}

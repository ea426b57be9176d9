//go:build (amd64 || arm64) && !purego

package kernels

import "math"

// Assembly cannot be preempted, and the garbage collector waits for the longest call: so the wrappers cut their arguments into calls of
// at most about 100 us. They also tell the race detector what assembly touches.

// chunk is the elements of a call of a kernel on vectors; the slowest of them run at 1 G elements/s.
const chunk = 1 << 16

// eachChunk runs f on [i, j) for the calls that n elements are cut into; at least one.
func eachChunk(n int, f func(i, j int)) {
	for i := 0; ; i += chunk {
		j := min(i+chunk, n)
		f(i, j)
		if j == n {
			return
		}
	}
}

func mapAsm(f func(dst, x []float32)) func(dst, x []float32) {
	return func(dst, x []float32) {
		raceRead(x)
		raceWrite(dst)
		eachChunk(len(x), func(i, j int) { f(dst[i:j], x[i:j]) })
	}
}

func maxAsm(f func(x []float32) float32) func(x []float32) float32 {
	return func(x []float32) float32 {
		raceRead(x)
		m := float32(math.Inf(-1))
		eachChunk(len(x), func(i, j int) { m = max(m, f(x[i:j])) })
		return m
	}
}

func sumAsm(f func(x []float32) float32) func(x []float32) float32 {
	return func(x []float32) float32 {
		raceRead(x)
		var s float64
		eachChunk(len(x), func(i, j int) { s += float64(f(x[i:j])) })
		return float32(s)
	}
}

func dotAsm(f func(x, y []float32) float32) func(x, y []float32) float32 {
	return func(x, y []float32) float32 {
		raceRead(x)
		raceRead(y)
		var s float64
		eachChunk(len(x), func(i, j int) { s += float64(f(x[i:j], y[i:j])) })
		return float32(s)
	}
}

func logSumExpAsm(f func(x []float32) (shift, sum float32)) func(x []float32) float32 {
	return func(x []float32) float32 {
		raceRead(x)
		shift, sum := -math.MaxFloat64, 0.
		eachChunk(len(x), func(i, j int) {
			m, s := f(x[i:j])
			if top := max(shift, float64(m)); top == float64(m) {
				shift, sum = top, sum*math.Exp(shift-top)+float64(s)
			} else {
				sum += float64(s) * math.Exp(float64(m)-top)
			}
		})
		if math.IsInf(shift, 1) {
			return float32(shift)
		}
		return float32(shift + math.Log(sum))
	}
}

func axpyAsm(f func(y []float32, alpha float32, x []float32)) func(y []float32, alpha float32, x []float32) {
	return func(y []float32, alpha float32, x []float32) {
		raceWrite(y)
		raceRead(x)
		eachChunk(len(x), func(i, j int) { f(y[i:j], alpha, x[i:j]) })
	}
}

func addNormsAsm(f func(dst []float32, x float32, y []float32)) func(dst []float32, x float32, y []float32) {
	return func(dst []float32, x float32, y []float32) {
		raceWrite(dst)
		raceRead(y)
		eachChunk(len(dst), func(i, j int) { f(dst[i:j], x, y[i:j]) })
	}
}

func scaleAsm(f func(x []float32, alpha float32)) func(x []float32, alpha float32) {
	return func(x []float32, alpha float32) {
		raceWrite(x)
		eachChunk(len(x), func(i, j int) { f(x[i:j], alpha) })
	}
}

func leakyReLUAsm(f func(dst, x []float32, slope float32)) func(dst, x []float32, slope float32) {
	return func(dst, x []float32, slope float32) {
		raceRead(x)
		raceWrite(dst)
		eachChunk(len(x), func(i, j int) { f(dst[i:j], x[i:j], slope) })
	}
}

func leakyReLUBwAsm(f func(dx, dy, y []float32, slope float32)) func(dx, dy, y []float32, slope float32) {
	return func(dx, dy, y []float32, slope float32) {
		raceRead(dy)
		raceRead(y)
		raceWrite(dx)
		eachChunk(len(dy), func(i, j int) { f(dx[i:j], dy[i:j], y[i:j], slope) })
	}
}

func backwardAsm(f func(dx, dy, y []float32)) func(dx, dy, y []float32) {
	return func(dx, dy, y []float32) {
		raceRead(dy)
		raceRead(y)
		raceWrite(dx)
		eachChunk(len(dy), func(i, j int) { f(dx[i:j], dy[i:j], y[i:j]) })
	}
}

func adamAsm(f func(p, grad, m, v []float32, beta1, oneMinusBeta1, beta2, oneMinusBeta2, stepSize, invSqrtBias2, eps, weightDecay float32)) func(p, grad, m, v []float32, c *AdamStep[float32]) {
	return func(p, grad, m, v []float32, c *AdamStep[float32]) {
		raceRead(grad)
		raceWrite(p)
		raceWrite(m)
		raceWrite(v)
		eachChunk(len(grad), func(i, j int) {
			f(p[i:j], grad[i:j], m[i:j], v[i:j], c.Beta1, 1-c.Beta1, c.Beta2, 1-c.Beta2, c.StepSize, c.InvSqrtBias2, c.Eps, c.WeightDecay)
		})
	}
}

package sinkhorn

import (
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Solver holds how problems are solved. The zero value of a field means its default; Eps has none.
type Solver[T kernels.Float] struct {
	// Eps is the temperature, in the units of the cost.
	Eps float64

	// Tol is the L1 error of the marginals at which Solve stops:
	//
	//	sum_i |(P 1)_i - a_i| + sum_j |(P^T 1)_j - b_j| <= Tol
	//
	// The default is 1e-4 in float32 and 1e-6 in float64.
	Tol float64

	// MaxIter bounds the iterations of Solve at the final temperature; 10000 by default.
	MaxIter int

	// G is where Solve starts: a potential of the columns, in the units of the cost. nil means 0, reached through a decreasing
	// sequence of temperatures where Eps is small.
	G []float64

	// Method chooses the algorithm; Auto by default.
	Method Method

	// Kernel says whether the iterations of Solve keep exponentials of the cost in memory; KernelAuto by default.
	Kernel Kernel

	// MaxBytes bounds the memory that Solve takes, beside that of the cost, for its kernel, and after that for a plan in float64, which Newton's
	// method needs; and that Unroll takes for the kernels of all its problems, which it else computes again in every step. 1 GiB by default.
	MaxBytes int

	// Device, where not nil, makes the iterations of Solve of a problem in float32 whose costs are between points or stored. What it does not do
	// is done here: what it has nothing for, problems whose rows are divided among ranks, the end of a solve that asks for more than float32, and the
	// evaluation of the result but where [Result.Device] says otherwise. Should it fail, all is done here again, and the result says why.
	Device Device

	// DeviceEvaluates is the number of entries of a plan, n m, from which on the device that made the iterations evaluates the result too, in
	// float32: 2^30 by default. See [Result.Evaluated].
	DeviceEvaluates int

	// DeviceOnly makes it an error of Solve that the device fails or has nothing for the problem.
	DeviceOnly bool

	// Runner runs the tasks; nil means a pool of the process with GOMAXPROCS workers. [ReadOn] is the same choice for the costs of a new problem.
	Runner kernels.Runner

	// Progress, where not nil, is called after each iteration with the error that it saw; iteration is 0 at the higher temperatures that come first.
	Progress func(iteration int, marginalError float64)

	// Redrawn, where not nil, is called by Drift and Bootstrap after each divergence of a relabelling or a draw, by one goroutine at a time; Drift counts
	// its draws anew after its relabellings.
	Redrawn func(done, reps int)
}

// A Method is an algorithm of Solve.
type Method int

// The methods.
const (
	// Auto takes sweeps, the symmetric update for a cloud against itself, over-relaxation where sweeps are slow in float32 or there is no
	// memory for Newton's method, and Newton's method where they crawl. What it took is in the result.
	Auto        Method = iota
	Sweep              // alternating updates only
	Overrelaxed        // alternating updates, over-relaxed by a factor that follows the contraction observed
)

// A Kernel says where alternating updates have their exponentials from. They are computed in each iteration, or kept in memory for the potentials
// of an earlier one,
//
//	exp((f_i + g_j - C_ij)/eps)
//
// and scaled by factors of the rows and columns, in a third to a half of the time; then the method of the result names a kernel. They are computed anew
// when the factors have gone far, and in float32 once more, from exponents in float64, where the tolerance asks for more than exponents in
// float32 can give. The cost need not be in memory beside them: between points of few dimensions it had better not be. The symmetric update of
// a cloud against itself, and a rank's share of a problem, compute theirs in any case, as do weights of less than 2^-60.
type Kernel int

// The kinds.
const (
	KernelAuto     Kernel = iota // kept where it fits MaxBytes and is faster: up to 32 MiB, beyond that after some iterations and not for points of few dimensions
	KernelComputed               // computed in each iteration
	KernelKept                   // kept whatever its size
)

const (
	defaultMaxIter  = 10000
	defaultMaxBytes = 1 << 30

	// Three passes in float64 judge a result, of 3 ns an entry each on a Zen 5 core between points of 64 dimensions (BenchmarkEvaluate): ten core
	// seconds from here on, in which a device of 10^12 exponentials a second makes thousands of iterations.
	defaultDeviceEvaluates = 1 << 30
)

func (s *Solver[T]) runner() kernels.Runner { return orDefault(s.Runner) }

func (s *Solver[T]) tol() float64 {
	if s.Tol > 0 {
		return s.Tol
	}
	if isFloat32[T]() {
		return 1e-4
	}
	return 1e-6
}

func (s *Solver[T]) maxIter() int {
	if s.MaxIter > 0 {
		return s.MaxIter
	}
	return defaultMaxIter
}

func (s *Solver[T]) maxBytes() int {
	if s.MaxBytes > 0 {
		return s.MaxBytes
	}
	return defaultMaxBytes
}

func (s *Solver[T]) deviceEvaluates() int {
	if s.DeviceEvaluates > 0 {
		return s.DeviceEvaluates
	}
	return defaultDeviceEvaluates
}

func isFloat32[T kernels.Float]() bool {
	_, ok := any(T(0)).(float32)
	return ok
}

package sinkhorn

import (
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A Device runs the iterations of a [Solver] elsewhere than on this processor. [Solver.Device] asks for one; package cuda has one.
type Device interface {
	// Name names the device as a person would.
	Name() string

	// Load places a problem on the device. An error for which errors.Is(err, [errors.ErrUnsupported]) says that the device has nothing for
	// such a problem, and it is solved on the processor; any other that the device failed.
	Load(p *DeviceProblem) (DeviceFlow, error)
}

// A DeviceProblem is the data of a problem in float32, as tiles have it. It must not be written to, and is kept no longer than Load takes.
type DeviceProblem struct {
	N, M int

	// The costs between points: X (N x Dim) and Y (M x Dim), row-major, are centred or of length 1 as Ground asks for; the cost of a pair is
	// that of these points. Dim is 0 where costs are stored.
	Ground logsumexp.Ground
	Dim    int
	X, Y   []float32

	// C holds costs that are stored, row-major with leading dimension Ld. +Inf forbids a pair; every row and column has a finite entry.
	C  []float32
	Ld int

	// A and B are the weights, all of them positive.
	A, B []float64

	// Rows and Columns say how far marginals may leave the weights. U and V were taken out of the costs of rows and columns, nil for zeros:
	// only the update by a reach sees them.
	Rows, Columns Reach
	U, V          []float64

	// Self says that the matrix of costs is symmetric and both sides have the same weights and reach.
	Self bool

	// Largest is the greatest magnitude of a finite cost.
	Largest float64
}

// A DeviceFlow is a problem under iteration on a device, in base-2 units: for the temperature eps, kappa = log2(e)/eps, the costs C_ij as loaded,
// without U and V, and potentials f, g in units of such costs,
//
//	F_i = kappa f_i                 G_j = kappa g_j + log2 b_j
//	P_ij = a_i 2^(F_i + G_j - kappa C_ij)
//
// F and G are held in float64 and rounded to float32 where exponents are formed; an exponent has a relative error of some [DeviceFlow.Unit],
// sums one of some 2^-24 or less. The same calls give the same bits each time. Methods are called from one goroutine at a time. After an
// error that a method returns, only Close is called: the caller starts over elsewhere.
//
// A reach turns the soft minimum v of row i into
//
//	relax_i(v) = kappa (update((v/kappa) + U_i) - U_i)
//
//	exact  update(v) = v
//	KL     update(v) = rho/(rho+eps) v
//	TV     update(v) = max(-rho, min(rho, v))
//	Part   update(v) = min(rho, v)
//
// and the distance of a marginal r from what the potential h (f_i + U_i, or g_j + V_j) says it should be, for the weight w, is
//
//	exact  miss(r, w, h) = |r - w|
//	KL     miss(r, w, h) = |r - w e^(-h/rho)|
//	TV     miss(r, w, h) = max(0, r - w) where h is at rho, max(0, w - r) where it is at -rho, else |r - w|
//	Part   miss(r, w, h) = max(0, r - w) where h is at rho, else |r - w|
//
// at an end meaning within 2^-18 rho of it. Columns alike, with V.
type DeviceFlow interface {
	// Unit is the relative rounding error of a product of two coordinates, or of an entry of stored costs, as the device takes them: 2^-24 for
	// float32 and what is compensated to it, 2^-11 for TF32.
	Unit() float64

	// Start sets the temperature, F (N) and G (M), in base-2 units of that temperature. A nil f means zeros, which the first iteration does not
	// read: it is never over-relaxed.
	Start(eps float64, f, g []float64) error

	// Iterate makes len(errs) iterations of alternation, over-relaxed by 1 <= omega < 2:
	//
	//	s_i = log2 sum_j 2^(G_j - kappa C_ij)             F_i <- F_i + omega (relax_i(-s_i) - F_i)
	//	t_j = log2 sum_i a_i 2^(F_i - kappa C_ij)         G_j <- G_j + omega (log2 b_j + relax_j(-t_j) - G_j)
	//
	// errs[k] is what iteration k saw: the distance of the columns of (new F, old G), and with omega > 1 that of the rows of (old F, old G) too:
	//
	//	sum_j miss(2^(G_j + t_j), b_j, g_j + V_j)         sum_i miss(a_i 2^(F_i + s_i), a_i, f_i + U_i)
	//
	// with old potentials in miss for columns, and old ones for rows.
	Iterate(omega float64, errs []float64) error

	// Symmetric makes len(errs) iterations of the symmetric update of a problem against itself, from the potential of the columns:
	//
	//	h_i = G_i - log2 b_i          s_i = log2 sum_j 2^(G_j - kappa C_ij)
	//	F_i <- (h_i + relax_i(-s_i))/2          G_i <- F_i + log2 b_i
	//
	// errs[k] = 2 sum_i miss(a_i 2^(h_i + s_i), a_i, h_i/kappa + U_i), with the h of before the update.
	Symmetric(errs []float64) error

	// Potentials copies out F (N) and G (M).
	Potentials(f, g []float64) error

	// Weigh sets sums of the plan at the present potentials: its rows (N), its columns (M), and what each row costs (N).
	//
	//	rows_i = sum_j P_ij          columns_j = sum_i P_ij          costs_i = sum_j P_ij C_ij
	//
	// An entry that is forbidden adds nothing to a cost.
	Weigh(rows, columns, costs []float64) error

	// Apply sets dst (N x d) to P v for v (M x d), or with transposed dst (M x d) to P^T v for v (N x d), row-major.
	Apply(dst, v []float32, d int, transposed bool) error

	// Gradient sets dx (N x Dim) to the derivative of the cost of the plan by the points as they were loaded, the plan fixed:
	//
	//	dx_i = sum_j P_ij d c(x_i, y_j) / d x_i
	//
	// For the cosine that is -sum_j P_ij y_j: points of length 1 are taken as free. Equal points, and for L1 equal coordinates, add nothing.
	Gradient(dx []float32) error

	// Close gives back what the flow holds on the device.
	Close()
}

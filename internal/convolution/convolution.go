// Package convolution hands kernels of convolutions from package kernels, whose tables and tests they are part of, to package nn: windows of 4 x 4
// as rows of a matrix, and the transforms of Winograd's algorithm. They are no part of what package kernels offers to others, as their formats
// follow what layers need.
//
// Arguments, rounding and panics are as in package kernels, which sets the functions when a program starts.
package convolution

// Float is the element type.
type Float interface{ float32 | float64 }

// A Map is a matrix of Winograd's algorithm F(4 x 4, 2 x 2), which takes 4 x 4 outputs of a window of 2 x 2 from 5 x 5 inputs by 25
// multiplications where the definition has 64. With the matrices D, A and G below, for inputs d, a window g and outputs y,
//
//	y = A^T ((G g G^T) * (D d D^T)) A,    y[i][j] = sum_(k,l < 2) g[k][l] d[i+1-k][j+1-l]
//
// where * is element by element. The transposes undo it: the gradient by d is D^T (...) D, that by g is G^T (...) G. In float32 the root
// mean square of the error of a sum of 512 products is 2.4 times that of adding them up.
//
// The transposed algorithm multiplies polynomials in two variables: for inputs y of 4 x 4 and the window g, dd = D^T ((G g G^T) * (A y A^T)) D
// has the 5 x 5 coefficients dd[i][j] = sum_(k,l < 2) g[k][l] y[i-1+k][j-1+l]. A tile of D or A may lack its last row, or its last
// column, as if they were zero in y: there is then nothing at the point at infinity, and 20 or 16 multiplications are left.
//
// Source: Winograd 1980; Lavin and Gray 2016. The points are 1/2, -1/2, 1, -1 and infinity: of six sets tried those with the least error
// among the numbers whose multiples are exact.
type Map int

// The matrices. Each has a row for each point.
const (
	// Input is D, of 5 columns: (1 2 -1 -2 0), (1 -2 -1 2 0), (-1 -1 4 4 0), (-1 1 4 -4 0), (1 0 -5 0 4).
	Input Map = iota
	// Output is A, of 4 columns: (1 1/2 1/4 1/8), (1 -1/2 1/4 -1/8), (1 1 1 1), (1 -1 1 -1), (0 0 0 1).
	Output
	// Filter is G, of 2 columns: (1/3 2/3), (-1/3 2/3), (1/6 1/6), (-1/6 1/6), (1/4 0).
	Filter
)

// Functions are the kernels of a precision.
type Functions[T Float] struct {
	// Gather takes the windows of 4 x 4 elements, two places apart, from an image of 2 rows x 2 cols with a border of one zero:
	//
	//	dst[(4*ki+kj)*ldd+i*cols+j] = x[2*i+ki-1][2*j+kj-1]
	//
	// for ki, kj < 4, i < rows, j < cols: a row of dst for each element of the window, a column for each place. They are the windows of the
	// convolutions of DCGAN, which halve and double the sides of images. dst and x do not overlap. On AVX-512 it is made for cols up to a
	// vector.
	Gather func(dst []T, ldd int, x []T, rows, cols int)

	// Scatter undoes Gather: it sets an image of 2 rows x 2 cols to the sums of the elements that lie on each pixel, and the bias:
	//
	//	dst[u][v] = bias + sum of x[(4*ki+kj)*ldx+i*cols+j] over 2*i+ki-1 = u, 2*j+kj-1 = v
	//
	// dst and x do not overlap.
	Scatter func(dst, x []T, ldx, rows, cols int, bias T)

	// Expand sets
	//
	//	v[(5 p + q) ldv + e] = sum_(i,j) M[p][i] M[q][j] x[i row + j col + e]
	//
	// for e < n, i < rows, j < cols, and the points p, q < 5. rows and cols are the columns of M, or for [Input] and [Output] one less, where what
	// is missing is 0 and p, or q, is below 4. v and x do not overlap.
	Expand func(m Map, rows, cols int, v []T, ldv int, x []T, row, col, n int)

	// Reduce sets or, for [Input] and [Filter], adds to
	//
	//	x[i row + j col + e] = sum_(p,q) M[p][i] M[q][j] v[(5 p + q) ldv + e]
	//
	// for e, i, j, p and q as in Expand. v and x do not overlap.
	Reduce func(m Map, rows, cols int, x []T, row, col int, v []T, ldv, n int)
}

var (
	single Functions[float32]
	double Functions[float64]
)

// Set is for package kernels, once.
func Set(f Functions[float32], d Functions[float64]) { single, double = f, d }

// Of returns the functions of a precision, for programs that link package kernels.
func Of[T Float]() *Functions[T] {
	var f any = &single
	if _, is64 := any(T(0)).(float64); is64 {
		f = &double
	}
	return f.(*Functions[T])
}

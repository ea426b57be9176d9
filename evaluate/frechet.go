package evaluate

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Gaussian is a normal law, by its mean and covariance.
type Gaussian struct {
	Mean []float64
	Cov  *mat.SymDense

	root *mat.Dense // Cov = root root
}

// NewGaussian returns the law of a mean and a covariance, both kept. It is an error where the sizes differ, a number is not finite, or the
// covariance has an eigenvalue below -1e-9 of the largest.
func NewGaussian(mean []float64, cov *mat.SymDense) (*Gaussian, error) {
	d := len(mean)
	if d == 0 || cov.SymmetricDim() != d {
		return nil, fmt.Errorf("evaluate: a mean of %d numbers with a covariance of %d, want the same positive number", d, cov.SymmetricDim())
	}
	if s := mat.Sum(cov); s-s != 0 {
		return nil, errors.New("evaluate: the covariance is not finite")
	}
	for i, v := range mean {
		if v-v != 0 {
			return nil, fmt.Errorf("evaluate: element %d of the mean is not finite", i)
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(cov, true) {
		return nil, errors.New("evaluate: the eigenvalues of the covariance were not found")
	}
	values := eig.Values(nil) // in ascending order
	if values[0] < -1e-9*max(values[d-1], 0) || values[d-1] < 0 {
		return nil, fmt.Errorf("evaluate: eigenvalue %g of the covariance is negative", values[0])
	}
	var v mat.Dense
	eig.VectorsTo(&v)
	scaled := mat.DenseCopyOf(&v)
	for j, l := range values {
		l = math.Sqrt(max(l, 0))
		for i := range d {
			scaled.Set(i, j, l*scaled.At(i, j))
		}
	}
	g := &Gaussian{Mean: mean, Cov: cov, root: new(mat.Dense)}
	g.root.Mul(scaled, v.T())
	return g, nil
}

// FitGaussian returns the law with the mean and the sample covariance (over n - 1) of the rows of x (n x d), n >= 2, summed in float64.
func FitGaussian[T kernels.Float](run kernels.Runner, x []T, n, d int) (*Gaussian, error) {
	if err := checkCloud("x", x, n, d); err != nil {
		return nil, err
	}
	if n < 2 {
		return nil, errors.New("evaluate: the covariance of one row, want at least two")
	}
	mean, centred := make([]float64, d), make([]float64, n*d)
	for i, v := range x {
		mean[i%d] += float64(v) / float64(n)
	}
	for i, v := range x {
		centred[i] = float64(v) - mean[i%d]
	}
	cov := make([]float64, d*d)
	kernels.Gemm(run, true, false, d, d, n, 1/float64(n-1), centred, d, centred, d, 0, cov, d)
	return NewGaussian(mean, mat.NewSymDense(d, cov))
}

// Frechet returns the squared Frechet distance between two normal laws, which is their squared Wasserstein distance.
//
//	|m_a - m_b|^2 + tr(A + B - 2 (A^(1/2) B A^(1/2))^(1/2)),   the last trace as the sum of the singular values of A^(1/2) B^(1/2)
//
// Between samples of one law it is not 0 but grows with d/n: compare values at the same n only. Source: Dowson and Landau 1982; Heusel et al.
// 2017 for its use on features; Chong and Forsyth 2020 for the bias.
func Frechet(a, b *Gaussian) (float64, error) {
	d := len(a.Mean)
	if len(b.Mean) != d {
		return 0, fmt.Errorf("evaluate: normal laws of dimensions %d and %d, want equal ones", d, len(b.Mean))
	}
	var product mat.Dense
	product.Mul(a.root, b.root)
	var svd mat.SVD
	if !svd.Factorize(&product, mat.SVDNone) {
		return 0, errors.New("evaluate: the singular values of the product of the roots were not found")
	}
	q := mat.Trace(a.Cov) + mat.Trace(b.Cov)
	for _, s := range svd.Values(nil) {
		q -= 2 * s
	}
	for i, v := range a.Mean {
		q += (v - b.Mean[i]) * (v - b.Mean[i])
	}
	return max(q, 0), nil
}

package generative

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// MMDConfig describes a maximum mean discrepancy; see [NewMMD].
type MMDConfig struct {
	Kernel     string    // gaussian, imq or energy
	Bandwidths []float64 // of gaussian and imq; nil for 1, 2, 4, 8, 16
	Unbiased   bool
	Runner     kernels.Runner
}

// MMDKernels are the names that [MMDConfig] takes.
var MMDKernels = []string{"gaussian", "imq", "energy"}

// DefaultBandwidths are those of MMD-GAN (Li et al. 2017).
var DefaultBandwidths = []float64{1, 2, 4, 8, 16}

// MMD is the squared maximum mean discrepancy between a cloud of a model and one of data.
type MMD[T kernels.Float] struct {
	cfg MMDConfig
	w   [3][]T // per term: squared distances, then slopes
	acc []float64
	e   []T // for the rows of a Gaussian kernel: exponentials, then slopes
}

// NewMMD returns the discrepancy
//
//	MMD^2 = E k(x,x') + E k(y,y') - 2 E k(x,y)
//
// under one of the kernels, the sums over the bandwidths s:
//
//	gaussian  sum_s exp(-|x-y|^2/(2 s^2))          Li, Swersky and Zemel 2015
//	imq       sum_s 2 s^2/(2 s^2 + |x-y|^2)        Tolstikhin et al. 2018, C = 2 s^2
//	energy    -|x-y|                               Szekely and Rizzo 2013
//
// The biased estimate (V-statistic) averages over all pairs of a cloud with itself, the unbiased one (U-statistic) over pairs of different
// points; the latter can be negative and needs two points:
//
//	within_biased = ((n-1) within_unbiased + k(0))/n
func NewMMD[T kernels.Float](cfg MMDConfig) (*MMD[T], error) {
	if !slices.Contains(MMDKernels, cfg.Kernel) {
		return nil, fmt.Errorf("generative: unknown kernel %q, want one of %s", cfg.Kernel, strings.Join(MMDKernels, ", "))
	}
	if len(cfg.Bandwidths) == 0 {
		cfg.Bandwidths = DefaultBandwidths
	}
	for _, s := range cfg.Bandwidths {
		if !(s > 0) || math.IsInf(s, 1) {
			return nil, fmt.Errorf("generative: bandwidth %g, want a positive number", s)
		}
	}
	if cfg.Runner == nil {
		cfg.Runner = parallel.Default()
	}
	return &MMD[T]{cfg: cfg}, nil
}

// Clouds returns 1.
func (k *MMD[T]) Clouds() int { return 1 }

// Eval returns the discrepancy. Without report the term of the data alone is left out where dy is nil.
func (k *MMD[T]) Eval(_ context.Context, x, y []T, n, d int, dx, dy []T, report bool) ([]Metric, error) {
	if n < 1 || d < 1 || len(x) != n*d || len(y) != n*d {
		return nil, fmt.Errorf("generative: %d and %d numbers for clouds of %d points of dimension %d", len(x), len(y), n, d)
	}
	if k.cfg.Unbiased && n < 2 {
		return nil, fmt.Errorf("generative: a batch of %d has no pairs for the unbiased estimate: want at least 2", n)
	}
	clear(dx)
	clear(dy)
	loss := -2 * k.pair(0, x, y, n, d, false)
	if dx != nil || dy != nil {
		logsumexp.PullDifferences(k.cfg.Runner, T(-2/float64(n*n)), k.w[0], x, y, n, n, d, dx, dy)
	}
	pairs := float64(n * n)
	if k.cfg.Unbiased {
		pairs = float64(n * (n - 1))
	}
	for side, z := range [][]T{x, y} {
		dz := [][]T{dx, dy}[side]
		if side == 1 && dy == nil && !report {
			break
		}
		loss += k.pair(1+side, z, z, n, d, true)
		if dz != nil {
			logsumexp.PullDifferences(k.cfg.Runner, T(1/pairs), k.w[1+side], z, z, n, n, d, dz, dz)
		}
	}
	return []Metric{{"loss", loss}}, nil
}

// pair returns the mean of the kernel over the pairs of a term, and leaves its slopes d k/d(r^2/2) in w.
func (k *MMD[T]) pair(slot int, x, y []T, n, d int, self bool) float64 {
	if len(k.w[slot]) != n*n {
		k.w[slot] = make([]T, n*n)
	}
	if len(k.acc) != n {
		k.acc, k.e = make([]float64, n), make([]T, 2*n*n)
	}
	w := k.w[slot]
	logsumexp.SquaredDistances(k.cfg.Runner, w, n, x, y, n, n, d, 1)
	parallel.Rows(k.cfg.Runner, n, 16*n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := w[i*n : (i+1)*n]
			if self {
				row[i] = 0
			}
			if k.cfg.Kernel == "gaussian" {
				k.acc[i] = k.gaussianRow(row, k.e[2*i*n:2*(i+1)*n])
			} else {
				k.acc[i] = k.row(row)
			}
			if self && k.cfg.Unbiased {
				k.acc[i] -= k.zero()
			}
		}
	})
	var sum float64
	for _, v := range k.acc {
		sum += v
	}
	if self && k.cfg.Unbiased {
		return sum / float64(n*(n-1))
	}
	return sum / float64(n*n)
}

// zero returns k(0).
func (k *MMD[T]) zero() float64 {
	if k.cfg.Kernel == "energy" {
		return 0
	}
	return float64(len(k.cfg.Bandwidths))
}

// gaussianRow returns the sum of the kernel over squared distances q, and replaces them by slopes, with scratch of twice their number.
//
//	exp(-q/(2 s^2))             slope -exp(-q/(2 s^2))/s^2
func (k *MMD[T]) gaussianRow(row, scratch []T) (sum float64) {
	e, slope := scratch[:len(row)], scratch[len(row):]
	clear(slope)
	for _, s := range k.cfg.Bandwidths {
		copy(e, row)
		kernels.Scale(e, T(-1/(2*s*s)))
		kernels.Exp(e, e)
		sum += float64(kernels.Sum(e))
		kernels.Axpy(slope, T(-1/(s*s)), e)
	}
	copy(row, slope)
	return sum
}

// row is that of the other kernels.
//
//	2 s^2/(2 s^2 + q)           slope -4 s^2/(2 s^2 + q)^2
//	-sqrt q                     slope -1/sqrt q, taken as 0 at q = 0
func (k *MMD[T]) row(row []T) (sum float64) {
	for j, q := range row {
		q := float64(q)
		var slope float64
		if k.cfg.Kernel == "imq" {
			for _, s := range k.cfg.Bandwidths {
				c := 2 * s * s
				sum += c / (c + q)
				slope -= 2 * c / ((c + q) * (c + q))
			}
		} else if r := math.Sqrt(q); r > 0 {
			sum -= r
			slope = -1 / r
		}
		row[j] = T(slope)
	}
	return sum
}

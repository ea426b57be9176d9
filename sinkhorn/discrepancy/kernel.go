package discrepancy

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Kernel is a function of the distance of two points; [NewKernel] makes one.
type Kernel struct {
	name   string
	scales []float64
}

const (
	gaussianName = "gaussian"
	imqName      = "imq"
	energyName   = "energy"
)

// KernelNames are the names that [NewKernel] takes.
var KernelNames = []string{gaussianName, imqName, energyName}

// DefaultBandwidths are those of MMD-GAN (Li et al. 2017).
var DefaultBandwidths = []float64{1, 2, 4, 8, 16}

// NewKernel returns the kernel of a name, the sum over the bandwidths s; none stands for [DefaultBandwidths].
//
//	gaussian  sum_s exp(-|x-y|^2/(2 s^2))          Li, Swersky and Zemel 2015
//	imq       sum_s 2 s^2/(2 s^2 + |x-y|^2)        Tolstikhin et al. 2018, C = 2 s^2
//	energy    -|x-y|                               Szekely and Rizzo 2013; it has no bandwidth
func NewKernel(name string, bandwidths ...float64) (Kernel, error) {
	if !slices.Contains(KernelNames, name) {
		return Kernel{}, fmt.Errorf("discrepancy: unknown kernel %q, want one of %s", name, strings.Join(KernelNames, ", "))
	}
	if len(bandwidths) == 0 {
		bandwidths = DefaultBandwidths
	}
	for _, s := range bandwidths {
		if !(s > 0) || math.IsInf(s, 1) {
			return Kernel{}, fmt.Errorf("discrepancy: bandwidth %g, want a positive number", s)
		}
	}
	return Kernel{name, slices.Clone(bandwidths)}, nil
}

// zero returns k(0).
func (k Kernel) zero() float64 {
	if k.name == energyName {
		return 0
	}
	return float64(len(k.scales))
}

// sumRow returns the sum of the kernel over squared distances q, and replaces them by slopes d k/d(q/2), with scratch of twice their
// number.
func sumRow[T kernels.Float](k Kernel, row, scratch []T) float64 {
	switch k.name {
	case gaussianName:
		return gaussianRow(k.scales, row, scratch)
	case imqName:
		return imqRow(k.scales, row)
	}
	return energyRow(row)
}

// gaussianRow:
//
//	exp(-q/(2 s^2))             slope -exp(-q/(2 s^2))/s^2
func gaussianRow[T kernels.Float](scales []float64, row, scratch []T) (sum float64) {
	e, slope := scratch[:len(row)], scratch[len(row):]
	clear(slope)
	for _, s := range scales {
		copy(e, row)
		kernels.Scale(e, T(-1/(2*s*s)))
		kernels.Exp(e, e)
		sum += float64(kernels.Sum(e))
		kernels.Axpy(slope, T(-1/(s*s)), e)
	}
	copy(row, slope)
	return sum
}

// imqRow:
//
//	k = c/(c + q), c = 2 s^2    slope -2 c/(c + q)^2 = -2 k^2/c
func imqRow[T kernels.Float](scales []float64, row []T) (sum float64) {
	for j, q := range row {
		q := float64(q)
		var slope float64
		for _, s := range scales {
			c := 2 * s * s
			k := c / (c + q)
			sum += k
			slope -= 2 * k * k / c
		}
		row[j] = T(slope)
	}
	return sum
}

// energyRow:
//
//	-sqrt q                     slope -1/sqrt q, taken as 0 at q = 0
func energyRow[T kernels.Float](row []T) (sum float64) {
	kernels.Sqrt(row, row)
	sum = -float64(kernels.Sum(row))
	for j, r := range row {
		if r > 0 {
			row[j] = -1 / r
		}
	}
	return sum
}

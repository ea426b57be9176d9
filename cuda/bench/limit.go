package main

import "github.com/sinkcpu/sinkcpu/cuda/device"

// rates are what a multiprocessor does in a cycle.
type rates struct {
	exps float64 // exponentials
	fma  float64 // multiply-adds of float32
	tf32 float64 // multiply-adds of tensor cores in TF32, 0 where that is not known
}

// ratesOf returns the rates of a compute capability; see the head of this package.
func ratesOf(major, minor int) rates {
	r := rates{exps: 16, fma: 128}
	switch 10*major + minor {
	case 75:
		r.fma = 64
	case 80:
		r.fma, r.tf32 = 64, 512
	case 86, 89:
		r.tf32 = 256
	case 90:
		r.tf32 = 1024
	}
	return r
}

// byDifferences is the most dimensions in which costs are summed from differences, not from products on tensor cores.
const byDifferences = 8

// limit returns the least time of a row in milliseconds by what the device can do, and what binds; 0 where the clock is not known.
func (r *solverRow) limit(info device.Info, ghz float64) (ms float64, by string) {
	if ghz == 0 {
		ghz = float64(info.ClockMHz) / 1e3
	}
	if ghz == 0 || info.Processors == 0 {
		return 0, ""
	}
	passes, sums := 2*float64(r.count), 1.
	if r.count == 0 {
		passes, sums = 1, 2 // of the gradient: the costs, and the plan times points
	}
	entries, d := passes*float64(r.n)*float64(r.n), float64(r.d)
	rate := ratesOf(info.Major, info.Minor)
	cycles := 1e-6 / (ghz * float64(info.Processors)) // milliseconds of one
	ms, by = entries/rate.exps*cycles, "exp unit"
	more := func(least float64, what string) {
		if least > ms {
			ms, by = least, what
		}
	}
	switch {
	case r.d <= byDifferences:
		more(entries*(2*d+sums-1)/rate.fma*cycles, "multiply-adds")
	case info.Major < 8:
		more(entries*sums*d/rate.fma*cycles, "multiply-adds")
	case rate.tf32 > 0:
		terms := 3.
		if r.precision == "TF32" {
			terms = 1
		}
		more(entries*sums*d*terms/rate.tf32*cycles, "tensor cores")
	}
	if info.Bandwidth > 0 {
		more(1e3*passes*2*float64(r.n)*d*4/float64(info.Bandwidth), "memory")
	}
	return ms, by
}

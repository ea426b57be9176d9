package kernels

import "github.com/sinkcpu/sinkcpu/internal/convolution"

func init() {
	convolution.Set(
		convolution.Functions[float32]{Gather: gatherWindows[float32], Scatter: scatterWindows[float32], Expand: winogradExpand[float32], Reduce: winogradReduce[float32]},
		convolution.Functions[float64]{Gather: gatherWindows[float64], Scatter: scatterWindows[float64], Expand: winogradExpand[float64], Reduce: winogradReduce[float64]},
	)
}

// gatherWindows is Gather of package convolution.
func gatherWindows[T Float](dst []T, ldd int, x []T, rows, cols int) {
	checkWindows(dst, ldd, x, rows, cols)
	active[T]().gatherWindows(dst, ldd, x, rows, cols)
}

// scatterWindows is Scatter of package convolution.
func scatterWindows[T Float](dst, x []T, ldx, rows, cols int, bias T) {
	checkWindows(x, ldx, dst, rows, cols)
	active[T]().scatterWindows(dst, x, ldx, rows, cols, bias)
}

func checkWindows[T Float](windows []T, ld int, image []T, rows, cols int) {
	if rows < 0 || cols < 0 {
		panic(badCount)
	}
	checkBlock(windows, ld, 16, rows*cols)
	checkBlock(image, 2*cols, 2*rows, 2*cols)
}

func gatherWindowsGo[T Float](dst []T, ldd int, x []T, rows, cols int) {
	if cols == 0 {
		return
	}
	for ki := range 4 {
		for i := range rows {
			at := dst[4*ki*ldd+i*cols:]
			left, even, odd, right := at[:cols], at[ldd:][:cols], at[2*ldd:][:cols], at[3*ldd:][:cols]
			u := 2*i + ki - 1
			if u < 0 || u >= 2*rows {
				clear(left)
				clear(even)
				clear(odd)
				clear(right)
				continue
			}
			line := x[2*u*cols:][:2*cols]
			for j := range even {
				even[j], odd[j] = line[2*j], line[2*j+1]
			}
			left[0], right[cols-1] = 0, 0
			copy(left[1:], odd)
			copy(right, even[1:])
		}
	}
}

func scatterWindowsGo[T Float](dst, x []T, ldx, rows, cols int, bias T) {
	for u := range 2 * rows {
		line := dst[2*u*cols:][:2*cols]
		fillGo(line, bias)
		for ki := range 4 {
			i := (u + 1 - ki) / 2
			if (u+1-ki)%2 != 0 || u+1 < ki || i >= rows {
				continue
			}
			at := x[4*ki*ldx+i*cols:]
			left, even, odd, right := at[:cols], at[ldx:][:cols], at[2*ldx:][:cols], at[3*ldx:][:cols]
			for j := range even {
				line[2*j] += even[j]
				line[2*j+1] += odd[j]
			}
			for j := 1; j < cols; j++ {
				line[2*j-1] += left[j]
				line[2*j] += right[j-1]
			}
		}
	}
}

func fillGo[T Float](x []T, v T) {
	for i := range x {
		x[i] = v
	}
}

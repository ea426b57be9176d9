package evaluate

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// Sharpness returns the variance of the Laplacian of each of n images, h lines of w pixels in c channels (1, or 3 for red, green and blue);
// a blurred image has a smaller one.
//
//	L(u,v) = p(u-1,v) + p(u+1,v) + p(u,v-1) + p(u,v+1) - 4 p(u,v),   u = 1..h-2, v = 1..w-2
//
// Of three channels p is the luma .299 R + .587 G + .114 B. Noise is sharp too: compare with the value of data, and do not take more for
// better. Source: Tolstikhin et al. 2018, section 4.
func Sharpness[T kernels.Float](x []T, n, h, w, c int) ([]float64, error) {
	if h < 3 || w < 3 || c != 1 && c != 3 {
		return nil, fmt.Errorf("evaluate: images of %d x %d pixels in %d channels, want at least 3 x 3 in 1 or 3", h, w, c)
	}
	d := h * w * c
	if err := checkCloud("x", x, n, d); err != nil {
		return nil, err
	}
	grey := make([]float64, h*w)
	out := make([]float64, n)
	for i := range out {
		row := x[i*d : (i+1)*d]
		for j := range grey {
			if grey[j] = float64(row[j]); c == 3 {
				grey[j] = .299*float64(row[j]) + .587*float64(row[j+h*w]) + .114*float64(row[j+2*h*w])
			}
		}
		out[i] = laplacianVariance(grey, h, w)
	}
	return out, nil
}

// laplacianVariance returns the variance over the inner pixels.
func laplacianVariance(p []float64, h, w int) float64 {
	count, sum, squares := 0., 0., 0.
	for u := 1; u < h-1; u++ {
		for v := 1; v < w-1; v++ {
			at := u*w + v
			l := p[at-w] + p[at+w] + p[at-1] + p[at+1] - 4*p[at]
			count++
			sum += l
			squares += l * l
		}
	}
	mean := sum / count
	return max(squares/count-mean*mean, 0)
}

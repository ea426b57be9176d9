package evaluate

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// ClassScore returns how sure a classifier is of each row and how varied the rows are, from its logits (n x classes): from 1, where all rows
// have one distribution of classes, to the number of classes, where each row has one class and all classes are equally frequent.
//
//	exp(1/n sum_i KL(p_i | 1/n sum_j p_j)),   p_i = softmax(logits_i)
//
// It does not look at data: one good image of each class has the largest score. Source: Salimans et al. 2016, with another network.
func ClassScore[T kernels.Float](logits []T, n, classes int) (float64, error) {
	if err := checkCloud("the logits", logits, n, classes); err != nil {
		return 0, err
	}
	mean, p := make([]float64, classes), make([]float64, classes)
	inner := 0. // sum_i sum_c p log p
	for i := range n {
		row := logits[i*classes : (i+1)*classes]
		top, sum := math.Inf(-1), 0.
		for _, v := range row {
			top = max(top, float64(v))
		}
		for c, v := range row {
			p[c] = math.Exp(float64(v) - top)
			sum += p[c]
		}
		for c, v := range row {
			q := p[c] / sum
			mean[c] += q / float64(n)
			if q > 0 {
				inner += q * (float64(v) - top - math.Log(sum))
			}
		}
	}
	kl := inner / float64(n)
	for _, q := range mean {
		if q > 0 {
			kl -= q * math.Log(q)
		}
	}
	if math.IsNaN(kl) {
		return 0, fmt.Errorf("evaluate: logits up to %g are too large", kernels.Max(logits))
	}
	return math.Exp(max(kl, 0)), nil
}

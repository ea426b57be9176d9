package evaluate

import (
	"errors"
	"slices"
)

// Copying returns the probability that a sample lies nearer to the training data than a held-out row does, given the distances of some of
// each to their nearest training rows.
//
//	1/(n m) sum_i sum_j (1[s_i < t_j] + 1/2 1[s_i = t_j])
//
// It is .5 in the mean for samples with the law of the data, 1 for copies of training rows, and near 0 for samples far from all data. Source:
// Meehan, Chaudhuri and Dasgupta 2020, for one cell.
func Copying(samples, heldOut []float64) (float64, error) {
	if len(samples) == 0 || len(heldOut) == 0 {
		return 0, errors.New("evaluate: no distances to compare")
	}
	for _, v := range slices.Concat(samples, heldOut) {
		if !(v >= 0) {
			return 0, errors.New("evaluate: a distance is negative or not a number")
		}
	}
	t := slices.Sorted(slices.Values(heldOut))
	sum := 0.
	for _, s := range samples {
		below, equal := slices.BinarySearch(t, s)
		ties := 0
		if equal {
			for _, v := range t[below:] {
				if v != s {
					break
				}
				ties++
			}
		}
		sum += float64(len(t)-below-ties) + float64(ties)/2
	}
	return sum / (float64(len(samples)) * float64(len(t))), nil
}

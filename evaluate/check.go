package evaluate

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// checkCloud returns an error where a cloud is empty, has another length than n rows of d, or holds a number that is not finite.
func checkCloud[T kernels.Float](name string, x []T, n, d int) error {
	if n < 1 || d < 1 || len(x) != n*d {
		return fmt.Errorf("evaluate: %s has %d numbers, want %d rows of %d, both positive", name, len(x), n, d)
	}
	for i, v := range x {
		if v-v != 0 {
			return fmt.Errorf("evaluate: row %d of %s: element %d is not finite", i/d, name, i%d)
		}
	}
	return nil
}

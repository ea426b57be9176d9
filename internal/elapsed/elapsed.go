// Package elapsed writes lengths of time for people to read.
package elapsed

import "fmt"

// Text returns seconds as 7s, 2m05s or 1h02m.
func Text(seconds float64) string {
	if !(seconds < 360000) {
		return "over 99h"
	}
	n := int(max(seconds, 0) + .5)
	switch {
	case n < 60:
		return fmt.Sprintf("%ds", n)
	case n < 3600:
		return fmt.Sprintf("%dm%02ds", n/60, n%60)
	}
	return fmt.Sprintf("%dh%02dm", n/3600, n/60%60)
}

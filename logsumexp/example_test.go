package logsumexp_test

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A cost of one's own, here hours between arrivals and departures of which none may be before: +Inf forbids a pair. It is kept in memory, so that the
// function is called once a pair.
func ExampleNewFunc() {
	arrival, departure := []float32{9, 11}, []float32{10, 12, 15}
	cost := logsumexp.Keep(nil, logsumexp.NewFunc(2, 3, func(i, j int) float32 {
		if departure[j] < arrival[i] {
			return float32(math.Inf(1))
		}
		return departure[j] - arrival[i]
	}), 0)
	c, ld := cost.Tile(nil, 0, 2, 0, 3)
	fmt.Println(c[:3], c[ld:ld+3])
	// Output: [1 3 6] [+Inf 1 4]
}

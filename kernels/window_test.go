package kernels

import "testing"

func TestWindows(t *testing.T) { both(t, testWindows[float32], testWindows[float64]) }

// The formulas of both kernels, element by element, on integers that any order of sums adds exactly.
func testWindows[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		for _, size := range [][2]int{{1, 1}, {2, 3}, {7, 7}, {8, 8}, {4, 4}, {14, 14}, {16, 16}, {3, 17}, {0, 3}, {3, 0}} {
			rows, cols := size[0], size[1]
			ld := rows*cols + 2
			image, windows := make([]T, 4*rows*cols), make([]T, 16*ld)
			for i := range image {
				image[i] = T(i*i%101 + 1)
			}
			const untouched = -1
			fillGo(windows, untouched)
			k.gatherWindows(windows, ld, image, rows, cols)
			back, want := make([]T, len(image)), make([]T, len(image))
			fillGo(want, 5)
			for e := range 16 {
				for at := range ld {
					got := windows[e*ld+at]
					if at >= rows*cols {
						if got != untouched {
							t.Fatalf("%v: element %d, place %d was written", size, e, at)
						}
						continue
					}
					u, v := 2*(at/cols)+e/4-1, 2*(at%cols)+e%4-1
					in := u >= 0 && v >= 0 && u < 2*rows && v < 2*cols
					if in && got != image[u*2*cols+v] || !in && got != 0 {
						t.Fatalf("%v: element %d, place %d is %v", size, e, at, got)
					}
					windows[e*ld+at] = T((e*37+at)%59 + 1)
					if in {
						want[u*2*cols+v] += windows[e*ld+at]
					}
				}
			}
			k.scatterWindows(back, windows, ld, rows, cols, 5)
			same(t, "scattered", back, want)
		}
	})
}

//go:build linux

package kernels

import (
	"runtime/debug"
	"testing"
)

// TestGuardPages runs every call with each argument against a page that cannot be touched, behind it and before it.
func TestGuardPages(t *testing.T) { both(t, testGuardPages[float32], testGuardPages[float64]) }

func testGuardPages[T Float](t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	const arguments, room = 9, 4096 // elements: whole pages, so that both ends border on a guard
	arena := make([][]T, arguments)
	for i := range arena {
		x, release := guarded[T](t, room, true)
		defer release()
		arena[i] = x
	}
	rng := newRand()
	var sizes [][2]int
	for cols := range 131 {
		sizes = append(sizes, [2]int{1, cols}, [2]int{5, cols})
	}
	for rows := range 14 {
		sizes = append(sizes, [2]int{rows, 19}, [2]int{rows, 48})
	}
	for _, c := range calls[T]() {
		for _, k := range tables[T]() {
			for _, size := range sizes {
				for _, atEnd := range []bool{true, false} {
					func() {
						defer func() {
							if err := recover(); err != nil {
								t.Fatalf("%s in tier %v, %v, at end %v: %v", c.name, k.tier, size, atEnd, err)
							}
						}()
						next := 0
						c.make(k, size[0], size[1], func(n int, lo, hi T) []T {
							x := arena[next][:n:n]
							if atEnd {
								x = arena[next][room-n:]
							}
							next++
							fill(rng, x, lo, hi)
							return x
						})()
					}()
				}
			}
		}
	}
}

//go:build linux

package kernels

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns n elements of which the last, or the first, borders on memory that cannot be touched. Free it with release.
func guarded[T Float](t *testing.T, n int, atEnd bool) (x []T, release func()) {
	page := syscall.Getpagesize()
	bytes := n * int(unsafe.Sizeof(*new(T)))
	room := roundUp(bytes, page)
	all, err := syscall.Mmap(-1, 0, room+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	for _, guard := range [][]byte{all[:page], all[page+room:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	at := page
	if atEnd {
		at += room - bytes
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&all[at])), n), func() { _ = syscall.Munmap(all) }
}

// TestGemmGuard runs products whose operands border on memory that cannot be touched.
func TestGemmGuard(t *testing.T) {
	eachGemmTile(t, testGemmGuard[float32], testGemmGuard[float64])
}

func testGemmGuard[T Float](t *testing.T, tile *gemmTile[T]) {
	rng := rand.New(rand.NewPCG(11, 12))
	draw := func() T { return T(rng.NormFloat64()) }
	for m := 1; m <= tile.mr+3; m++ {
		for n := 1; n <= tile.nr+3; n++ {
			testGemmGuarded(t, tile, draw, rng.IntN(4), m, n, 1+rng.IntN(40))
		}
	}
	for trans := range 4 {
		testGemmGuarded(t, tile, draw, trans, 5*tile.mr, 2*tile.nr+1, 2*tile.nr)
		testGemmGuarded(t, tile, draw, trans, 2*tile.mr+1, 4*tile.nr, 33)
		testGemmGuarded(t, tile, draw, trans, 131, 129, 67)
		testGemmGuarded(t, tile, draw, trans, 131, 2, 67)
		testGemmGuarded(t, tile, draw, trans, 3, 131, 67)
	}
}

func testGemmGuarded[T Float](t *testing.T, tile *gemmTile[T], draw func() T, trans, m, n, k int) {
	t.Helper()
	for _, atEnd := range []bool{true, false} {
		var releases []func()
		alloc := func(n int) []T {
			x, release := guarded[T](t, n, atEnd)
			releases = append(releases, release)
			return x
		}
		g := newGemmCase(alloc, draw, trans, m, n, k, 1, 0.5)
		want := g.run(tile, nil)
		g.runIn(tile, nil, g.c)
		for i, v := range g.c {
			if v != want[i] {
				t.Fatalf("%v: element %d is %v between guards, %v elsewhere", g, i, v, want[i])
			}
		}
		for _, release := range releases {
			release()
		}
	}
}

// TestGemmPack holds the packing kernels to the loops that they are, between memory that cannot be touched.
func TestGemmPack(t *testing.T) {
	eachGemmTile(t, testGemmPack[float32], testGemmPack[float64])
}

func testGemmPack[T Float](t *testing.T, tile *gemmTile[T]) {
	for _, atEnd := range []bool{false, true} {
		for _, width := range []int{tile.mr, tile.nr} {
			for _, k := range []int{1, 3, 7, 8, 15, 16, 17, 33, 64} {
				for _, n := range []int{1, 2, width - 1, width, 16} {
					if n <= width {
						comparePacked(t, atEnd, true, width, n, k, func(dst, x []T, ld int) { tile.packRows(dst, width, x, ld, n, k) })
						comparePacked(t, atEnd, false, width, n, k, func(dst, x []T, ld int) { tile.packCols(dst, width, x, ld, n, k) })
					}
				}
				wide := tile.packWideB
				if width == tile.mr {
					wide = tile.packWideA
				}
				if wide != nil {
					comparePacked(t, atEnd, false, width, panelsBeside*width, k, func(dst, x []T, ld int) { wide(dst, width*k, x, ld, k) })
				}
			}
		}
	}
}

// comparePacked packs n vectors of length k, which lie in rows where deep, and looks at each in its panel.
func comparePacked[T Float](t *testing.T, atEnd, deep bool, width, n, k int, pack func(dst, x []T, ld int)) {
	t.Helper()
	rows, cols := k, n
	if deep {
		rows, cols = n, k
	}
	ld := cols + 3
	x, release := guarded[T](t, (rows-1)*ld+cols, atEnd)
	defer release()
	dst, release := guarded[T](t, roundUp(n, width)*k, atEnd)
	defer release()
	for i := range x {
		x[i] = T(i + 1)
	}
	pack(dst, x, ld)
	for i := range n {
		for l := range k {
			at := l*ld + i
			if deep {
				at = i*ld + l
			}
			if got := dst[i/width*width*k+l*width+i%width]; got != x[at] {
				t.Fatalf("deep=%v width=%d n=%d k=%d: vector %d at depth %d is %v, want %v", deep, width, n, k, i, l, got, x[at])
			}
		}
	}
}

package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
)

// A gemmCase is one call of Gemm with its operands, each with more leading dimension than it needs: the gaps of A and B hold NaN, those
// of C a value that must survive.
type gemmCase[T Float] struct {
	transA, transB bool
	m, n, k        int
	alpha, beta    T
	a, b, c        []T
	lda, ldb, ldc  int
}

const gap = 12345

// newGemmCase draws operands with draw. Slices come from alloc.
func newGemmCase[T Float](alloc func(n int) []T, draw func() T, trans, m, n, k int, alpha, beta T) *gemmCase[T] {
	g := &gemmCase[T]{transA: trans&1 != 0, transB: trans&2 != 0, m: m, n: n, k: k, alpha: alpha, beta: beta}
	nan := T(math.NaN())
	g.a, g.lda = drawBlock(alloc, draw, g.transA, m, k, 3, nan)
	g.b, g.ldb = drawBlock(alloc, draw, g.transB, k, n, 1, nan)
	g.c, g.ldc = drawBlock(alloc, draw, false, m, n, 2, gap)
	return g
}

func drawBlock[T Float](alloc func(n int) []T, draw func() T, trans bool, rows, cols, extra int, fill T) ([]T, int) {
	if trans {
		rows, cols = cols, rows
	}
	ld := cols + extra
	x := alloc((rows-1)*ld + cols)
	for i := range x {
		x[i] = fill
		if i%ld < cols {
			x[i] = draw()
		}
	}
	return x, ld
}

func (g *gemmCase[T]) at(i, l int) float64 {
	if g.transA {
		i, l = l, i
	}
	return float64(g.a[i*g.lda+l])
}

func (g *gemmCase[T]) bt(l, j int) float64 {
	if g.transB {
		l, j = j, l
	}
	return float64(g.b[l*g.ldb+j])
}

// run returns C of the product, in memory of its own.
func (g *gemmCase[T]) run(tile *gemmTile[T], run Runner) []T {
	c := append([]T(nil), g.c...)
	g.runIn(tile, run, c)
	return c
}

func (g *gemmCase[T]) runIn(tile *gemmTile[T], run Runner, c []T) {
	gemm(tile, run, g.transA, g.transB, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, c, g.ldc)
}

// check compares C with float64 sums. The bound on an element, (k+2) u (|alpha| sum |a b| + |beta c|) with u half an ULP of 1, holds for
// any order of summation, with or without fusion (Higham 2002, section 3.1).
func (g *gemmCase[T]) check(c []T) error {
	tol := float64(g.k+2) * unitRoundoff[T]()
	for i := range g.m {
		for j := range g.n {
			var s, size float64
			for l := range g.k {
				p := g.at(i, l) * g.bt(l, j)
				s += p
				size += math.Abs(p)
			}
			want := float64(g.alpha) * s
			size *= math.Abs(float64(g.alpha))
			if g.beta != 0 {
				old := float64(g.beta) * float64(g.c[i*g.ldc+j])
				want += old
				size += math.Abs(old)
			}
			if got := float64(c[i*g.ldc+j]); !(math.Abs(got-want) <= tol*size) {
				return fmt.Errorf("%v: c[%d,%d] = %v, want %v, bound %.3g", g, i, j, got, want, tol*size)
			}
		}
	}
	return g.checkGaps(c)
}

func (g *gemmCase[T]) checkGaps(c []T) error {
	for i, v := range c {
		if i%g.ldc >= g.n && v != gap {
			return fmt.Errorf("%v: wrote to the gap of C, row %d, column %d", g, i/g.ldc, i%g.ldc)
		}
	}
	return nil
}

// checkIdentity compares C t with alpha A (B t) + beta C0 t for a random t of integers: with integer operands that are small enough, all
// of it is exact.
func (g *gemmCase[T]) checkIdentity(c []T, rng *rand.Rand) error {
	t := make([]float64, g.n)
	for j := range t {
		t[j] = float64(rng.IntN(9) - 4)
	}
	bt := make([]float64, g.k)
	for l := range bt {
		for j, v := range t {
			bt[l] += g.bt(l, j) * v
		}
	}
	for i := range g.m {
		var want, got float64
		for l, v := range bt {
			want += g.at(i, l) * v
		}
		want *= float64(g.alpha)
		for j, v := range t {
			want += float64(g.beta) * float64(g.c[i*g.ldc+j]) * v
			got += float64(c[i*g.ldc+j]) * v
		}
		if !(got == want) {
			return fmt.Errorf("%v: row %d of C t is %v, want %v", g, i, got, want)
		}
	}
	return g.checkGaps(c)
}

func (g *gemmCase[T]) String() string {
	return fmt.Sprintf("transA=%t transB=%t m=%d n=%d k=%d alpha=%v beta=%v", g.transA, g.transB, g.m, g.n, g.k, g.alpha, g.beta)
}

func unitRoundoff[T Float]() float64 {
	if is32[T]() {
		return 0x1p-24
	}
	return 0x1p-53
}

func heap[T Float](n int) []T { return make([]T, n) }

// eachGemmTile runs f on every tier of both precisions.
func eachGemmTile(t *testing.T, f32 func(t *testing.T, tile *gemmTile[float32]), f64 func(t *testing.T, tile *gemmTile[float64])) {
	for _, tab := range tables32 {
		t.Run("float32/isa="+tab.tier.String(), func(t *testing.T) { f32(t, &tab.gemm) })
	}
	for _, tab := range tables64 {
		t.Run("float64/isa="+tab.tier.String(), func(t *testing.T) { f64(t, &tab.gemm) })
	}
}

// TestGemmTiles covers every size of tile at an edge, with every k of the unrolled loop, against the float64 product.
func TestGemmTiles(t *testing.T) {
	eachGemmTile(t, testGemmTiles[float32], testGemmTiles[float64])
}

func testGemmTiles[T Float](t *testing.T, tile *gemmTile[T]) {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func() T { return T(rng.NormFloat64()) }
	scalars := []T{0, 1, -1, 0.7}
	count := 0
	for m := 1; m <= 2*tile.mr+1; m++ {
		for n := 1; n <= 2*tile.nr+1; n++ {
			k := 1 + rng.IntN(20)
			count++
			g := newGemmCase(heap, draw, count%4, m, n, k, scalars[1+count/4%3], scalars[count/12%4])
			if err := g.check(g.run(tile, nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestGemmSmall covers all m, n and k of a small range, all transposes.
func TestGemmSmall(t *testing.T) {
	eachGemmTile(t, testGemmSmall[float32], testGemmSmall[float64])
}

func testGemmSmall[T Float](t *testing.T, tile *gemmTile[T]) {
	rng := rand.New(rand.NewPCG(3, 4))
	draw := func() T { return T(rng.NormFloat64()) }
	for trans := range 4 {
		for m := 1; m <= 10; m++ {
			for n := 1; n <= 10; n++ {
				for k := 1; k <= 10; k++ {
					g := newGemmCase(heap, draw, trans, m, n, k, 1, T(k%2))
					if err := g.check(g.run(tile, nil)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}

// gemmShapes are sizes around the borders of the blocks of a tier, and the skinny ones.
func gemmShapes[T Float](tile *gemmTile[T]) [][3]int {
	mr, nr, kc := tile.mr, tile.nr, tile.kc
	return [][3]int{
		{3 * mr, 3 * nr, kc}, {3*mr + 1, 3*nr + 1, kc + 1}, {2*mr - 1, 2*nr - 1, 3*kc + 7},
		{tile.mc + mr + 1, nr + 3, kc + 5}, {mr + 1, tile.nc + nr + 1, kc + 2}, {tile.mc + 1, tile.nc + 1, 3},
		{direct, nr + 1, 70}, {direct + 1, nr + 1, 70}, {2*mr + 1, direct, 70}, {2*mr + 1, direct + 1, 70},
		{300, 301, 302}, {1, 700, 900}, {700, 1, 900}, {4, 700, 90}, {700, 4, 90}, {5, 700, 90}, {700, 5, 90},
		{2, 3, 3*thinDepth + 1}, {1, 1, thinDepth}, {thinTask/8 + 3, 2, 8}, {1000, 2, 500}, {200, 500, 2},
	}
}

// TestGemmBlocks checks shapes that cross the borders of blocks and tasks, by an identity that needs no second product.
func TestGemmBlocks(t *testing.T) {
	eachGemmTile(t, testGemmBlocks[float32], testGemmBlocks[float64])
}

func testGemmBlocks[T Float](t *testing.T, tile *gemmTile[T]) {
	rng := rand.New(rand.NewPCG(5, 6))
	draw := func() T { return T(rng.IntN(7) - 3) }
	for i, s := range gemmShapes(tile) {
		for trans := range 4 {
			if testing.Short() && trans != i%4 {
				continue
			}
			g := newGemmCase(heap, draw, trans, s[0], s[1], s[2], 2, T(rng.IntN(3)-1))
			if err := g.checkIdentity(g.run(tile, nil), rng); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestGemmDirect asserts that operands that are read where they lie give the bits of packed ones.
func TestGemmDirect(t *testing.T) {
	eachGemmTile(t, testGemmDirect[float32], testGemmDirect[float64])
}

func testGemmDirect[T Float](t *testing.T, tile *gemmTile[T]) {
	rng := rand.New(rand.NewPCG(13, 14))
	draw := func() T { return T(rng.NormFloat64()) }
	packing := *tile
	packing.masked, packing.updateRows = false, nil
	for _, s := range [][3]int{{64, 64, 64}, {2, 5, 3}, {2*tile.mr + 1, 2*tile.nr + 1, 37}, {131, 129, 67}, {20, 40, 1021}, {300, directRows, tile.kc + 5}, {40, directRows + 1, 30}} {
		for trans := range 4 {
			g := newGemmCase(heap, draw, trans, s[0], s[1], s[2], 0.7, 0.3)
			want, got := g.run(&packing, nil), g.run(tile, nil)
			for i := range want {
				if want[i] != got[i] {
					t.Fatalf("%v: element %d is %v, from packed operands %v", g, i, got[i], want[i])
				}
			}
		}
	}
}

// shuffledRunner runs the tasks in a random order on goroutines.
type shuffledRunner struct {
	rng   *rand.Rand
	tasks int
}

func (r *shuffledRunner) For(n int, body func(i int)) {
	r.tasks = max(r.tasks, n)
	var wg sync.WaitGroup
	for _, i := range r.rng.Perm(n) {
		wg.Go(func() { body(i) })
	}
	wg.Wait()
}

// TestGemmRunner asserts that the bits of a product do not depend on who runs its tasks.
func TestGemmRunner(t *testing.T) {
	eachGemmTile(t, testGemmRunner[float32], testGemmRunner[float64])
}

func testGemmRunner[T Float](t *testing.T, tile *gemmTile[T]) {
	rng := rand.New(rand.NewPCG(7, 8))
	draw := func() T { return T(rng.NormFloat64()) }
	r := &shuffledRunner{rng: rng}
	for _, s := range gemmShapes(tile) {
		g := newGemmCase(heap, draw, rng.IntN(4), s[0], s[1], s[2], 0.7, 0.3)
		want, got := g.run(tile, nil), g.run(tile, r)
		for i := range want {
			if want[i] != got[i] {
				t.Fatalf("%v: element %d is %v with a runner, %v without", g, i, got[i], want[i])
			}
		}
	}
	if r.tasks < 8 {
		t.Errorf("no product was cut into more than %d tasks", r.tasks)
	}
}

// TestGemmTaskCount asserts that a large product keeps 64 workers busy, and that a small one does not bother them.
func TestGemmTaskCount(t *testing.T) {
	eachGemmTile(t, testGemmTaskCount[float32], testGemmTaskCount[float64])
}

func testGemmTaskCount[T Float](t *testing.T, tile *gemmTile[T]) {
	for _, c := range []struct{ m, n, k, least, most int }{
		{1024, 1024, 1024, 96, 400},
		{4096, 4096, 300, 128, 800},
		{64, 64, 64, 1, 1},
		{200, 784, 500, 16, 200},
	} {
		g := &gemmJob[T]{tile: tile, mb: min(c.m, tile.mc), nb: min(c.n, tile.nc), kb: min(c.k, tile.kc)}
		g.cut()
		if tasks := ceilDiv(g.mb, g.rows) * ceilDiv(g.nb, g.cols); tasks < c.least || tasks > c.most {
			t.Errorf("%d x %d x %d: %d tasks of %d x %d, want %d to %d", c.m, c.n, c.k, tasks, g.rows, g.cols, c.least, c.most)
		}
	}
}

// TestGemmNotRead asserts what is not read: C where beta = 0, A and B where alpha = 0 or k = 0.
func TestGemmNotRead(t *testing.T) {
	eachGemmTile(t, testGemmNotRead[float32], testGemmNotRead[float64])
}

func testGemmNotRead[T Float](t *testing.T, tile *gemmTile[T]) {
	const m, n, k = 19, 37, 5
	nan := T(math.NaN())
	fill := func(n int, v T) []T {
		x := make([]T, n)
		for i := range x {
			x[i] = v
		}
		return x
	}
	for _, c := range []struct {
		name                 string
		k                    int
		alpha, a, beta, c, w T
	}{
		{"beta=0", k, 1, 2, 0, nan, 2 * 3 * k},
		{"alpha=0", k, 0, nan, 2, 7, 14},
		{"alpha=0 beta=0", k, 0, nan, 0, nan, 0},
		{"alpha=0 beta=1", k, 0, nan, 1, 7, 7},
		{"k=0", 0, 1, nan, 3, 7, 21},
		{"NaN in A", k, 1, nan, 1, 7, nan},
		{"NaN in C", k, 1, 2, 1, nan, nan},
	} {
		got := fill(m*n, c.c)
		gemm(tile, nil, false, false, m, n, c.k, c.alpha, fill(m*k, c.a), k, fill(k*n, 3), n, c.beta, got, n)
		for i, v := range got {
			if v != c.w && !(v != v && c.w != c.w) {
				t.Fatalf("%s: c[%d] = %v, want %v", c.name, i, v, c.w)
			}
		}
	}
	gemm(tile, nil, false, false, 0, n, k, 1, nil, k, fill(k*n, 3), n, 0, nil, n)
	gemm(tile, nil, false, false, m, 0, k, 1, fill(m*k, 3), k, nil, 0, 0, nil, 0)
}

// TestGemmNaNPlace asserts that a NaN reaches its row and column of C, and nothing else.
func TestGemmNaNPlace(t *testing.T) {
	eachGemmTile(t, testGemmNaNPlace[float32], testGemmNaNPlace[float64])
}

func testGemmNaNPlace[T Float](t *testing.T, tile *gemmTile[T]) {
	rng := rand.New(rand.NewPCG(9, 10))
	draw := func() T { return T(rng.NormFloat64()) }
	for _, s := range [][3]int{{33, 70, 40}, {200, 3, 50}, {3, 200, 50}, {1, 1, 9}} {
		for trans := range 4 {
			g := newGemmCase(heap, draw, trans, s[0], s[1], s[2], 1, 0)
			row := rng.IntN(g.m)
			at := row * g.lda
			if g.transA {
				at = row
			}
			g.a[at] = T(math.NaN())
			for i, v := range g.run(tile, nil) {
				if i%g.ldc < g.n && (v != v) != (i/g.ldc == row) {
					t.Fatalf("%v: NaN in row %d of A gives %v in row %d", g, row, v, i/g.ldc)
				}
			}
		}
	}
}

// inOrder is a Runner that allocates nothing.
type inOrder struct{}

func (inOrder) For(n int, body func(i int)) {
	for i := range n {
		body(i)
	}
}

func TestGemmAllocates(t *testing.T) {
	eachGemmTile(t, testGemmAllocates[float32], testGemmAllocates[float64])
}

func testGemmAllocates[T Float](t *testing.T, tile *gemmTile[T]) {
	for _, run := range []Runner{nil, inOrder{}} {
		for _, s := range [][3]int{{64, 300, 90}, {8, 9, 10}, {500, 2, 30}, {2, 500, 30}} {
			for trans := range 4 {
				g := newGemmCase(heap, func() T { return 1 }, trans, s[0], s[1], s[2], 1, 1)
				if n := testing.AllocsPerRun(10, func() { g.runIn(tile, run, g.c) }); n != 0 {
					t.Errorf("%v allocates %v times", g, n)
				}
			}
		}
	}
}

func TestGemmPanics(t *testing.T) {
	x := make([]float32, 12)
	for name, call := range map[string]func(){
		"m":     func() { Gemm(nil, false, false, -1, 2, 2, 1, x, 2, x, 2, 0, x, 2) },
		"lda":   func() { Gemm(nil, false, false, 3, 2, 4, 1, x, 3, x, 2, 0, x, 2) },
		"lda T": func() { Gemm(nil, true, false, 3, 2, 4, 1, x, 2, x, 2, 0, x, 2) },
		"ldb":   func() { Gemm(nil, false, true, 3, 2, 4, 1, x, 4, x, 3, 0, x, 2) },
		"ldc":   func() { Gemm(nil, false, false, 3, 2, 4, 1, x, 4, x, 2, 0, x, 1) },
		"a":     func() { Gemm(nil, false, false, 3, 2, 4, 1, x[:11], 4, x, 2, 0, x, 2) },
		"b":     func() { Gemm(nil, false, false, 3, 2, 4, 1, x, 4, x[:7], 2, 0, x, 2) },
		"c":     func() { Gemm(nil, false, false, 3, 2, 4, 1, x, 4, x, 2, 0, x[:5], 2) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			call()
		})
	}
}

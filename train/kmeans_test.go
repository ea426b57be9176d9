package train

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

// clumps returns n rows about k far corners of a cube, row i near corner i^2 mod k.
func clumps(n, k, dim int) (ds *data.Dataset, centre func(c, j int) float32, share []float64) {
	centre = func(c, j int) float32 { return float32(100 * (c >> (j % 7) & 1)) }
	v := make([]float32, n*dim)
	random.Normal(random.New(1, "clumps"), v, 0, 1)
	share = make([]float64, k)
	for i := range n {
		c := i * i % k
		share[c] += 1 / float64(n)
		for j := range dim {
			v[i*dim+j] += centre(c, j)
		}
	}
	ds, err := data.NewPoints(dim, v, nil)
	if err != nil {
		panic(err)
	}
	return ds, centre, share
}

func TestKMeansFindsClumps(t *testing.T) {
	const n, k, dim = 3000, 11, 14
	ds, centre, share := clumps(n, k, dim)
	used := 0
	for _, s := range share {
		if s > 0 {
			used++
		}
	}
	book, err := kmeans(context.Background(), nil, ds, used, random.New(1, "k-means"))
	if err != nil {
		t.Fatal(err)
	}
	for c := range k {
		if share[c] == 0 {
			continue
		}
		want := make([]float32, dim)
		for j := range want {
			want[j] = centre(c, j)
		}
		best, at := math.Inf(1), 0
		for b := range book.k {
			if d := squaredDistance(want, book.points[b*dim:(b+1)*dim]); d < best {
				best, at = d, b
			}
		}
		// The mean of s n rows of unit variance is off by dim/(s n) on average; ten times that is beyond chance.
		if !(best <= 10*dim/(share[c]*n)) || !(math.Abs(book.share[at]-share[c]) <= 1e-12) {
			t.Errorf("clump %d: centroid off by %g, share %g of %g", c, best, book.share[at], share[c])
		}
	}
}

func TestKMeansDoesNotDependOnWorkers(t *testing.T) {
	ds, _, _ := clumps(5000, 11, 5)
	var want codebook
	for _, workers := range []int{1, 2, 5} {
		pool := parallel.New(workers)
		defer pool.Close()
		book, err := kmeans(context.Background(), pool, ds, 30, random.New(1, "k-means"))
		if err != nil {
			t.Fatal(err)
		}
		if want.points == nil {
			want = book
		}
		for i, v := range want.points {
			if book.points[i] != v {
				t.Fatalf("%d workers: %g, one: %g", workers, book.points[i], v)
			}
		}
	}
}

func TestKMeansOfOneIsTheMean(t *testing.T) {
	ds, _, _ := clumps(777, 5, 3)
	book, err := kmeans(context.Background(), nil, ds, 1, random.New(1, "k-means"))
	if err != nil {
		t.Fatal(err)
	}
	for j := range 3 {
		var mean float64
		for i := range ds.N {
			mean += float64(ds.Points[i*3+j]) / float64(ds.N)
		}
		if !(math.Abs(float64(book.points[j])-mean) <= 1e-7*math.Abs(mean)+1e-30) {
			t.Errorf("coordinate %d: %g, mean %g", j, book.points[j], mean)
		}
	}
	if book.share[0] != 1 {
		t.Errorf("share %g", book.share[0])
	}
}

func TestKMeansOfFewOrEqualRows(t *testing.T) {
	same, err := data.NewPoints(2, []float32{1, 2, 1, 2, 1, 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	book, err := kmeans(context.Background(), nil, same, 100, random.New(1, "k-means"))
	if err != nil || book.k != 3 || notFinite(book.points) >= 0 {
		t.Errorf("%+v, %v", book, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := kmeans(ctx, nil, same, 2, random.New(1, "k-means")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestCodebookIsDrawnByShare(t *testing.T) {
	book := codebook{k: 3, dim: 1, points: []float32{0, 1, 2}, share: []float64{.2, 0, .8}}
	const n = 10000
	x := make([]float32, n)
	book.sample(x, n, random.New(1, "draws"))
	count := map[float32]int{}
	for _, v := range x {
		count[v]++
	}
	// Binomial with standard deviation 40.
	if count[1] != 0 || !(math.Abs(float64(count[0])-.2*n) <= 160) {
		t.Errorf("drawn %v", count)
	}
}

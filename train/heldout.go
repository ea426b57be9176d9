package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Distance returns the sharp entropic transport cost W = <C, P> between two clouds of n and m points of dimension d under the squared
// distance, P the plan of regularisation eps solved to an L1 error of its marginals of at most tol.
type Distance func(ctx context.Context, x, y []float32, n, m, d int, eps, tol float64) (float64, error)

// The settings of the held-out measure.
const (
	heldOutRows  = 1000 // m, at most; a quarter of the test rows where they are fewer
	heldOutDraws = 5
	heldOutTol   = 1e-3
	imageEps     = 1   // on pixels in [0, 1], costs summed over pixels
	pointsEps    = .01 // times the mean cost between test rows, where rows are not images
)

// A HeldOut is the held-out measure of a generator, beside what the same measure gives for the data itself and for cruder models.
//
//	2 W(X,Y) - W(X,X') - W(Y,Y')
//
// X and X' are two independent draws of the model, Y and Y' two disjoint sets of test rows, of Rows rows each.
type HeldOut struct {
	Score                       // of the model
	Rows       int              `json:"rows"`
	Draws      int              `json:"draws"`
	Eps        float64          `json:"eps"`
	Tolerance  float64          `json:"tolerance"` // L1 error of the marginals of each term
	References []ReferenceScore `json:"references"`
	Frechet    *Score           `json:"frechet_digits,omitempty"` // of twice as many rows a side, where they are images that the network digits reads
}

// A Score is a mean over the draws and its standard error.
type Score struct {
	Mean          float64 `json:"mean"`
	StandardError float64 `json:"standard_error"`
}

// A ReferenceScore is the score of something other than the model.
type ReferenceScore struct {
	Name string `json:"name"`
	Score
}

// String returns "mean ± standard error", to two digits of the error.
func (s Score) String() string {
	digits := 2
	if s.StandardError > 0 {
		digits = min(max(1-int(math.Floor(math.Log10(s.StandardError))), 0), 12)
	}
	return fmt.Sprintf("%.*f ± %.*f", digits, s.Mean, digits, s.StandardError)
}

// A heldOut measures against one data set.
type heldOut struct {
	distance    Distance
	train, test *data.Dataset
	seed        uint64
	rows        int
	eps         float64

	real       [][4][]float32 // of each draw, disjoint: Y and Y', and two sets to hold against them
	ofReal     []float64      // W(Y,Y')
	references []ReferenceScore
}

var errNoTest = errors.New("the data has too few rows held out for a measure")

// newHeldOut draws the test rows.
func newHeldOut(ctx context.Context, distance Distance, src *data.Source, seed uint64) (*heldOut, error) {
	if src.Test == nil || src.Test.N < 8 || src.Train.N < 4 {
		return nil, errNoTest
	}
	h := &heldOut{distance: distance, train: src.Train, test: src.Test, seed: seed, eps: imageEps}
	h.rows = min(heldOutRows, src.Test.N/4, src.Train.N/2)
	if src.Test.H == 0 {
		h.eps = pointsEps * meanSquare(src.Test)
		if !(h.eps > 0) {
			return nil, errNoTest
		}
	}
	for draw := range uint64(heldOutDraws) {
		real, rest, err := split(h.test, 2*h.rows, seed, draw)
		if err != nil {
			return nil, err
		}
		half := h.rows * h.test.Dim
		sets := [4][]float32{real[:half], real[half:], rest[:half], rest[half:]}
		w, err := h.w(ctx, sets[0], sets[1])
		if err != nil {
			return nil, err
		}
		h.real = append(h.real, sets)
		h.ofReal = append(h.ofReal, w)
	}
	return h, nil
}

// split returns two disjoint sets of m rows.
func split(ds *data.Dataset, m int, seed, draw uint64) (x, y []float32, err error) {
	first, second, err := data.SplitDisjoint(ds, m, seed, draw)
	if err != nil {
		return nil, nil, err
	}
	x, y = make([]float32, m*ds.Dim), make([]float32, m*ds.Dim)
	ds.Rows(x, first)
	ds.Rows(y, second)
	return x, y, nil
}

func (h *heldOut) w(ctx context.Context, x, y []float32) (float64, error) {
	d := h.test.Dim
	return h.distance(ctx, x, y, len(x)/d, len(y)/d, d, h.eps, heldOutTol)
}

// score measures what draws X and X' come from.
func (h *heldOut) score(ctx context.Context, draw func(k uint64) (x, x2 []float32, err error)) (Score, error) {
	values, err := h.values(ctx, draw)
	if err != nil {
		return Score{}, err
	}
	return scoreOf(values), nil
}

// values returns the measure of each draw.
func (h *heldOut) values(ctx context.Context, draw func(k uint64) (x, x2 []float32, err error)) ([]float64, error) {
	var values []float64
	for k, real := range h.real {
		x, x2, err := draw(uint64(k))
		if err != nil {
			return nil, err
		}
		xy, err := h.w(ctx, x, real[0])
		if err != nil {
			return nil, err
		}
		xx, err := h.w(ctx, x, x2)
		if err != nil {
			return nil, err
		}
		values = append(values, 2*xy-xx-h.ofReal[k])
	}
	return values, nil
}

// scoreOf returns the mean and its standard error, the sample standard deviation over the root of the number.
func scoreOf(values []float64) Score {
	n := float64(len(values))
	var s Score
	for _, v := range values {
		s.Mean += v / n
	}
	var q float64
	for _, v := range values {
		q += (v - s.Mean) * (v - s.Mean)
	}
	s.StandardError = math.Sqrt(q / (n * (n - 1)))
	return s
}

// model measures an objective's samples, always from the same noise.
func (h *heldOut) model(ctx context.Context, obj generative.Generator) (Score, error) {
	return h.score(ctx, h.fromModel(obj))
}

// fromModel returns the draws of a model.
func (h *heldOut) fromModel(obj generative.Generator) func(k uint64) (x, x2 []float32, err error) {
	return func(k uint64) (x, x2 []float32, err error) {
		x, x2 = make([]float32, h.rows*h.test.Dim), make([]float32, h.rows*h.test.Dim)
		obj.Sample(x, h.rows, random.New(h.seed, "held-out", k, 0).Rand)
		obj.Sample(x2, h.rows, random.New(h.seed, "held-out", k, 1).Rand)
		for _, cloud := range [][]float32{x, x2} {
			if notFinite(cloud) >= 0 {
				return nil, nil, generative.ErrNotFinite
			}
		}
		return x, x2, nil
	}
}

// measureReferences fills references: other test rows, the training rows themselves, k-means centroids of those drawn as often as they
// serve, and their mean.
func (h *heldOut) measureReferences(ctx context.Context, pool kernels.Runner) error {
	if h.references != nil {
		return nil
	}
	refs := []ReferenceScore{}
	add := func(name string, draw func(k uint64) (x, x2 []float32, err error)) error {
		s, err := h.score(ctx, draw)
		refs = append(refs, ReferenceScore{name, s})
		return err
	}
	err := add("real against real", func(k uint64) (x, x2 []float32, err error) { return h.real[k][2], h.real[k][3], nil })
	if err != nil {
		return err
	}
	err = add("the training rows", func(k uint64) (x, x2 []float32, err error) { return split(h.train, h.rows, h.seed, k) })
	if err != nil {
		return err
	}
	for _, k := range h.books() {
		book, err := kmeans(ctx, pool, h.train, k, random.New(h.seed, "k-means", uint64(k)))
		if err != nil {
			return err
		}
		if err := add(h.nameOf(k), h.fromBook(book)); err != nil {
			return err
		}
	}
	h.references = refs
	return nil
}

// books returns the sizes of the codebooks.
func (h *heldOut) books() []int {
	if h.train.H == 0 {
		return []int{1}
	}
	return []int{100, 10, 1}
}

func (h *heldOut) nameOf(k int) string {
	switch {
	case k > 1:
		return fmt.Sprintf("%d k-means centroids", k)
	case h.train.H > 0:
		return "the mean image"
	}
	return "the mean point"
}

func (h *heldOut) fromBook(book codebook) func(k uint64) (x, x2 []float32, err error) {
	return func(k uint64) (x, x2 []float32, err error) {
		if book.k == 1 {
			return book.points, book.points, nil // equal rows are one point
		}
		x, x2 = make([]float32, h.rows*book.dim), make([]float32, h.rows*book.dim)
		book.sample(x, h.rows, random.New(h.seed, "codebook", uint64(book.k), k, 0))
		book.sample(x2, h.rows, random.New(h.seed, "codebook", uint64(book.k), k, 1))
		return x, x2, nil
	}
}

// result returns the full measure of a model.
func (h *heldOut) result(s Score) *HeldOut {
	return &HeldOut{Score: s, Rows: h.rows, Draws: heldOutDraws, Eps: h.eps, Tolerance: heldOutTol, References: h.references}
}

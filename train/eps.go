package train

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// An Eps is a strength of regularisation: in units of the cost, or as a multiple of the mean cost between rows of the training data.
type Eps struct {
	Value  float64
	OfMean bool
}

// ParseEps reads "E" or "E*mean" with E > 0.
func ParseEps(s string) (Eps, error) {
	number, ofMean := strings.CutSuffix(strings.ReplaceAll(s, " ", ""), "*mean")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		return Eps{}, fmt.Errorf("%q is not a positive number, or one times the mean cost, such as 0.05*mean", s)
	}
	return Eps{Value: v, OfMean: ofMean}, nil
}

// String returns what ParseEps reads.
func (e Eps) String() string {
	s := strconv.FormatFloat(e.Value, 'g', -1, 64)
	if e.OfMean {
		s += "*mean"
	}
	return s
}

// MarshalJSON writes a number, or the string "E*mean".
func (e Eps) MarshalJSON() ([]byte, error) {
	if e.OfMean {
		return json.Marshal(e.String())
	}
	return json.Marshal(e.Value)
}

// UnmarshalJSON reads a number or a string.
func (e *Eps) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		s = string(text)
	}
	v, err := ParseEps(s)
	if err != nil {
		return fmt.Errorf("eps: %w", err)
	}
	*e = v
	return nil
}

// adaptsEps reports whether eps is a multiple of a mean cost that changes as the cost is learned. It is taken from each batch then.
func (c Config) adaptsEps() bool { return c.Eps.OfMean && c.comparesFeatures() }

// resolveEps returns eps in units of the cost, or as it stands where each batch has its own mean.
func (c Config) resolveEps(ds *data.Dataset) (float64, error) {
	if !c.Eps.OfMean || c.adaptsEps() || c.Objective != "sinkhorn" && !c.isROT() {
		return c.Eps.Value, nil
	}
	mean, err := meanCost(ds, c.Cost, c.Seed)
	if err != nil {
		return 0, err
	}
	if !(mean > 0) || math.IsInf(mean, 0) {
		return 0, fmt.Errorf("--eps %v: the mean cost between the rows of the data is %g; give eps as a number", c.Eps, mean)
	}
	return c.Eps.Value * mean, nil
}

// meanRows bounds the rows between which a mean cost is estimated that has no closed form.
const meanRows = 1000

// meanCost returns the mean cost between two rows drawn at random: of squared distances in closed form, of others between meanRows rows at
// most, drawn from the stream "mean cost" of the seed.
func meanCost(ds *data.Dataset, name string, seed uint64) (float64, error) {
	ground, err := logsumexp.ParseGround(name)
	if err != nil {
		return 0, err
	}
	switch ground {
	case logsumexp.SqEuclidean:
		return meanSquare(ds), nil
	case logsumexp.HalfSqEuclidean:
		return meanSquare(ds) / 2, nil
	}
	n := min(ds.N, meanRows)
	x := make([]float32, n*ds.Dim)
	data.NewBatcher(ds, seed, "mean cost").Next(x, n)
	wide := make([]float64, len(x))
	for i, v := range x {
		wide[i] = float64(v)
	}
	p, err := logsumexp.NewPoints[float64](ground, wide, wide, nil, nil, n, n, ds.Dim)
	if err != nil {
		return 0, err
	}
	var sum float64
	row := make([]float64, n)
	for i := range n {
		c, _ := p.Tile(row, i, i+1, 0, n)
		for _, v := range c[:n] {
			sum += v
		}
	}
	return sum / float64(n) / float64(n), nil
}

// meanSquare returns the mean squared distance between two rows drawn at random with replacement.
//
//	1/N^2 sum_ij |x_i - x_j|^2 = 2 sum_k var(x_k)
func meanSquare(ds *data.Dataset) float64 {
	row := make([]float32, ds.Dim)
	mean, spread := make([]float64, ds.Dim), make([]float64, ds.Dim)
	for i := range ds.N { // Welford's recurrence, exact for large offsets
		ds.Row(row, i)
		for k, v := range row {
			d := float64(v) - mean[k]
			mean[k] += d / float64(i+1)
			spread[k] += d * (float64(v) - mean[k])
		}
	}
	var sum float64
	for _, s := range spread {
		sum += s
	}
	return 2 * sum / float64(ds.N)
}

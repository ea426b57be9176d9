package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/sinkcpu/sinkcpu/bench/row"
)

// A Model is the time of a full iteration over n x m entries on p threads,
//
//	t = n m / (p Rate) + [the matrix is beyond the caches] bytes n m / Bandwidth + Point (n + m) + Barrier log2 p
//
// and with 2 n m for n m in the first term where a computed cost has more than 2^18 columns, whose entries the library computes twice. Rate is in entries a second and core; Bandwidth in bytes a second of all cores together, over what computing hides, infinite where no row
// shows a read; Point and Barrier in seconds. The rows and columns of Point are taken as serial.
type Model struct {
	Cost      string // stored or points, with the dimension
	Rate      float64
	Bandwidth float64
	Point     float64
	Barrier   float64
	Rows      int
	Typical   float64 // median of |predicted/measured - 1|
	Worst     float64 // largest of it
}

// A sample is a row that the model is fitted to.
type sample struct {
	n, m, p float64
	bytes   float64 // of an entry that is read from memory, 0 where nothing is
	seconds float64
}

func (s sample) terms() [4]float64 {
	return [4]float64{s.n * s.m / s.p, s.bytes * s.n * s.m, s.n + s.m, math.Log2(s.p)}
}

// Predict returns the time of an iteration in seconds; bytes is that of an entry read from memory, 0 for costs in a cache or computed.
func (m Model) Predict(n, cols, p, bytes float64) float64 {
	t := sample{n: n, m: cols, p: p, bytes: bytes}.terms()
	if m.Cost != stored && cols > twiceCols {
		t[0] *= 2
	}
	return t[0]/m.Rate + t[1]/m.Bandwidth + t[2]*m.Point + t[3]*m.Barrier
}

// Ranks predicts an iteration that is divided over so many ranks of p threads, which exchange 8 m bytes twice a rank and iteration over a
// network of so many bytes a second, in 2 log2(ranks) messages of a latency in seconds.
func (m Model) Ranks(n, cols, p, bytes, ranks, network, latency float64) float64 {
	t := m.Predict(n/ranks, cols, p, bytes)
	if ranks > 1 {
		t += 2*8*cols/network + 2*math.Log2(ranks)*latency
	}
	return t
}

// twiceCols are the columns above which package logsumexp computes the entries of a cost that is not stored twice, rather than keep them.
const twiceCols = 1 << 18

// fit finds the parameters, none negative, with the least sum of squares of relative errors.
func fit(cost string, samples []sample) (Model, error) {
	const least = 3
	if len(samples) < least {
		return Model{}, fmt.Errorf("%d rows of %s are too few to fit", len(samples), cost)
	}
	best, bestErr := [4]float64{}, math.Inf(1)
	for set := 1; set < 1<<4; set += 2 { // the rate always; with so few terms all subsets are tried, the best with no negative term is the optimum
		x, ok := leastSquares(samples, set)
		if !ok {
			continue
		}
		var sum float64
		for _, s := range samples {
			e := dot(s.terms(), x)/s.seconds - 1
			sum += e * e
		}
		if sum < bestErr*(1-1e-9) {
			best, bestErr = x, sum
		}
	}
	if !(best[0] > 0) {
		return Model{}, fmt.Errorf("the rows of %s fit no rate above zero", cost)
	}
	m := Model{Cost: cost, Rate: 1 / best[0], Bandwidth: 1 / best[1], Point: best[2], Barrier: best[3], Rows: len(samples)}
	var off []float64
	for _, s := range samples {
		off = append(off, math.Abs(m.Predict(s.n, s.m, s.p, s.bytes)/s.seconds-1))
	}
	m.Typical, m.Worst = row.Median(off), slices.Max(off)
	return m, nil
}

// leastSquares solves for the terms in set; not ok where they are not independent or one comes out negative.
func leastSquares(samples []sample, set int) (x [4]float64, ok bool) {
	var terms []int
	for k := range 4 {
		if set>>k&1 == 1 {
			terms = append(terms, k)
		}
	}
	if len(samples) < len(terms) {
		return x, false
	}
	a, b := mat.NewDense(len(samples), len(terms), nil), mat.NewVecDense(len(samples), nil)
	scale := make([]float64, len(terms)) // columns of norm 1: terms differ by ten orders
	for c, k := range terms {
		for i, s := range samples {
			a.Set(i, c, s.terms()[k]/s.seconds)
			scale[c] = math.Hypot(scale[c], a.At(i, c))
		}
		if scale[c] == 0 {
			return x, false
		}
		for i := range samples {
			a.Set(i, c, a.At(i, c)/scale[c])
		}
	}
	for i := range samples {
		b.SetVec(i, 1)
	}
	var v mat.VecDense
	if err := v.SolveVec(a, b); err != nil {
		return x, false
	}
	for c, k := range terms {
		if x[k] = v.AtVec(c) / scale[c]; !(x[k] >= 0) {
			return x, false
		}
	}
	return x, true
}

func dot(a, b [4]float64) (s float64) {
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// models fits the full iterations in float32 of a report: over stored matrices, and over points in each dimension.
func models(r *row.Report) (found []Model) {
	groups, order := map[string][]sample{}, []string{}
	for i := range r.Rows {
		l := &r.Rows[i]
		if l.Name != "full-iteration" || l.Param("m") != "" || l.Param("precision") != "f32" || l.Error != "" || l.Param("isa") != r.Machine.Tier {
			continue
		}
		n, p := number(l.Param("n")), number(l.Param("threads"))
		s := sample{n: n, m: n, p: p, seconds: 1e-3 * l.Value}
		name := pointsOf(l)
		if l.Param("cost") == stored {
			if name = stored; 4*n*n > float64(max(r.Machine.L3, 1<<20)) {
				s.bytes = 4
			}
		}
		if groups[name] == nil {
			order = append(order, name)
		}
		groups[name] = append(groups[name], s)
	}
	for _, name := range order {
		if m, err := fit(name, groups[name]); err == nil {
			found = append(found, m)
		}
	}
	return found
}

// pointsOf is the name of a model of costs from points.
func pointsOf(r *row.Row) string { return "points, d = " + r.Param("d") }

func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// The network of the predictions: 100 Gbit/s and 10 us from rank to rank.
const (
	network = 12.5e9
	latency = 10e-6
)

// scaleText writes the models, what they say of more cores and ranks, and how a million points compare.
func scaleText(r *row.Report) string {
	ms := models(r)
	return modelText(ms) + millionText(r, ms)
}

func modelText(ms []Model) string {
	if len(ms) == 0 {
		return "Too few full iterations were measured to fit a model.\n"
	}
	var b strings.Builder
	b.WriteString("| cost | G entries/s a core | GB/s of all cores, where not hidden | ns a row and column | barrier us | rows | off by: median, worst |\n|---|--:|--:|--:|--:|--:|--:|\n")
	for _, m := range ms {
		bandwidth := "-"
		if !math.IsInf(m.Bandwidth, 0) {
			bandwidth = row.Number(m.Bandwidth / 1e9)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %d | %.0f %%, %.0f %% |\n", m.Cost, row.Number(m.Rate/1e9), bandwidth, row.Number(1e9*m.Point), row.Number(1e6*m.Barrier), m.Rows, 100*m.Typical, 100*m.Worst)
	}
	b.WriteString("\nPredicted, not measured: milliseconds of an iteration of n = m = 65536, on so many cores of this kind, and on ranks of 64 of them\n" +
		"with 100 Gbit/s and 10 us between them.\n\n| cost | 1 core | 16 | 64 | 4 ranks | 16 ranks | 64 ranks |\n|---|--:|--:|--:|--:|--:|--:|\n")
	const n = 65536
	for _, m := range ms {
		bytes := 0.
		if m.Cost == "stored" {
			bytes = 4
		}
		fmt.Fprintf(&b, "| %s |", m.Cost)
		for _, p := range []float64{1, 16, 64} {
			fmt.Fprintf(&b, " %s |", row.Number(1e3*m.Predict(n, n, p, bytes)))
		}
		for _, ranks := range []float64{4, 16, 64} {
			fmt.Fprintf(&b, " %s |", row.Number(1e3*m.Ranks(n, n, 64, bytes, ranks, network, latency)))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// millionText holds the iterations of [measure.Session.Million] beside the model that was fitted without them.
func millionText(r *row.Report, ms []Model) string {
	var b strings.Builder
	for i := range r.Rows {
		l := &r.Rows[i]
		if l.Name != "full-iteration" || l.Param("m") == "" || l.Error != "" {
			continue
		}
		n, m, p := number(l.Param("n")), number(l.Param("m")), number(l.Param("threads"))
		fmt.Fprintf(&b, "\nAn iteration of %.0f x %.0f points in %s dimensions on %.0f threads took %s ms (%s)", n, m, l.Param("d"), p, row.Number(l.Value), strings.Join(l.Remarks(), "; "))
		if at := slices.IndexFunc(ms, func(m Model) bool { return m.Cost == pointsOf(l) }); at >= 0 {
			predicted := 1e3 * ms[at].Predict(n, m, p, 0)
			fmt.Fprintf(&b, "; the model, which was fitted without it, says %s, %+.0f %%", row.Number(predicted), 100*(predicted/l.Value-1))
		}
		b.WriteString(".\n")
	}
	return b.String()
}

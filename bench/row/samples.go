package row

import (
	"math"
	"slices"
)

// Samples are the durations of one operation, in seconds.
type Samples struct {
	Seconds   []float64
	Unstable  bool    // they did not agree when the time was up
	Disturbed int     // samples during which threads waited for a processor that others had; set aside where enough others are left
	Lost      float64 // with several threads: the time that they waited for processors, as a share of that of all samples
}

// Median returns the median of x, the mean of the middle two for an even number, NaN for none.
func Median(x []float64) float64 {
	n := len(x)
	if n == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(x))
	if n%2 == 1 {
		return s[n/2]
	}
	return s[n/2-1]/2 + s[n/2]/2
}

// MAD returns the median absolute deviation of x from its median, NaN for no element.
func MAD(x []float64) float64 {
	m := Median(x)
	d := make([]float64, len(x))
	for i, v := range x {
		d[i] = math.Abs(v - m)
	}
	return Median(d)
}

// Rate returns a row whose value is amount / time, such as floating-point operations a second.
func (s Samples) Rate(name string, params []Param, amount float64, unit string) Row {
	return s.row(Row{Name: name, Params: params, Unit: unit}, func(seconds float64) float64 { return amount / seconds })
}

// Time returns a row whose value is a time; perSecond is how many of the unit a second has.
func (s Samples) Time(name string, params []Param, perSecond float64, unit string) Row {
	return s.row(Row{Name: name, Params: params, Unit: unit, Lower: true}, func(seconds float64) float64 { return perSecond * seconds })
}

func (s Samples) row(r Row, convert func(seconds float64) float64) Row {
	for _, t := range s.Seconds {
		r.Samples = append(r.Samples, convert(t))
	}
	if len(r.Samples) == 0 {
		r.Error = "no samples"
		return r
	}
	r.Value, r.MAD = Median(r.Samples), MAD(r.Samples)
	r.Unstable, r.Disturbed, r.Lost = s.Unstable, s.Disturbed, s.Lost
	r.Min, r.Max = slices.Min(r.Samples), slices.Max(r.Samples)
	return r
}

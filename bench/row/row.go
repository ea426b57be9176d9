// Package row is the format that all benchmarks share: a row for each thing measured, the sheet of the machine it was measured on, the
// loop that times it, and the table and JSON that it is written to.
//
// A row states its own spread, and says that it is unstable when repeated samples disagree. Where it is known what binds the work, a
// row carries that limit and the fraction of it that was reached.
package row

import "strings"

// A Param is one key=value pair of a row's name, such as isa=avx512 or n=1024.
type Param struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// A Row is one thing measured.
type Row struct {
	Name   string  `json:"name"`   // what was measured, such as sweep
	Params []Param `json:"params"` // on what: isa, n, m, d, threads, precision ...

	Value float64 `json:"value"`           // the median of the samples, in Unit
	Unit  string  `json:"unit"`            // GFLOP/s, G entries/s, GB/s, ms ...
	Lower bool    `json:"lower,omitempty"` // lower is better, as for times
	Limit *Limit  `json:"limit,omitempty"` // what the machine allows, where it is known
	Ports *Limit  `json:"ports,omitempty"` // the same for a core that starts two vector operations a cycle
	Spread
	Unstable bool    `json:"unstable"`         // the samples did not agree when the time was up
	Memory   *Memory `json:"memory,omitempty"` // what it allocates and the most that it may, where that is stated
	Note     string  `json:"note,omitempty"`   // a condition that a reader must know

	// Error is why there is no value: a wrong result, or a peer that could not be installed.
	Error string `json:"error,omitempty"`
}

// A Limit is the most that the machine allows for a row.
type Limit struct {
	Value    float64 `json:"value"`    // in the unit of the row
	By       string  `json:"by"`       // what binds: FMA, vector operations, streaming read ...
	Fraction float64 `json:"fraction"` // of the limit that was reached: value/limit, or limit/value where lower is better
}

// A Spread describes the samples of a row, in its unit.
type Spread struct {
	MAD     float64   `json:"mad"` // median absolute deviation from the median
	Min     float64   `json:"min"`
	Max     float64   `json:"max"`
	Samples []float64 `json:"samples,omitempty"`

	// Disturbed counts samples during which threads waited for a processor that other processes had. They are not among the samples,
	// unless too few others were left.
	Disturbed int `json:"disturbed,omitempty"`

	// Lost is, with several threads, the time that they waited for such processors, as a share of the time of all samples.
	Lost float64 `json:"lost,omitempty"`
}

// P returns the pairs of key, value, key, value ... and panics when one is left over.
func P(pairs ...string) []Param {
	if len(pairs)%2 != 0 {
		panic("row: a key without a value")
	}
	p := make([]Param, len(pairs)/2)
	for i := range p {
		p[i] = Param{pairs[2*i], pairs[2*i+1]}
	}
	return p
}

// Key returns the name with its parameters in the form of Go's benchmarks, name/key=value/key=value; rows of two runs with the same key
// measure the same thing.
func (r *Row) Key() string {
	var b strings.Builder
	b.WriteString(r.Name)
	for _, p := range r.Params {
		b.WriteString("/" + p.Key + "=" + p.Value)
	}
	return b.String()
}

// Param returns the value of a key, "" where the row has none.
func (r *Row) Param(key string) string {
	for _, p := range r.Params {
		if p.Key == key {
			return p.Value
		}
	}
	return ""
}

// SetLimit sets the limit and the fraction of it that the value is. A limit that is not positive is unknown and is left out.
func (r *Row) SetLimit(value float64, by string) { r.Limit = r.of(value, by) }

// SetPorts sets the limit by two operations a cycle in the same way.
func (r *Row) SetPorts(value float64, by string) { r.Ports = r.of(value, by) }

func (r *Row) of(value float64, by string) *Limit {
	if !(value > 0) || r.Error != "" {
		return nil
	}
	l := &Limit{Value: value, By: by, Fraction: r.Value / value}
	if r.Lower {
		l.Fraction = value / r.Value
	}
	return l
}

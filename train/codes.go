package train

import (
	"context"
	"fmt"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

// codeRows is the number of held-out rows by which codes are measured, at most.
const codeRows = 2000

// measureCodes returns what an auto-encoder makes of held-out rows, under names for metrics.jsonl; nil where there is no encoder or there are
// no rows. A measure that fails is a note.
func (r *run) measureCodes(ctx context.Context) (line []Metric, rows int) {
	auto, ok := r.obj.(*generative.AutoEncoder)
	if !ok || r.src.Test == nil || r.src.Test.N < 2 || r.cfg.EvalEvery < 0 {
		return nil, 0
	}
	n := min(r.src.Test.N, codeRows)
	metrics, err := auto.MeasureCodes(ctx, firstRows(r.src.Test, n), n, random.New(r.cfg.Seed, "codes").Rand)
	if err != nil {
		r.reporter.Note(fmt.Sprintf("step %d: no measure of the codes: %v", r.step, err))
		return nil, 0
	}
	for _, m := range metrics {
		line = append(line, Metric{keyHeldOut + "_" + m.Name, m.Value})
	}
	return line, n
}

// BesideReconstructions returns 2 n rows: each of n rows of x, and after it what the model makes of its code.
func BesideReconstructions(model *generative.AutoEncoder, x []float32, n int) []float32 {
	d := len(x) / n
	z, y := make([]float32, n*model.LatentDim()), make([]float32, len(x))
	model.Encode(z, x, n, nil)
	model.Decode(y, z, n)
	out := make([]float32, 0, 2*len(x))
	for i := range n {
		out = append(append(out, x[i*d:(i+1)*d]...), y[i*d:(i+1)*d]...)
	}
	return out
}

// Ways returns what the model makes of codes between those of two rows, pair after pair of rows of x, each way in that many steps with both
// ends among them; see [generative.AutoEncoder.Interpolate]. With withRows the two rows themselves stand at the ends of each way.
func Ways(model *generative.AutoEncoder, x []float32, pairs, steps int, withRows bool) []float32 {
	d, dim := model.LatentDim(), len(x)/(2*pairs)
	z, way := make([]float32, 2*pairs*d), make([]float32, pairs*steps*d)
	model.Encode(z, x, 2*pairs, nil)
	for p := range pairs {
		model.Interpolate(way[p*steps*d:], z[2*p*d:], z[(2*p+1)*d:], steps)
	}
	y := make([]float32, pairs*steps*dim)
	model.Decode(y, way, pairs*steps)
	if !withRows {
		return y
	}
	var out []float32
	for p := range pairs {
		out = append(out, x[2*p*dim:(2*p+1)*dim]...)
		out = append(out, y[p*steps*dim:(p+1)*steps*dim]...)
		out = append(out, x[(2*p+1)*dim:(2*p+2)*dim]...)
	}
	return out
}

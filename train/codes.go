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

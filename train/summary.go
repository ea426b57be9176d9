package train

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/elapsed"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/report/page"
)

// A Summary is the result of a run.
type Summary struct {
	Dir        string  `json:"dir"`
	Objective  string  `json:"objective"`
	Data       string  `json:"data"`
	Seed       uint64  `json:"seed"`
	Batch      int     `json:"batch"`
	Eps        float64 `json:"eps"` // in units of the cost
	Iters      int     `json:"iters"`
	Parameters int     `json:"parameters"`

	Steps   int      `json:"steps"`
	Loss    float64  `json:"loss"`    // of the last step
	Metrics []Metric `json:"metrics"` // of the last step, the loss first
	HeldOut *HeldOut `json:"held_out,omitempty"`
	NoScore string   `json:"held_out_missing,omitempty"` // why there is no held-out measure

	HeldOutMetrics []Metric `json:"held_out_metrics,omitempty"` // of a model that predicts, on HeldOutRows rows
	HeldOutRows    int      `json:"held_out_rows,omitempty"`

	Notices []generative.Notice `json:"notices,omitempty"` // such as a collapse, at the first step that showed it

	Modes  *ModeCount   `json:"modes,omitempty"`  // where the data is a mixture of known modes
	Inside InsideCounts `json:"inside,omitempty"` // where the model is ellipsoids and the data has classes

	Seconds        float64 `json:"seconds"`     // of training, over all sessions; without pictures, checkpoints and measures
	CPUSeconds     float64 `json:"cpu_seconds"` // of all processors in these
	StepsPerSecond float64 `json:"steps_per_second"`
	Threads        int     `json:"threads"` // 0 where the runner does not say
	Tier           string  `json:"tier"`
	Device         string  `json:"device"` // on which the networks computed in this session, "cpu" for the processor
	Go             string  `json:"go"`
	Version        string  `json:"version"`
}

// workers returns how many a runner has, 0 where it does not say.
func workers(run kernels.Runner) int {
	if w, ok := run.(interface{ Workers() int }); ok {
		return w.Workers()
	}
	return 0
}

// summarise fills in all but the held-out measure.
func (r *run) summarise() *Summary {
	seconds, cpu := r.metrics.elapsed()
	s := &Summary{
		Dir: string(r.folder), Objective: r.cfg.Objective, Data: r.cfg.Data, Seed: r.cfg.Seed, Batch: r.cfg.Batch, Eps: r.eps, Iters: r.cfg.Iters,
		Steps: r.step, Metrics: r.last, Seconds: round3(seconds), CPUSeconds: round3(cpu),
		Threads: workers(r.pool), Tier: kernels.Active().String(), Device: r.device, Go: runtime.Version(), Version: r.version,
	}
	for _, g := range r.obj.Groups() {
		for _, p := range g.Params {
			s.Parameters += p.Value.Size()
		}
	}
	if len(r.last) > 0 {
		s.Loss = r.last[0].Value
	}
	s.Inside = countInside(r.obj, r.src.Train)
	if g, ok := r.obj.(generative.Generator); ok && r.src.Modes != nil {
		c := sampledModes(g, r.src.Modes, r.cfg.Seed)
		s.Modes = &c
	}
	if s.Seconds > 0 {
		s.StepsPerSecond = round3(float64(s.Steps) / s.Seconds)
	}
	return s
}

// counted writes a number of things.
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// Text returns the summary for a person to read, in a few lines.
func (s *Summary) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s, %.4g steps/s, loss %.4g\n", counted(s.Steps, "step"), elapsed.Text(s.Seconds), s.StepsPerSecond, s.Loss)
	if s.Device != processor {
		fmt.Fprintf(&b, "the networks computed on %s\n", s.Device)
	}
	for _, n := range s.Notices {
		fmt.Fprintf(&b, "step %d: %s\n", n.Step, n.Text)
	}
	if s.HeldOut != nil {
		fmt.Fprintf(&b, "held-out measure 2W(X,Y) - W(X,X') - W(Y,Y'), %d rows, eps %.3g, %d draws:\n", s.HeldOut.Rows, s.HeldOut.Eps, s.HeldOut.Draws)
		fmt.Fprintf(&b, "  %-22s %s\n", "this model", s.HeldOut.Score)
		for _, ref := range s.HeldOut.References {
			fmt.Fprintf(&b, "  %-22s %s\n", ref.Name, ref.Score)
		}
		if f := s.HeldOut.Frechet; f != nil {
			fmt.Fprintf(&b, "%s %s; sinkcpu eval --run %s measures more\n", keyFrechet, f, s.Dir)
		}
	} else if s.NoScore != "" {
		fmt.Fprintf(&b, "no held-out measure: %s\n", s.NoScore)
	}
	if len(s.HeldOutMetrics) > 0 {
		var values []string
		for _, m := range s.HeldOutMetrics {
			values = append(values, fmt.Sprintf("%s %.4f", strings.ReplaceAll(strings.TrimPrefix(m.Name, keyHeldOut+"_"), "_", " "), m.Value))
		}
		fmt.Fprintf(&b, "on %d held-out rows: %s\n", s.HeldOutRows, strings.Join(values, ", "))
	}
	if s.Modes != nil {
		fmt.Fprintf(&b, "%v\n", *s.Modes)
	}
	if s.Inside != nil {
		fmt.Fprintf(&b, "training rows of each class in each ellipsoid:\n%v", s.Inside)
	}
	fmt.Fprintf(&b, "pictures, metrics and checkpoint are in %s\n", s.Dir)
	return b.String()
}

// writeSummary writes summary.json and, from all that is in the folder then, report.html.
func (r *run) writeSummary(s *Summary) error {
	s.Notices = r.notices
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := r.folder.write(r.folder.summary(), append(text, '\n')); err != nil {
		return err
	}
	return atomicfile.Write(r.folder.report(), func(w io.Writer) error { return page.Write(w, string(r.folder)) })
}

package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

// notice keeps what was noticed of a kind the first time, in notices.json, and tells it.
func (r *run) notice(n generative.Notice) error {
	if slices.ContainsFunc(r.notices, func(o generative.Notice) bool { return o.Kind == n.Kind }) {
		return nil
	}
	r.notices = append(r.notices, n)
	r.reporter.Note(fmt.Sprintf("step %d: %s", n.Step, n.Text))
	return r.folder.writeNotices(r.notices)
}

// noticeObjective keeps what the objective has noticed.
func (r *run) noticeObjective() error {
	o, ok := r.obj.(generative.Noticer)
	if !ok {
		return nil
	}
	var err error
	for _, n := range o.Notices() {
		err = errors.Join(err, r.notice(n))
	}
	return err
}

const modeCollapse = "mode collapse"

// The bounds below which a model is said to have collapsed.
const (
	collapseFrom = 100 // steps before which none is
	goneSamples  = .05 // E|x - E x|^2 of samples over that of the data
	goneModes    = .5  // modes with samples near them, where the data is a mixture of known modes
	settledNear  = .5  // share of samples near a mode above which those without are lost rather than not yet found
	modeRows     = 500 // samples and rows of the data that are compared
)

// noticeModes notices a model that makes much less than the data shows, when its pictures are drawn.
func (r *run) noticeModes(model generative.Generator) error {
	n := min(modeRows, r.src.Train.N)
	if r.step < collapseFrom || n < 2 {
		return nil
	}
	samples := make([]float32, n*r.src.Train.Dim)
	model.Sample(samples, n, random.New(r.cfg.Seed, "collapse").Rand)
	if r.spread == 0 {
		r.spread = variance(firstRows(r.src.Train, n), n)
	}
	if v := variance(samples, n); v < goneSamples*r.spread {
		return r.notice(generative.Notice{Step: uint64(r.step), Kind: modeCollapse, Text: fmt.Sprintf(
			"mode collapse: samples have %.2g of the variance of the data; try a smaller --lr or a larger --batch", v/r.spread)})
	}
	if r.src.Modes == nil {
		return nil
	}
	if c := sampledModes(model, r.src.Modes, r.cfg.Seed); c.Near > settledNear && float64(c.Covered) < goneModes*float64(c.Of) {
		return r.notice(generative.Notice{Step: uint64(r.step), Kind: modeCollapse, Text: fmt.Sprintf("mode collapse: %v; try a larger --batch", c)})
	}
	return nil
}

// variance returns the mean of |x - E x|^2 over n rows.
func variance(x []float32, n int) (v float64) {
	d := len(x) / n
	for j := range d {
		var sum, square float64
		for k := j; k < len(x); k += d {
			sum += float64(x[k])
		}
		for k := j; k < len(x); k += d {
			e := float64(x[k]) - sum/float64(n)
			square += e * e
		}
		v += square / float64(n)
	}
	return v
}

// firstRows returns the first n rows of a data set.
func firstRows(d *data.Dataset, n int) []float32 {
	x := make([]float32, n*d.Dim)
	for i := range n {
		d.Row(x[i*d.Dim:(i+1)*d.Dim], i)
	}
	return x
}

func (f folder) writeNotices(all []generative.Notice) error {
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return f.write(f.notices(), append(text, '\n'))
}

// cutNotices removes what was noticed after the step, or with pictures that only the end of a run draws, and returns what is left. A missing
// file is not an error.
func (f folder) cutNotices(c Config, step int) ([]generative.Notice, error) {
	text, err := os.ReadFile(f.notices())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []generative.Notice
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; remove it: what is noticed again is told again", f.notices(), err)
	}
	kept := slices.DeleteFunc(all, func(n generative.Notice) bool {
		return n.Step > uint64(step) || n.Kind == modeCollapse && !c.samples(int(n.Step))
	})
	if len(kept) == 0 {
		return nil, os.Remove(f.notices())
	}
	return kept, f.writeNotices(kept)
}

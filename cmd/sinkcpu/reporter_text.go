package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sinkcpu/sinkcpu/internal/elapsed"
	"github.com/sinkcpu/sinkcpu/train"
)

// A textReporter shows progress to a person. With a width it redraws one line of a terminal; without, it writes a line every ten seconds.
type textReporter struct {
	w     io.Writer
	now   func() time.Time
	width func() int // of the terminal, nil for none

	pace  pace
	loss  string
	next  time.Time
	drawn bool // a line is on the terminal and not ended
}

func (r *textReporter) Begin(dir string, done, steps int) {
	now := r.now()
	r.pace = pace{steps: steps, step: done, at: now}
	r.next = now.Add(r.interval())
	if done > 0 {
		r.Note(fmt.Sprintf("going on in %s after step %d of %d", dir, done, steps))
	} else {
		unit := "steps"
		if steps == 1 {
			unit = "step"
		}
		r.Note(fmt.Sprintf("training in %s, %d %s", dir, steps, unit))
	}
}

func (r *textReporter) interval() time.Duration {
	if r.width != nil {
		return redrawEvery
	}
	return lineEvery
}

func (r *textReporter) Step(step int, metrics []train.Metric) {
	now := r.now()
	if now.Before(r.next) && !(step == r.pace.steps && r.width != nil) {
		return
	}
	r.next = now.Add(r.interval())
	r.pace.update(step, now)
	if len(metrics) > 0 {
		r.loss = fmt.Sprintf("%s %.4g", metrics[0].Name, metrics[0].Value)
	}
	if r.width == nil {
		fmt.Fprintf(r.w, "step %s\n", strings.Join(r.parts(), "  "))
		return
	}
	fmt.Fprintf(r.w, "\r%s\x1b[K", r.line(r.width()-1))
	r.drawn = true
}

// parts returns what there is to tell, the most important first.
func (r *textReporter) parts() []string {
	p := []string{fmt.Sprintf("%d/%d", r.pace.step, r.pace.steps)}
	if r.loss != "" {
		p = append(p, r.loss)
	}
	if left := r.pace.left(); left >= 0 {
		p = append(p, elapsed.Text(left)+" left", fmt.Sprintf("%.3g steps/s", r.pace.perSecond))
	}
	return p
}

// textColumns is left for the text before there is a bar.
const textColumns = 58

// line returns one line of at most width columns: a bar where there is room for ten columns of it, and as many parts as fit. The bar's
// length depends on the width only, so that it does not flicker.
func (r *textReporter) line(width int) string {
	line := fmt.Sprintf("%3d%%", 100*r.pace.step/max(1, r.pace.steps))
	if bar := min(width-textColumns, 40); bar >= 10 {
		full := bar * r.pace.step / max(1, r.pace.steps)
		line += " [" + strings.Repeat("=", full) + strings.Repeat(" ", bar-full) + "]"
	}
	for _, p := range r.parts() {
		if len(line)+2+len(p) > width {
			break
		}
		line += "  " + p
	}
	return line[:min(max(width, 0), len(line))]
}

// Note writes a line of its own, above the one that is redrawn.
func (r *textReporter) Note(text string) {
	if r.drawn {
		fmt.Fprint(r.w, "\n")
		r.drawn = false
	}
	fmt.Fprintln(r.w, text)
}

func (r *textReporter) End() {
	if r.drawn {
		fmt.Fprint(r.w, "\n")
		r.drawn = false
	}
}

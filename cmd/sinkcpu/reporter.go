package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/sinkcpu/sinkcpu/internal/terminal"
	"github.com/sinkcpu/sinkcpu/train"
)

const (
	redrawEvery = 100 * time.Millisecond
	lineEvery   = 10 * time.Second
)

// newReporter returns what shows a run: a line that is redrawn on a terminal, a plain line now and then elsewhere, JSON where that was
// asked for.
func newReporter(w io.Writer, asJSON bool) train.Reporter {
	if asJSON {
		return &jsonReporter{enc: json.NewEncoder(w), now: time.Now}
	}
	t := &textReporter{w: w, now: time.Now}
	if f := terminal.Of(w); f != nil {
		t.width = func() int { return terminal.Columns(f) }
	}
	return t
}

// A pace estimates the speed of a run from its recent steps.
type pace struct {
	steps     int // of the run
	step      int // at
	at        time.Time
	perSecond float64
}

// update takes the step of now into account; older speed counts less, by e every five seconds.
func (p *pace) update(step int, now time.Time) {
	dt := now.Sub(p.at).Seconds()
	if dt <= 0 {
		return
	}
	speed := float64(step-p.step) / dt
	weight := dt / (dt + 5)
	if p.perSecond == 0 {
		weight = 1
	}
	p.perSecond += weight * (speed - p.perSecond)
	p.step, p.at = step, now
}

// left returns the seconds to the end, negative where they cannot be told.
func (p *pace) left() float64 {
	if p.perSecond <= 0 {
		return -1
	}
	return float64(p.steps-p.step) / p.perSecond
}

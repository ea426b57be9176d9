package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sinkcpu/sinkcpu/internal/terminal"
)

// An otProgress redraws a line on a terminal, and does nothing elsewhere.
type otProgress struct {
	w     *os.File // nil for none
	begin time.Time
	next  time.Time
	drawn bool
}

func newOTProgress(w io.Writer) *otProgress {
	now := time.Now()
	return &otProgress{w: terminal.Of(w), begin: now, next: now.Add(5 * redrawEvery)}
}

// callback returns what a solver calls after an iteration, nil for nothing.
func (p *otProgress) callback() func(iteration int, marginalError float64) {
	if p.w == nil {
		return nil
	}
	return func(iteration int, marginalError float64) {
		at := fmt.Sprintf("iteration %d", iteration)
		if iteration == 0 {
			at = "cooling"
		}
		p.show(fmt.Sprintf("%s  error %.2e", at, marginalError)) // fits 40 columns
	}
}

// redrawn is what a solver calls after each of the divergences of --test.
func (p *otProgress) redrawn(done, reps int) {
	if p.w != nil {
		p.show(fmt.Sprintf("redrawn divergence %d of %d", done, reps))
	}
}

// show redraws the line with the time, unless it has been a moment ago.
func (p *otProgress) show(text string) {
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next, p.drawn = now.Add(redrawEvery), true
	terminal.Redraw(p.w, fmt.Sprintf("%s  %.0f s", text, now.Sub(p.begin).Seconds()))
}

// end takes the line away.
func (p *otProgress) end() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

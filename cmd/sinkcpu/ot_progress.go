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

// callback returns what a solver calls, nil for nothing.
func (p *otProgress) callback() func(iteration int, marginalError float64) {
	if p.w == nil {
		return nil
	}
	return func(iteration int, marginalError float64) {
		now := time.Now()
		if now.Before(p.next) {
			return
		}
		p.next, p.drawn = now.Add(redrawEvery), true
		at := fmt.Sprintf("iteration %d", iteration)
		if iteration == 0 {
			at = "cooling"
		}
		terminal.Redraw(p.w, fmt.Sprintf("%s  marginal error %.2e  %.0f s", at, marginalError, now.Sub(p.begin).Seconds()))
	}
}

// end takes the line away.
func (p *otProgress) end() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

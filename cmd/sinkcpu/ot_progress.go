package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// An otProgress redraws a line on a terminal, and does nothing elsewhere.
type otProgress struct {
	w     io.Writer // nil for none
	begin time.Time
	next  time.Time
	drawn bool
}

func newOTProgress(w io.Writer) *otProgress {
	now := time.Now()
	p := &otProgress{begin: now, next: now.Add(5 * redrawEvery)}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.w = w
	}
	return p
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
		fmt.Fprintf(p.w, "\riteration %d  marginal error %.2e  %.0f s\x1b[K", iteration, marginalError, now.Sub(p.begin).Seconds())
	}
}

// end takes the line away.
func (p *otProgress) end() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

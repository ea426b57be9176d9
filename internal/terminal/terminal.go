// Package terminal writes lines of progress that keep to the width of a terminal.
package terminal

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Of returns the terminal that w is, nil where it is none.
func Of(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// Columns returns the width of a terminal, 80 where it does not say.
func Columns(f *os.File) int {
	if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
		return columns
	}
	return 80
}

// Redraw replaces the last line of a terminal, by as much of text as stays on one line.
func Redraw(f *os.File, text string) {
	fmt.Fprintf(f, "\r%s\x1b[K", fitting(text, Columns(f)-1))
}

// fitting cuts text to a width in characters, with ... at its end where something is missing.
func fitting(text string, width int) string {
	r := []rune(text)
	switch {
	case len(r) <= width:
		return text
	case width < 4:
		return string(r[:max(0, width)])
	}
	return string(r[:width-3]) + "..."
}

package train

import (
	"fmt"
	"math"
	"strings"
)

// Text returns the evaluation as a table for a person to read: a line a measure, a column for the model and for each reference.
func (e *Evaluation) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, step %d: mean ± standard error of %d draws of %d samples and %d test rows\n", e.Data, e.Step, e.Draws, e.Rows, e.Rows)
	fmt.Fprintf(&b, "(held_out, divergence: %d rows, eps %.3g", e.HeldOut, e.Eps)
	if e.Features != nil {
		fmt.Fprintf(&b, "; _%s: %d features of %s", e.Features.Name, e.Features.Dim, e.Features.Model)
	}
	b.WriteString(")\n\n")
	rows := [][]string{{"", "this model"}}
	for _, m := range e.Measures {
		if len(m.References)+2 > len(rows[0]) {
			rows[0] = rows[0][:2]
			for _, r := range m.References {
				rows[0] = append(rows[0], r.Name)
			}
		}
	}
	for _, m := range e.Measures {
		row := make([]string, len(rows[0]))
		row[0], row[1] = m.Name, m.Score.short()
		for _, r := range m.References {
			for c, name := range rows[0] {
				if name == r.Name {
					row[c] = r.Score.short()
				}
			}
		}
		rows = append(rows, row)
	}
	writeColumns(&b, rows)
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "\n%s", n)
	}
	if len(e.Notes) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// short returns mean and standard error, to one digit of the error.
func (s Score) short() string {
	if !(s.StandardError > 0) {
		return fmt.Sprintf("%.4g", s.Mean)
	}
	digits := min(max(-int(math.Floor(math.Log10(s.StandardError))), 0), 6)
	return fmt.Sprintf("%.*f ±%.*f", digits, s.Mean, digits, s.StandardError)
}

// writeColumns writes rows of cells, the first column to the left and the others to the right.
func writeColumns(b *strings.Builder, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for c, cell := range row {
			width[c] = max(width[c], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		fmt.Fprintf(b, "%-*s", width[0], row[0])
		for c, cell := range row[1:] {
			fmt.Fprintf(b, "  %*s", width[c+1], cell)
		}
		b.WriteString("\n")
	}
}

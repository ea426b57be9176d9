package row

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// headings of a table; numbers stand to the right.
var headings = [...]struct {
	name  string
	right bool
}{{"what", false}, {"on", false}, {"value", true}, {"unit", false}, {"spread", true}, {"limit", true}, {"of it", true}, {"bound by", false}, {"on 2 ports", true}, {"of it", true}, {"remarks", false}}

// cells returns the columns of a row.
func (r *Row) cells() [len(headings)]string {
	var on []string
	for _, p := range r.Params {
		on = append(on, p.Key+"="+p.Value)
	}
	c := [len(headings)]string{r.Name, strings.Join(on, " ")}
	if r.Error != "" {
		c[2], c[len(c)-1] = "-", r.Error
		return c
	}
	c[2], c[3] = Number(r.Value), r.Unit
	c[4] = fmt.Sprintf("%.1f %%", 100*r.MAD/r.Value)
	if r.Limit != nil {
		c[5], c[6], c[7] = Number(r.Limit.Value), fmt.Sprintf("%.0f %%", 100*r.Limit.Fraction), r.Limit.By
	}
	if r.Ports != nil {
		c[8], c[9] = Number(r.Ports.Value), fmt.Sprintf("%.0f %%", 100*r.Ports.Fraction)
	}
	c[10] = strings.Join(r.Remarks(), "; ")
	return c
}

// Remarks are what a reader of the row must know: its spread where it is unstable, what disturbed it, its note and its memory.
func (r *Row) Remarks() []string {
	var s []string
	if r.Unstable {
		s = append(s, fmt.Sprintf("unstable: %s to %s", Number(r.Min), Number(r.Max)))
	}
	if r.Disturbed > 0 {
		s = append(s, fmt.Sprintf("others ran in %d samples", r.Disturbed))
	}
	if r.Lost >= mostLost {
		s = append(s, fmt.Sprintf("threads waited for others %.0f %% of the time", 100*r.Lost))
	}
	if r.Note != "" {
		s = append(s, r.Note)
	}
	if r.Memory != nil {
		s = append(s, r.Memory.String())
	}
	return s
}

// Number prints a value with three digits, without an exponent for values that rows have.
func Number(v float64) string {
	a := math.Abs(v)
	switch {
	case a >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// WriteText writes the sheet of the machine and the rows in aligned columns.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, line := range r.Machine.Lines() {
		b.WriteString(line + "\n")
	}
	b.WriteString("\n")
	table, width := r.table()
	for _, cells := range table {
		var line strings.Builder
		for i, c := range cells {
			line.WriteString(pad(c, width[i], headings[i].right) + "  ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	r.writeMissing(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMarkdown writes the same as a list and a table of Markdown.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	for _, line := range r.Machine.Lines() {
		b.WriteString("- " + line + "\n")
	}
	b.WriteString("\n")
	table, width := r.table()
	for n, cells := range table {
		for i, c := range cells {
			b.WriteString("| " + pad(strings.ReplaceAll(c, "|", `\|`), width[i], headings[i].right) + " ")
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i, h := range headings {
			dashes := strings.Repeat("-", width[i]+1)
			if h.right {
				b.WriteString("|" + dashes + ":")
			} else {
				b.WriteString("| " + dashes)
			}
		}
		b.WriteString("|\n")
	}
	r.writeMissing(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeMissing writes a list of the rows that the run did not get to, nothing where there are none.
func (r *Report) writeMissing(b *strings.Builder) {
	if len(r.Missing) > 0 {
		b.WriteString("\n")
	}
	for _, key := range r.Missing {
		b.WriteString("- " + key + ": " + notMeasured + "\n")
	}
}

// table returns the headings and all rows, with the width of each column.
func (r *Report) table() (table [][len(headings)]string, width [len(headings)]int) {
	var head [len(headings)]string
	for i, h := range headings {
		head[i] = h.name
	}
	table = append(table, head)
	for i := range r.Rows {
		table = append(table, r.Rows[i].cells())
	}
	for _, cells := range table {
		for i, c := range cells {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	return table, width
}

func pad(s string, width int, right bool) string {
	space := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
	if right {
		return space + s
	}
	return s + space
}

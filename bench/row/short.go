package row

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// WriteShort writes the sheet of the machine and the rows for a person at a terminal of so many columns: the value, its spread and what it is of its
// limit; of the parameters, those that rows differ in. Where a row does not fit into a line it takes two.
func (r *Report) WriteShort(w io.Writer, columns int) error {
	var b strings.Builder
	for _, line := range r.Machine.Lines() {
		b.WriteString(line + "\n")
	}
	b.WriteString("\n")
	names, values, width := make([]string, len(r.Rows)), make([]string, len(r.Rows)), 0
	fits := func(i int) bool {
		return utf8.RuneCountInString(names[i])+2+utf8.RuneCountInString(values[i]) <= columns
	}
	for i := range r.Rows {
		names[i], values[i] = r.Rows[i].shortName(), r.Rows[i].shortValue()
	}
	for i, name := range names {
		if fits(i) {
			width = max(width, utf8.RuneCountInString(name))
		}
	}
	for i, name := range names {
		if width+2+utf8.RuneCountInString(values[i]) <= columns && fits(i) {
			fmt.Fprintf(&b, "%s  %s\n", pad(name, width, false), values[i])
		} else {
			fmt.Fprintf(&b, "%s\n  %s\n", name, values[i])
		}
	}
	b.WriteString("\n+- is the median absolute deviation of the samples; ~ marks rows whose samples did not agree: other programs ran.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// shortName is the name with the parameters that a reader of few rows needs: not the tier, which the sheet has, single precision, or sizes that repeat n.
func (r *Row) shortName() string {
	s := []string{r.Name}
	for _, p := range r.Params {
		switch {
		case p.Key == "isa" || p.Key == "precision" && p.Value == "f32" || slices.Contains([]string{"m", "k"}, p.Key) && p.Value == r.Param("n"):
		default:
			s = append(s, p.Key+"="+p.Value)
		}
	}
	return strings.Join(s, " ")
}

func (r *Row) shortValue() string {
	if r.Error != "" {
		return "- " + r.Error
	}
	mark := ' '
	if r.Unstable {
		mark = '~'
	}
	s := fmt.Sprintf("%c%6s %-11s +-%4.1f %%", mark, Number(r.Value), r.Unit, 100*r.MAD/r.Value)
	if r.Limit != nil {
		s += fmt.Sprintf("  %3.0f %% of %s", 100*r.Limit.Fraction, r.Limit.By)
	}
	return s
}

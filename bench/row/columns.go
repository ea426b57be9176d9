package row

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// WriteColumns writes a table of Markdown in which rows that differ only in one of the given parameters, such as isa and peer, stand side by
// side: a column for each of their values, in the order in which they occur. A value with a tilde is unstable. Below the table stands why
// values are missing, for those rows that say so, and which rows the run did not get to.
func (r *Report) WriteColumns(w io.Writer, keys ...string) error {
	var names, lines []string
	cells, missing := map[string]map[string]string{}, []string{}
	for i := range r.Rows {
		line, column := r.Rows[i].apart(keys)
		if column == "" {
			continue
		}
		if r.Rows[i].Error != "" {
			missing = append(missing, "- "+r.Rows[i].Key()+": "+r.Rows[i].Error)
			continue
		}
		if !slices.Contains(names, column) {
			names = append(names, column)
		}
		if cells[line] == nil {
			cells[line] = map[string]string{}
			lines = append(lines, line)
		}
		cells[line][column] = r.Rows[i].short()
	}
	for _, key := range r.Missing {
		missing = append(missing, "- "+key+": "+notMeasured)
	}
	var b strings.Builder
	for _, line := range r.Machine.Lines() {
		b.WriteString("- " + line + "\n")
	}
	b.WriteString("\n")
	writeTable(&b, append([]string{"what", "on", "unit"}, names...), 3, len(lines), func(i, j int) string {
		if j < 3 {
			return strings.Split(lines[i], "\t")[j]
		}
		return cells[lines[i]][names[j-3]]
	})
	if len(missing) > 0 {
		b.WriteString("\n" + strings.Join(missing, "\n") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const notMeasured = "not measured"

// apart returns what of a row is the same for all columns, and the value of the first of the keys that it has.
func (r *Row) apart(keys []string) (line, column string) {
	var on []string
	for _, p := range r.Params {
		if slices.Contains(keys, p.Key) {
			column = p.Value
			continue
		}
		on = append(on, p.Key+"="+p.Value)
	}
	return r.Name + "\t" + strings.Join(on, " ") + "\t" + r.Unit, column
}

func (r *Row) short() string {
	if r.Unstable {
		return "~" + Number(r.Value)
	}
	return Number(r.Value)
}

// writeTable writes a table of Markdown with n lines of cells; columns from right on stand to the right.
func writeTable(b *strings.Builder, head []string, right, n int, cell func(i, j int) string) {
	width := make([]int, len(head))
	for j, h := range head {
		width[j] = utf8.RuneCountInString(h)
		for i := range n {
			width[j] = max(width[j], utf8.RuneCountInString(cell(i, j)))
		}
	}
	line := func(text func(j int) string) {
		for j := range head {
			fmt.Fprintf(b, "| %s ", pad(text(j), width[j], j >= right))
		}
		b.WriteString("|\n")
	}
	line(func(j int) string { return head[j] })
	for j := range head {
		dashes := strings.Repeat("-", width[j]+1)
		if j >= right {
			b.WriteString("|" + dashes + ":")
		} else {
			b.WriteString("| " + dashes)
		}
	}
	b.WriteString("|\n")
	for i := range n {
		line(func(j int) string { return cell(i, j) })
	}
}

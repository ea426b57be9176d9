package program

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/terminal"
)

// NewReport returns a report of this machine without rows.
func NewReport(program string) *row.Report {
	return &row.Report{Schema: row.Schema, Program: program, Machine: row.ThisMachine()}
}

// Read returns one report of the rows of files, in a list with commas, with the machine of the first; nil for an empty list.
func Read(files string) (all *row.Report, err error) {
	for _, name := range Split(files) {
		r, err := row.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = r
		} else {
			all.Rows = append(all.Rows, r.Rows...)
			all.Missing = append(all.Missing, r.Missing...)
		}
	}
	return all, nil
}

// ErrNoValue is the error of a run with a row that has an error in place of a value.
var ErrNoValue = errors.New("a row has no value; its remark says why")

// Failed returns [ErrNoValue] where a row has none.
func Failed(r *row.Report) error {
	if r.Failed() {
		return ErrNoValue
	}
	return nil
}

// Progress returns a function that appends a row to a report and, where stderr is a terminal, says so in a [Line].
func Progress(stderr io.Writer, to *row.Report) func(row.Row) {
	return func(r row.Row) {
		to.Rows = append(to.Rows, r)
		Line(stderr, fmt.Sprintf("%d rows; %s: %s %s", len(to.Rows), r.Key(), row.Number(r.Value), r.Unit))
	}
}

// Line writes a line of progress over the one before, cut to the width of the terminal; an empty text takes it away. Where stderr is no terminal it writes
// nothing.
func Line(stderr io.Writer, text string) {
	if f := terminal.Of(stderr); f != nil {
		terminal.Redraw(f, text)
	}
}

// Columns returns the width of the terminal that w is, 100 where it is none.
func Columns(w io.Writer) int {
	if f := terminal.Of(w); f != nil {
		return terminal.Columns(f)
	}
	return 100
}

// An Output is where a table and its rows go.
type Output struct {
	JSON   string // a file, or - for stdout in place of the table
	Update string // a Markdown file

	// Section of that file. Table writes what goes into it, and to stdout where Text is nil.
	Section     string
	Table, Text func(r *row.Report, w io.Writer) error
}

// Flags defines --json and --update.
func (o *Output) Flags(f *flag.FlagSet) {
	f.StringVar(&o.JSON, "json", "", "write the rows with all samples to this `file`, - for stdout instead of the table")
	f.StringVar(&o.Update, "update", "", fmt.Sprintf("write the table into this Markdown `file`, between <!-- %s: begin --> and <!-- %s: end -->", o.Section, o.Section))
}

// Write writes the rows to the file that was asked for, and the table to stdout or into the page.
func (o *Output) Write(r *row.Report, stdout io.Writer) error {
	if o.JSON == "-" {
		return r.WriteJSON(stdout)
	}
	if err := o.Save(r); err != nil {
		return err
	}
	if o.Update != "" {
		var b bytes.Buffer
		if err := o.Table(r, &b); err != nil {
			return err
		}
		return row.UpdateSection(o.Update, o.Section, b.String())
	}
	if o.Text != nil {
		return o.Text(r, stdout)
	}
	return o.Table(r, stdout)
}

// Record returns a function that appends a row to a report, says so as [Progress] does, and writes the report to the file of --json, so that what is there
// outlasts the program however it ends. A file that cannot be written is an error of [Output.Finish].
func (o *Output) Record(stderr io.Writer, r *row.Report) func(row.Row) {
	say := Progress(stderr, r)
	return func(line row.Row) {
		say(line)
		_ = o.Save(r)
	}
}

// Save writes the report to the file of --json, if there is one.
func (o *Output) Save(r *row.Report) error {
	if o.JSON == "" || o.JSON == "-" {
		return nil
	}
	return atomicfile.Write(o.JSON, r.WriteJSON)
}

// Finish writes a report at the end of a run. Where the run ended early, by err, which it returns, the rows that there are go to the file of --json
// and their table to stdout, but no page is changed; stderr says how many they are.
func (o *Output) Finish(r *row.Report, err error, stdout, stderr io.Writer) error {
	Line(stderr, "")
	if err == nil {
		return o.Write(r, stdout)
	}
	if len(r.Rows) == 0 {
		return err
	}
	partial := *o
	partial.Update = ""
	if wrong := partial.Write(r, stdout); wrong != nil {
		return errors.Join(err, wrong)
	}
	where := ""
	if o.JSON != "" && o.JSON != "-" {
		where = " and in " + o.JSON
	}
	fmt.Fprintf(stderr, "ended early: %d rows are above%s, the last of them %s", len(r.Rows), where, r.Rows[len(r.Rows)-1].Key())
	if len(r.Missing) > 0 {
		fmt.Fprintf(stderr, "; %d are missing", len(r.Missing))
	}
	fmt.Fprintln(stderr)
	return err
}

// SideBySide returns a table with rows of other values of these parameters side by side.
func SideBySide(keys ...string) func(r *row.Report, w io.Writer) error {
	return func(r *row.Report, w io.Writer) error { return r.WriteColumns(w, keys...) }
}

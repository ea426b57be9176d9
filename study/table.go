package study

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A Table is the lines of a study that have been computed.
type Table struct {
	columns []string
	keys    int // the first columns are those of the key
	rows    [][]string
}

// Len returns the number of lines.
func (t *Table) Len() int { return len(t.rows) }

// Text returns a field as it stands in the file.
func (t *Table) Text(row int, column string) string { return t.rows[row][t.index(column)] }

// Float returns a field as a number, NaN for an empty one.
func (t *Table) Float(row int, column string) float64 {
	v, err := parseField(t.Text(row, column))
	if err != nil {
		return math.NaN()
	}
	return v
}

// Where returns the rows whose fields are as given: pairs of column and value, numbers compared as numbers.
func (t *Table) Where(is ...any) []int {
	var out []int
	for r := range t.rows {
		if t.matches(r, is) {
			out = append(out, r)
		}
	}
	return out
}

func (t *Table) matches(r int, is []any) bool {
	for k := 0; k+1 < len(is); k += 2 {
		column := is[k].(string)
		switch want := is[k+1].(type) {
		case string:
			if t.Text(r, column) != want {
				return false
			}
		case int:
			if t.Float(r, column) != float64(want) {
				return false
			}
		case float64:
			if t.Float(r, column) != want {
				return false
			}
		}
	}
	return true
}

// Floats returns a column of some rows.
func (t *Table) Floats(rows []int, column string) []float64 {
	out := make([]float64, len(rows))
	for k, r := range rows {
		out[k] = t.Float(r, column)
	}
	return out
}

func (t *Table) index(column string) int {
	k := slices.Index(t.columns, column)
	if k < 0 {
		panic("study: no column " + column)
	}
	return k
}

// add checks a line and appends it.
func (t *Table) add(fields []string, want Point) error {
	if len(fields) != len(t.columns) {
		return fmt.Errorf("%d fields, want %d", len(fields), len(t.columns))
	}
	for k, f := range fields {
		if k < t.keys {
			if f != want.Key[k] {
				return fmt.Errorf("%s is %q, want %q as in the grid", t.columns[k], f, want.Key[k])
			}
			continue
		}
		if _, err := parseField(f); err != nil {
			return fmt.Errorf("%s is %q, want a number", t.columns[k], f)
		}
	}
	t.rows = append(t.rows, fields)
	return nil
}

func parseField(s string) (float64, error) {
	if s == "" {
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err == nil && math.IsNaN(v) {
		err = errors.New("not a number")
	}
	return v, err
}

// line returns the fields of a measured point as they are written.
func line(p Point, values []float64) []string {
	fields := slices.Clone(p.Key)
	for _, v := range values {
		if math.IsNaN(v) {
			fields = append(fields, "")
		} else {
			fields = append(fields, number(v))
		}
	}
	return fields
}

func encode(fields []string) []byte { return []byte(strings.Join(fields, ",") + "\n") }

// read adds the lines of a file to the table, and cuts off a last line that is not whole. It returns false where the file has no line at
// all, not even that of the columns.
func (t *Table) read(f *os.File, grid []Point) (bool, error) {
	text, err := os.ReadFile(f.Name())
	if err != nil {
		return false, err
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	if whole < len(text) {
		if err := f.Truncate(int64(whole)); err != nil {
			return false, err
		}
	}
	for n, text := range bytes.Split(bytes.TrimSuffix(text[:whole], []byte("\n")), []byte("\n")) {
		if whole == 0 {
			return false, nil
		}
		fields, err := csv.NewReader(bytes.NewReader(text)).Read()
		switch {
		case err != nil:
		case n == 0 && !slices.Equal(fields, t.columns):
			err = fmt.Errorf("columns %s, want %s", strings.Join(fields, ","), strings.Join(t.columns, ","))
		case n == 0:
		case n > len(grid):
			err = fmt.Errorf("a line more than the grid of %d points has", len(grid))
		default:
			err = t.add(fields, grid[n-1])
		}
		if err != nil {
			return false, fmt.Errorf("%s, line %d: %w; remove the file, or its end from there on", f.Name(), n+1, err)
		}
	}
	return true, nil
}

package data

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decodeCSV reads the chosen columns of comma-separated rows of numbers.
//
// Rows are named in errors by the line that they begin on, columns by their place in the file, both from 1.
func decodeCSV(in *input, opts PointsOptions) (*Matrix, error) {
	if err := skipBOM(in); err != nil {
		return nil, err
	}
	t := &table{in: in, r: csv.NewReader(in), opts: opts}
	t.r.ReuseRecord = true
	t.r.FieldsPerRecord = -1
	t.r.TrimLeadingSpace = true
	if err := t.first(); err != nil {
		return nil, err
	}
	for {
		fields, row, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = t.add(fields, row)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(t.data) == 0 {
		return nil, fmt.Errorf("%s: a header and no rows", t.in.name)
	}
	return &Matrix{Rows: len(t.data) / len(t.columns), Cols: len(t.columns), Data: t.data}, nil
}

// skipBOM skips the byte order mark of UTF-8 and refuses those of UTF-16.
func skipBOM(in *input) error {
	head, _ := in.r.Peek(3)
	switch {
	case strings.HasPrefix(string(head), "\xef\xbb\xbf"):
		_, err := io.CopyN(io.Discard, in, 3)
		return err
	case strings.HasPrefix(string(head), "\xff\xfe"), strings.HasPrefix(string(head), "\xfe\xff"):
		return fmt.Errorf("%s: text in UTF-16; save it as UTF-8", in.name)
	}
	return nil
}

// A table is a CSV file being read.
type table struct {
	in      *input
	r       *csv.Reader
	opts    PointsOptions
	width   int      // fields of a row
	header  []string // the first row, where it is no data
	columns []int    // the chosen columns, from 0
	data    []float64
}

// next returns the fields of the next row and the line it begins on.
func (t *table) next() (fields []string, row int, err error) {
	fields, err = t.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	var fault *csv.ParseError
	switch {
	case errors.As(err, &fault):
		return nil, 0, fmt.Errorf("%s: row %d, byte %d of the line: %w; fields are separated by commas, and one in quotes ends with them", t.in.name, fault.Line, fault.Column, fault.Err)
	case err != nil:
		return nil, 0, t.in.damaged(err)
	}
	row, _ = t.r.FieldPos(0)
	if t.width != 0 && len(fields) != t.width {
		return nil, 0, fmt.Errorf("%s: row %d: the number of fields is %d, in the rows before it %d; every row needs as many", t.in.name, row, len(fields), t.width)
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	return fields, row, nil
}

// first reads the first row, finds the chosen columns, and tells a header from data: a header has a word in a chosen column.
func (t *table) first() error {
	fields, row, err := t.next()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the file is empty; rows of numbers separated by commas are needed", t.in.name)
	}
	if err != nil {
		return err
	}
	t.width = len(fields)
	var named bool
	if t.columns, named, err = selectColumns(t.opts.Columns, t.width, fields); err != nil {
		return fmt.Errorf("%s: %w", t.in.name, err)
	}
	numbers, words := 0, 0
	for _, c := range t.columns {
		if _, err := parseNumber(fields[c]); err == nil || errors.Is(err, errBeyond) {
			numbers++
		} else if fields[c] != "" {
			words++
		}
	}
	switch {
	case named || words > 0 && numbers == 0:
		t.header = append([]string(nil), fields...)
		return nil
	case words > 0:
		return fmt.Errorf("%s: row %d holds numbers and words, so it is neither a header nor data; choose the columns of numbers (--columns), by name if the row is a header", t.in.name, row)
	}
	return t.add(fields, row)
}

// add appends the chosen fields of a row.
func (t *table) add(fields []string, row int) error {
	for _, c := range t.columns {
		v, err := parseNumber(fields[c])
		if err == nil {
			err = t.opts.check(v)
		}
		if err != nil {
			return fmt.Errorf("%s: row %d, %s: %w", t.in.name, row, t.column(c), err)
		}
		t.data = append(t.data, v)
	}
	return nil
}

func (t *table) column(c int) string {
	if t.header == nil || t.header[c] == "" {
		return fmt.Sprintf("column %d", c+1)
	}
	return fmt.Sprintf("column %d (%s)", c+1, clip(t.header[c]))
}

var errBeyond = errors.New("beyond the largest number, 1.8e308")

// parseNumber parses a decimal number, nan or an infinity.
func parseNumber(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s is %w", clip(s), errBeyond)
	}
	if err == nil && !strings.ContainsAny(s, "xX_") {
		return v, nil
	}
	switch {
	case s == "":
		return 0, errors.New("the field is empty; fill it, remove the row, or choose other columns (--columns)")
	case strings.ContainsAny(s, ";\t ") && !strings.ContainsFunc(s, isLetter):
		return 0, fmt.Errorf("%s is not a number; fields are separated by commas and decimals written with a point", clip(s))
	}
	return 0, fmt.Errorf("%s is not a number; correct it, or choose the columns of numbers (--columns)", clip(s))
}

func isLetter(r rune) bool { return r|32 >= 'a' && r|32 <= 'z' && r|32 != 'e' || r >= utf8.RuneSelf }

// clip quotes s, shortened.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}

// check refuses the values that the options do not allow.
func (o PointsOptions) check(v float64) error {
	switch {
	case math.IsNaN(v):
		return errors.New("the value is NaN; a number is needed")
	case math.IsInf(v, -1), math.IsInf(v, 1) && !o.AllowInf:
		return fmt.Errorf("the value is %v; a finite number is needed", v)
	}
	return nil
}

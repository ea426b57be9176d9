package data

import (
	"fmt"
	"strconv"
	"strings"
)

// selectColumns returns the columns, from 0, that spec chooses of width, and whether spec names any.
//
//	1-4 | 1,3 | 1-2,5 | length,width        columns count from 1; empty means all
//
// Names are looked up in header, nil where there is none.
func selectColumns(spec string, width int, header []string) (columns []int, named bool, err error) {
	if spec == "" {
		spec = fmt.Sprintf("1-%d", width)
	}
	chosen := make([]bool, width)
	for part := range strings.SplitSeq(spec, ",") {
		part = strings.TrimSpace(part)
		lo, hi, numeric := columnRange(part)
		if !numeric {
			if lo, err = findColumn(part, header); err != nil {
				return nil, false, err
			}
			hi, named = lo, true
		}
		if lo < 1 || lo > hi || hi > width {
			return nil, false, fmt.Errorf("columns %q: there are columns 1 to %d", part, width)
		}
		for c := lo - 1; c < hi; c++ {
			if chosen[c] {
				return nil, false, fmt.Errorf("columns %q: column %d is chosen twice", spec, c+1)
			}
			chosen[c] = true
			columns = append(columns, c)
		}
	}
	return columns, named, nil
}

// columnRange parses N or N-M. A number too large to hold is past every file's last column.
func columnRange(part string) (lo, hi int, ok bool) {
	first, last, isRange := strings.Cut(part, "-")
	if !isRange {
		last = first
	}
	if !isDigits(first) || !isDigits(last) {
		return 0, 0, false
	}
	lo, errLo := strconv.Atoi(first)
	hi, errHi := strconv.Atoi(last)
	if errLo != nil || errHi != nil {
		return 0, 0, true
	}
	return lo, hi, true
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// findColumn returns the place, from 1, of the column of that name.
func findColumn(name string, header []string) (int, error) {
	if header == nil {
		return 0, fmt.Errorf("columns %q: the columns of this file have no names; give numbers such as 1-4", name)
	}
	place := 0
	for c, h := range header {
		if h != name {
			continue
		}
		if place != 0 {
			return 0, fmt.Errorf("columns %q: columns %d and %d have this name; give numbers", name, place, c+1)
		}
		place = c + 1
	}
	if place == 0 {
		return 0, fmt.Errorf("columns %q: no column has this name; the first row is %s", name, clip(strings.Join(header, ",")))
	}
	return place, nil
}

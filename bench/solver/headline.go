package main

import (
	"io"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/bench/row"
)

// headline writes a short table of rows on one thread, the peers side by side: an iteration, the time to an error of 1e-3, and published cases. A peer
// without a value has an empty cell; the long table says why.
func headline(r *row.Report, w io.Writer) error {
	short := *r
	short.Rows = nil
	for _, l := range r.Rows {
		if l.Error != "" || l.Param("threads") != "1" || !isHeadline(&l) {
			continue
		}
		l.Params = slices.DeleteFunc(slices.Clone(l.Params), func(p row.Param) bool {
			return p.Key == "threads" || p.Key == "kernel" || p.Key == "L1" || p.Key == "cost"
		})
		short.Rows = append(short.Rows, l)
	}
	return short.WriteColumns(w, "peer")
}

func isHeadline(r *row.Row) bool {
	switch r.Name {
	case "notebook", "flashsinkhorn":
		return true
	case "full-iteration":
		return r.Param("cost") == "stored" && r.Param("kernel") != "computed" && slices.Contains([]string{"1024", "4096"}, r.Param("n"))
	case "time-to":
		return strings.HasSuffix(r.Param("L1"), "e-03")
	case "backends":
		return r.Param("precision") == "f32" && slices.Contains([]string{"1000", "5000"}, r.Param("n"))
	}
	return false
}

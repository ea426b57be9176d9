package main

import (
	"cmp"
	"fmt"
	"image/color"
	"io"
	"maps"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
)

// plotNames are the plots of a run: each draws a line over n for each group of rows.
var plotNames = []struct {
	name, title, y, rows string
	linear               bool // the vertical axis, from 0
	value                func(r *row.Row, one map[string]float64) float64
}{
	{"rate", "Full iterations, float32", "G entries/s", "full-iteration", false, func(r *row.Row, _ map[string]float64) float64 {
		n := number(r.Param("n"))
		return 1e-6 * n * n / r.Value
	}},
	{"solve", "From points to an L1 error of 1e-3, float32", "ms", "solve", false, func(r *row.Row, _ map[string]float64) float64 { return r.Value }},
	{"cores", "All cores against one, full iterations, float32", "times", "full-iteration", true, func(r *row.Row, one map[string]float64) float64 {
		if r.Param("threads") == "1" {
			return 0
		}
		return one[line(r)+r.Param("n")] / r.Value
	}},
}

// stored is the group of iterations over matrices.
const stored = "stored"

// A series is a line of a plot: a colour for each group, dashed for more than one thread.
type series struct {
	group      string
	d, threads float64
}

// line is the group of a row without its threads.
func line(r *row.Row) string {
	if r.Param("cost") == "stored" && r.Name == "full-iteration" {
		return stored
	}
	return "d = " + r.Param("d")
}

// plots draws the rows in float32 of the machine's tier.
func plots(r *row.Report, base string) error {
	var rows []*row.Row
	one := map[string]float64{}
	for i := range r.Rows {
		l := &r.Rows[i]
		if l.Error == "" && l.Param("precision") == "f32" && l.Param("isa") == r.Machine.Tier {
			rows = append(rows, l)
			if l.Name == "full-iteration" && l.Param("threads") == "1" {
				one[line(l)+l.Param("n")] = l.Value
			}
		}
	}
	for _, p := range plotNames {
		lines := map[series]plotter.XYs{}
		for _, l := range rows {
			v := 0.
			if l.Name == p.rows && l.Param("m") == "" {
				v = p.value(l, one)
			}
			if !(v > 0) {
				continue
			}
			key := series{line(l), number(l.Param("d")), number(l.Param("threads"))}
			if key.group == stored {
				key.d = 0
			}
			lines[key] = append(lines[key], plotter.XY{X: number(l.Param("n")), Y: v})
		}
		if err := draw(base+"-"+p.name+".svg", p.title, p.y, p.linear, lines); err != nil {
			return err
		}
	}
	return nil
}

// colours of lines, told apart also by those who see few.
var colours = []color.RGBA{{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {86, 180, 233, 255}, {230, 159, 0, 255}, {0, 0, 0, 255}}

// legendRoom is by how much the horizontal axis goes on to the right, for the legend.
const legendRoom = 6

func draw(path, title, y string, linear bool, lines map[series]plotter.XYs) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, "n = m", y
	p.BackgroundColor = color.White
	order := slices.SortedFunc(maps.Keys(lines), func(a, b series) int {
		return cmp.Or(cmp.Compare(a.d, b.d), cmp.Compare(a.group, b.group), cmp.Compare(a.threads, b.threads))
	})
	colour := -1
	for i, key := range order {
		if i == 0 || key.group != order[i-1].group {
			colour++
		}
		l, points, err := plotter.NewLinePoints(lines[key])
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		l.Color = colours[colour%len(colours)]
		points.Color = l.Color
		if key.threads > 1 {
			l.Dashes = []vg.Length{vg.Points(4), vg.Points(2)}
		}
		p.Add(l, points)
		p.Legend.Add(fmt.Sprintf("%s, threads = %g", key.group, key.threads), l)
	}
	if len(order) > 0 {
		p.X.Scale, p.X.Tick.Marker, p.X.Max = plot.LogScale{}, plot.LogTicks{Prec: -1}, legendRoom*p.X.Max
		if linear {
			p.Y.Min = 0
		} else {
			p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		}
	}
	to, err := p.WriterTo(8*vg.Inch, 5*vg.Inch, "svg")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error { _, err := to.WriteTo(w); return err })
}

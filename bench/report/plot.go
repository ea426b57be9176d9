package main

import (
	"fmt"
	"image/color"
	"io"
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
	value                func(r *row.Row, one map[string]float64) float64
}{
	{"rate", "Full iterations, float32", "G entries/s", "full-iteration", func(r *row.Row, _ map[string]float64) float64 {
		n := number(r.Param("n"))
		return 1e-6 * n * n / r.Value
	}},
	{"solve", "From points to an L1 error of 1e-3, float32", "ms", "solve", func(r *row.Row, _ map[string]float64) float64 { return r.Value }},
	{"cores", "All cores against one, full iterations, float32", "times", "full-iteration", func(r *row.Row, one map[string]float64) float64 {
		if r.Param("threads") == "1" {
			return 0
		}
		return one[line(r)+r.Param("n")] / r.Value
	}},
}

// line is the group of a row without its threads.
func line(r *row.Row) string {
	if r.Param("cost") == "stored" && r.Name == "full-iteration" {
		return "stored"
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
		lines, order := map[string]plotter.XYs{}, []string{}
		for _, l := range rows {
			v := 0.
			if l.Name == p.rows {
				v = p.value(l, one)
			}
			if !(v > 0) {
				continue
			}
			name := line(l) + ", threads = " + l.Param("threads")
			if lines[name] == nil {
				order = append(order, name)
			}
			lines[name] = append(lines[name], plotter.XY{X: number(l.Param("n")), Y: v})
		}
		if err := draw(base+"-"+p.name+".svg", p.title, p.y, lines, order); err != nil {
			return err
		}
	}
	return nil
}

// colours of lines, told apart also by those who see few.
var colours = []color.RGBA{{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {86, 180, 233, 255}, {230, 159, 0, 255}, {0, 0, 0, 255}}

func draw(path, title, y string, lines map[string]plotter.XYs, order []string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, "n = m", y
	p.BackgroundColor = color.White
	p.Legend.Top = true
	if len(order) > 0 {
		p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
		p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	}
	slices.Sort(order)
	for i, name := range order {
		l, points, err := plotter.NewLinePoints(lines[name])
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		l.Color = colours[i/2%len(colours)]
		points.Color = l.Color
		if i%2 == 1 {
			l.Dashes = []vg.Length{vg.Points(4), vg.Points(2)}
		}
		p.Add(l, points)
		p.Legend.Add(name, l)
	}
	to, err := p.WriterTo(8*vg.Inch, 5*vg.Inch, "svg")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error { _, err := to.WriteTo(w); return err })
}

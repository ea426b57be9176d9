// Windows tells how the held-out measure of runs went: its means over windows of processor time, and their curves in one picture.
//
//	go run ./bench/windows -window 900 -curve bench/cifar10-runs.png runs/cifar10-learned-1 runs/cifar10-rot-1
//
// Processor time is what metrics.jsonl has as cpu_seconds, that of all threads, without measures and pictures: on a machine that other
// work shares it says how far a run is, where the clock does not. The standard error of a window's mean is that of its measures, which
// are all of the same test images and the same noise.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/sinkcpu/sinkcpu/report"
)

// A measure is a line of the held-out measure at its processor time.
type measure struct{ step, cpu, value float64 }

// A window is the measures of a stretch of processor time.
type window struct {
	from, to    float64 // CPU seconds
	first, last float64 // steps
	count       int
	mean, err   float64
}

func main() {
	seconds := flag.Float64("window", 900, "seconds of processor time of a window")
	curve := flag.String("curve", "", "PNG file to draw the measure over processor time to, a curve for each run")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: windows [-window SECONDS] [-curve PNG] RUN...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := tell(flag.Args(), *seconds, *curve); err != nil {
		fmt.Fprintln(os.Stderr, "windows:", err)
		os.Exit(1)
	}
}

// tell prints a table for each run and draws all of them.
func tell(runs []string, seconds float64, curve string) error {
	if len(runs) == 0 {
		return errors.New("want the folder of a run")
	}
	if !(seconds > 0) {
		return fmt.Errorf("-window %g: want a positive number of seconds", seconds)
	}
	panel := report.Panel{XLabel: "seconds of processor time", YLabel: "2W - W - W (squared distance)", LogY: true}
	for i, run := range runs {
		measures, err := read(filepath.Join(run, "metrics.jsonl"))
		if err != nil {
			return err
		}
		if len(measures) == 0 {
			return fmt.Errorf("%s: no held-out measure; train with --eval-every", run)
		}
		if i > 0 {
			fmt.Println()
		}
		print(run, windows(measures, seconds))
		s := report.Series{Name: filepath.Base(run), Colour: i + 1}
		for _, w := range windows(measures, seconds/15) {
			s.X, s.Y = append(s.X, (w.from+w.to)/2), append(s.Y, w.mean)
		}
		panel.Series = append(panel.Series, s)
	}
	if curve == "" {
		return nil
	}
	return draw(curve, report.Figure{Title: "held-out measure", Columns: 1, Panels: []report.Panel{panel}})
}

// read returns the measures, each at the processor time of the last line of a step before it.
func read(path string) (all []measure, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var cpu float64
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var l struct {
			Step    float64  `json:"step"`
			CPU     *float64 `json:"cpu_seconds"`
			HeldOut *float64 `json:"held_out"`
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		if l.CPU != nil {
			cpu = *l.CPU
		}
		if l.HeldOut != nil {
			all = append(all, measure{l.Step, cpu, *l.HeldOut})
		}
	}
	return all, lines.Err()
}

// windows returns the windows in which there are measures.
func windows(all []measure, seconds float64) (w []window) {
	for len(all) > 0 {
		k := math.Floor(all[0].cpu / seconds)
		n, sum, squares := 0, 0., 0.
		for n < len(all) && math.Floor(all[n].cpu/seconds) == k {
			sum += all[n].value
			squares += all[n].value * all[n].value
			n++
		}
		mean := sum / float64(n)
		spread := math.Sqrt(max(0, squares/float64(n)-mean*mean))
		w = append(w, window{from: k * seconds, to: (k + 1) * seconds, first: all[0].step, last: all[n-1].step, count: n,
			mean: mean, err: spread / math.Sqrt(max(1, float64(n-1)))})
		all = all[n:]
	}
	return w
}

// print writes a line a window.
func print(run string, all []window) {
	fmt.Printf("%s\n\n| CPU seconds | steps | measures | mean | standard error |\n|--:|--:|--:|--:|--:|\n", run)
	for _, w := range all {
		fmt.Printf("| %.0f to %.0f | %.0f to %.0f | %d | %.2f | %.2f |\n", w.from, w.to, w.first, w.last, w.count, w.mean, w.err)
	}
}

// draw writes the picture.
func draw(path string, figure report.Figure) error {
	m, err := figure.Draw()
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := report.WritePNG(f, m); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

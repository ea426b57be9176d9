// Windows tells how the held-out measure of a run went: its means over windows of processor time, and a curve.
//
//	go run ./bench/windows -run runs/cifar10-1 -window 900 -curve bench/cifar10-learned.png
//
// Processor time is what metrics.jsonl has as cpu_seconds, that of all threads, without measures and pictures: on a machine that other
// work shares it says how far a run is, where the clock does not. The standard error of a window's mean is that of its measures, which
// are all of the same test images and the same noise.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/sinkcpu/sinkcpu/report"
)

// A measure is a line of the held-out measure at its processor time.
type measure struct{ step, cpu, value float64 }

func main() {
	run := flag.String("run", "", "folder of the run")
	window := flag.Float64("window", 900, "seconds of processor time of a window")
	curve := flag.String("curve", "", "PNG file to draw the measure over the steps to")
	flag.Parse()
	measures, err := read(filepath.Join(*run, "metrics.jsonl"))
	if err == nil && len(measures) == 0 {
		err = fmt.Errorf("%s: no held-out measure; train with --eval-every", *run)
	}
	if err == nil && !(*window > 0) {
		err = fmt.Errorf("-window %g: want a positive number of seconds", *window)
	}
	if err == nil {
		print(measures, *window)
		if *curve != "" {
			err = draw(*curve, measures)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "windows:", err)
		os.Exit(1)
	}
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

// print writes a line a window.
func print(all []measure, window float64) {
	fmt.Println("| CPU seconds | steps | measures | mean | standard error |")
	fmt.Println("|--:|--:|--:|--:|--:|")
	for len(all) > 0 {
		k := math.Floor(all[0].cpu / window)
		n, sum, squares := 0, 0., 0.
		for n < len(all) && math.Floor(all[n].cpu/window) == k {
			sum += all[n].value
			squares += all[n].value * all[n].value
			n++
		}
		mean := sum / float64(n)
		spread := math.Sqrt(max(0, squares/float64(n)-mean*mean))
		fmt.Printf("| %.0f to %.0f | %.0f to %.0f | %d | %.2f | %.2f |\n",
			k*window, (k+1)*window, all[0].step, all[n-1].step, n, mean, spread/math.Sqrt(max(1, float64(n-1))))
		all = all[n:]
	}
}

// draw writes the curve of the measure.
func draw(path string, all []measure) error {
	c := report.Curve{Title: "held-out measure", YLabel: "2W - W - W (squared distance)"}
	for _, m := range all {
		c.Step, c.Value = append(c.Step, m.step), append(c.Value, m.value)
	}
	m, err := c.Draw()
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

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
)

// TestOTBatch: a line a pair, in order, each as ot alone prints it, for any number of workers.
func TestOTBatch(t *testing.T) {
	b := newOTBench(t)
	var list strings.Builder
	var names [][2]string
	for k := range 70 { // more than one block
		n, m := 1+k%9, 2+k%7
		x, y := make([]float64, 2*n), make([]float64, 2*m)
		random.Normal(random.New(uint64(k), "x"), x, 0, 1)
		random.Normal(random.New(uint64(k), "y"), y, 1, 1)
		pair := [2]string{b.file(fmt.Sprintf("x%d.csv", k), 2, x...), b.file(fmt.Sprintf("y%d.csv", k), 2, y...)}
		names = append(names, pair)
		fmt.Fprintf(&list, "%s, %s\n", pair[0], pair[1])
	}
	path := b.text("list.csv", list.String())
	var first string
	for _, threads := range []string{"1", "3"} {
		code, out, stderr := command("ot", "--batch", path, "--debias", "--threads", threads)
		if code != exitDone || stderr != "" {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		var all strings.Builder
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if len(lines) != len(names) {
			t.Fatalf("%d lines for %d pairs", len(lines), len(names))
		}
		for k, line := range lines {
			var r otResult
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if r["x"] != names[k][0] || r["y"] != names[k][1] {
				t.Errorf("line %d is of %v and %v", k, r["x"], r["y"])
			}
			if k%10 == 0 {
				alone := b.solve(names[k][0], names[k][1], "--debias")
				for _, key := range []string{"value", "divergence", "upper_bound", "iterations"} {
					if r.num(key) != alone.num(key) || math.IsNaN(r.num(key)) {
						t.Errorf("pair %d: %s is %v, alone %v", k, key, r[key], alone[key])
					}
				}
			}
			delete(r, "seconds")
			fmt.Fprintln(&all, r)
		}
		if first == "" {
			first = all.String()
		} else if first != all.String() {
			t.Error("other workers, other bits")
		}
	}
}

// TestOTBatchGoesOn: a pair without an answer has an error, and the others theirs.
func TestOTBatchGoesOn(t *testing.T) {
	b := newOTBench(t)
	x, y := b.file("x.csv", 1, 0, 1, 2), b.file("y.csv", 1, .5, 3)
	good, bad := x+","+y+"\n", x+","+b.at("none.csv")+"\n"
	for _, c := range []struct {
		list  string
		more  []string
		code  int
		lines int
		say   string
	}{
		{good + bad + good, nil, exitFailed, 3, "1 pairs"},
		{good + good, []string{"--max-iter", "1", "--tol", "1e-9"}, exitNotConverged, 2, "not converged"},
		{good, []string{"--reach", ".5", "--cost", "l1"}, exitDone, 1, ""},
		{"", nil, exitFailed, 0, "no pair"},
		{good + "a,b,c\n", nil, exitFailed, 0, "line 2"},
		{good + "\"a\n", nil, exitFailed, 0, "list.csv"},
		{x + ",-\n", nil, exitFailed, 0, "standard input"},
		{good, []string{x}, exitUsage, 0, "--batch"},
		{good, []string{"--plan", b.at("p.npy")}, exitUsage, 0, "--plan"},
		{good, []string{"--weights-x", x}, exitUsage, 0, "--weights-x"},
		{good, []string{"--eps", "0"}, exitUsage, 0, "--eps"},
	} {
		code, out, stderr := command(append([]string{"ot", "--batch", b.text("list.csv", c.list)}, c.more...)...)
		if code != c.code || strings.Count(out, "\n") != c.lines || !strings.Contains(stderr, c.say) {
			t.Errorf("%q %v: exit %d\n%s%s", c.list, c.more, code, out, stderr)
		}
		if strings.Contains(c.list, "none.csv") {
			line := strings.Split(out, "\n")[1]
			if !strings.Contains(line, `"error":`) || strings.Contains(line, `"value"`) || !strings.Contains(line, "none.csv") {
				t.Errorf("the line of a bad pair is %s", line)
			}
		}
	}
}

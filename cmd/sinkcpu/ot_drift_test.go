package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

// TestOTDrift: a shift of one standard deviation has the least p-value that there can be, and the same sample twice the largest.
func TestOTDrift(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, seed uint64, shift float64) string {
		x := make([]float64, 2*40)
		random.Normal(random.New(seed, "cloud"), x, shift, 1)
		path := filepath.Join(dir, name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := data.WriteNPY(f, 40, 2, x); err != nil {
			t.Fatal(err)
		}
		return path
	}
	before, after := write("before.npy", 1, 0), write("after.npy", 2, 1)
	for _, c := range []struct {
		y    string
		want float64
	}{{after, 1. / 20}, {before, 1}} {
		code, out, stderr := command("ot", before, c.y, "--test", "permutation", "--reps", "19", "--json")
		var got struct {
			Test     string     `json:"test"`
			Reps     int        `json:"reps"`
			PValue   float64    `json:"p_value"`
			Interval [2]float64 `json:"divergence_interval"`
			Value    *float64   `json:"divergence"`
		}
		if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil {
			t.Fatalf("%d, %v: %s%s", code, err, out, stderr)
		}
		if got.Test != "permutation" || got.Reps != 19 || got.PValue != c.want || got.Value == nil || !(got.Interval[0] < got.Interval[1]) {
			t.Errorf("%+v, want the p-value %g", got, c.want)
		}
	}
	code, out, stderr := command("ot", before, after, "--test", "bootstrap", "--reps", "39", "--eps", "1", "--json")
	var got struct {
		PValue   *float64   `json:"p_value"`
		Interval [2]float64 `json:"divergence_interval"`
	}
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil {
		t.Fatalf("%d, %v: %s%s", code, err, out, stderr)
	}
	if got.PValue != nil || !(got.Interval[0] < 2 && got.Interval[1] > 2) {
		t.Errorf("%+v: want an interval that holds |(1,1)|^2 = 2, and no p-value", got)
	}
	if code, out, _ := command("ot", before, after, "--test", "bootstrap", "--reps", "9"); code != 0 || !strings.Contains(out, "of the laws") {
		t.Errorf("text: %d, %q", code, out)
	}
	if code, out, _ := command("ot", before, after, "--test", "permutation", "--reps", "9"); code != 0 || !strings.Contains(out, "p-value") {
		t.Errorf("text: %d, %q", code, out)
	}
	for _, args := range [][]string{{"--test", "rank"}, {"--reps", "5"}, {"--test", "permutation", "--reps", "0"}, {"--test", "permutation", "--reach", "1"}} {
		if code, _, stderr := command(append([]string{"ot", before, after}, args...)...); code != exitUsage {
			t.Errorf("%v: %d, %q", args, code, stderr)
		}
	}
}

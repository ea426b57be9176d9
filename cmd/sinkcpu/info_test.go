package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/nn"
)

// TestInfoModel: every built-in network is described, in text and JSON; the paper's generator has the numbers that its sizes give.
func TestInfoModel(t *testing.T) {
	for _, m := range nn.Models() {
		code, out, stderr := command("info", "--model", m.Name)
		if code != 0 || !strings.Contains(out, m.Name) || strings.Count(out, "\n") < 5 {
			t.Errorf("info --model %s: %d, %q, %q", m.Name, code, out, stderr)
		}
		_, table, _ := strings.Cut(out, "\n\n")
		for line := range strings.Lines(table) {
			if len(line) > 81 {
				t.Errorf("info --model %s: %d columns: %s", m.Name, len(line)-1, line)
			}
		}
	}
	code, out, _ := command("info", "--model", "mlp-generator-28", "--json")
	var got struct {
		Layers []struct {
			Params int   `json:"params"`
			FLOPs  int64 `json:"flops"`
		} `json:"layers"`
	}
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil {
		t.Fatalf("%d, %v: %s", code, err, out)
	}
	var params int
	var flops int64
	for _, l := range got.Layers {
		params, flops = params+l.Params, flops+l.FLOPs
	}
	if params != 3*500+501*500+501*784 || flops != 2*(2*500+500*500+500*784) {
		t.Errorf("%d parameters and %d operations", params, flops)
	}
	if code, _, stderr := command("info", "--model", "vgg"); code != exitUsage || !strings.Contains(stderr, "dcgan-generator-28") {
		t.Errorf("an unknown model: %d, %q", code, stderr)
	}
}

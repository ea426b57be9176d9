package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/devices"
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

// TestInfoDevices: the devices are listed, or one line says why there is none; in JSON too.
func TestInfoDevices(t *testing.T) {
	code, text, _ := command("info")
	if code != 0 || strings.Count(text, "device   ") < 1 {
		t.Errorf("info: %d, %q", code, text)
	}
	code, out, _ := command("info", "--json")
	var got struct {
		Devices []struct {
			Which, Model string
			Memory       int64
		}
		NoDevice string `json:"no_device"`
	}
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil {
		t.Fatalf("%d, %v: %s", code, err, out)
	}
	if (len(got.Devices) == 0) != (got.NoDevice != "") || strings.Contains(got.NoDevice, "\n") {
		t.Errorf("%+v", got)
	}
	for _, d := range got.Devices {
		if !strings.Contains(text, d.Which+": "+d.Model) || d.Memory <= 0 {
			t.Errorf("%+v in JSON, in text %q", d, text)
		}
	}
}

// Devices of every driver are listed; where there is none, every driver's reason is said.
func TestListDevices(t *testing.T) {
	lacking := devices.Driver{Name: "lacking", List: func() ([]devices.Info, error) { return nil, errors.New("no such hardware") }}
	having := devices.Driver{Name: "test", List: func() ([]devices.Info, error) {
		return []devices.Info{{Which: "test:0", Model: "T", Memory: 3 << 30, Detail: "version 1"}}, nil
	}}
	all, reason := listDevices([]devices.Driver{lacking, having})
	if len(all) != 1 || all[0] != (deviceInfo{"test:0", "T", 3 << 30, "version 1"}) || reason != "" {
		t.Errorf("%+v, %q", all, reason)
	}
	if list, reason := listDevices([]devices.Driver{lacking}); len(list) != 0 || reason != "no such hardware" {
		t.Errorf("%+v, %q", list, reason)
	}
	if list, reason := listDevices(nil); len(list) != 0 || !strings.Contains(reason, "without support") {
		t.Errorf("%+v, %q", list, reason)
	}
	if text := (info{Devices: all}).text(); !strings.Contains(text, "device   test:0: T, 3.0 GiB, version 1\n") {
		t.Errorf("%q", text)
	}
}

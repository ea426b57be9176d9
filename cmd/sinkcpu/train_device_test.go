package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/devices"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/devicetest"
	"github.com/sinkcpu/sinkcpu/train"
)

// failingOps is the processor's table until some sums of products were made; then it fails.
type failingOps struct {
	*nn.CPU[float32]
	left int
}

func (o *failingOps) Dot(x, y *nn.Tensor[float32]) float64 {
	if o.left--; o.left < 0 {
		panic(&nn.Fault{Err: errors.New("an illegal address")})
	}
	return o.CPU.Dot(x, y)
}

// remoteOps allocates what the host cannot address, which suffices to make an objective, not for a step. Reading fails.
type remoteOps struct{ *nn.CPU[float32] }

func (remoteOps) Alloc(n int) nn.Storage[float32]                 { return remote(n) }
func (remoteOps) Upload(*nn.Tensor[float32], []float32)           {}
func (remoteOps) Download(dst []float32, src *nn.Tensor[float32]) { src.Values() }

type remote int

func (r remote) Len() int              { return int(r) }
func (remote) Data() []float32         { return nil }
func (remote) Write([]float32, int)    {}
func (remote) Read(_ []float32, _ int) { panic(&nn.Fault{Err: errors.New("the device is gone")}) }

// checkpointOf returns what a run has learned: the device and the digest of its tensors.
func checkpointOf(t *testing.T, dir string) (device, tensors string, step int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c train.Checkpoint
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c.Device, c.Tensors, c.Step
}

// onProcessor returns the digest of the tensors of a tiny run on the processor.
func onProcessor(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	out := mustCommand(t, tiny(dir, "--json")...)
	var s train.Summary
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.Device != "cpu" {
		t.Errorf("%v; the run was on %q", err, s.Device)
	}
	device, tensors, _ := checkpointOf(t, dir)
	if device != "cpu" {
		t.Errorf("the processor is called %q", device)
	}
	return tensors
}

// A run on a device says so in all its files, takes the table of that device, and gives it back.
func TestTrainOnADevice(t *testing.T) {
	want := onProcessor(t)
	for _, value := range []string{"fake:0", "auto"} {
		plug(t, new(devicetest.Reference))
		dir := filepath.Join(t.TempDir(), "run")
		code, out, stderr := command(tiny(dir, "--device", value)...)
		if code != 0 || !strings.Contains(stderr, "the networks compute on reference") || !strings.Contains(out, "the networks computed on reference") || fake.closed != 1 {
			t.Errorf("--device %s: exit %d, closed %d times, %q, %q", value, code, fake.closed, out, stderr)
		}
		device, tensors, _ := checkpointOf(t, dir)
		if device != "reference" || tensors != want {
			t.Errorf("--device %s: on %s, tensors %.12s, want %.12s of the same arithmetic", value, device, tensors, want)
		}
		c, err := train.LoadConfig(dir)
		if err != nil || c.Device != value {
			t.Errorf("config.json has the device %q, want %q; %v", c.Device, value, err)
		}
	}
}

// A run goes on elsewhere, with a warning, and on the device of its config where no flag says otherwise.
func TestTrainResumesElsewhere(t *testing.T) {
	want := onProcessor(t)
	plug(t, new(devicetest.Reference))
	dir := filepath.Join(t.TempDir(), "run")
	mustCommand(t, tiny(dir, "--device", "fake", "--steps", "12")...)
	resume := []string{"train", "--resume", "--out", dir, "--steps"}
	if code, _, stderr := command(append(resume, "23")...); code != 0 || strings.Contains(stderr, "warning") || !strings.Contains(stderr, "reference") {
		t.Errorf("on the same device: exit %d, %q", code, stderr)
	}
	fake.device = nil
	code, _, stderr := command(append(resume, "40")...)
	if code != exitFailed || !strings.Contains(stderr, "plug one in") || !strings.Contains(stderr, "--device cpu") || !strings.Contains(stderr, "as it was") {
		t.Errorf("without the device: exit %d, %q", code, stderr)
	}
	code, _, stderr = command(append(resume, "40", "--device", "cpu")...)
	if code != 0 || !strings.Contains(stderr, "was written on the device reference and goes on here on cpu") {
		t.Errorf("on the processor: exit %d, %q", code, stderr)
	}
	if device, tensors, _ := checkpointOf(t, dir); device != "cpu" || tensors != want {
		t.Errorf("on %s, tensors %.12s, want %.12s", device, tensors, want)
	}
}

// What no device can be asked for ends before there is a folder; auto takes the processor then.
func TestTrainDeviceRefused(t *testing.T) {
	bare := func(t *testing.T) {}
	host := func(t *testing.T) { plug(t, new(devicetest.Reference)); fake.ops = remoteOps{nn.NewCPU[float32](nil)} }
	for _, c := range []struct {
		args string
		with func(t *testing.T)
		code int
		say  string
	}{
		{"--device gpu", bare, exitUsage, "want auto, cpu, cuda"},
		{"--device cuda:x", bare, exitUsage, "want auto, cpu, cuda"},
		{"--device=", bare, exitUsage, "want auto, cpu, cuda"},
		{"--device fake", bare, exitFailed, "plug one in"},
		{"--device fake:1", host, exitFailed, "there is one device"},
		{"--device fake --model ellipsoids", host, exitUsage, "--model network or dcgan"},
		{"--device fake --objective rot-gan --value entropic", host, exitUsage, "the objective rot-gan computes on the processor alone"},
	} {
		t.Run(c.args, func(t *testing.T) {
			c.with(t)
			dir := filepath.Join(t.TempDir(), "run")
			code, _, stderr := command(tiny(dir, strings.Fields(c.args)...)...)
			if code != c.code || !strings.Contains(stderr, c.say) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit %d, %q, want %d and %q", code, stderr, c.code, c.say)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("a folder was made")
			}
			if fake.device != nil && c.code == exitUsage && fake.closed != 1 {
				t.Errorf("the device was closed %d times", fake.closed)
			}
		})
	}
	host(t)
	dir := filepath.Join(t.TempDir(), "run")
	if code, _, stderr := command(tiny(dir, "--model", "ellipsoids", "--device", "auto")...); code != 0 {
		t.Errorf("auto for ellipsoids: exit %d, %q", code, stderr)
	}
	if device, _, _ := checkpointOf(t, dir); device != "cpu" {
		t.Errorf("auto for ellipsoids: on %s", device)
	}
}

// Without a GPU, --device cuda says so and exits 1 before there is a folder; auto does as cpu does, bit for bit.
func TestTrainDeviceAbsent(t *testing.T) {
	if _, err := devices.Open("cuda"); err == nil {
		t.Skip("there is a device")
	}
	dir := filepath.Join(t.TempDir(), "run")
	code, _, stderr := command(tiny(dir, "--device", "cuda")...)
	if _, err := os.Stat(dir); code != exitFailed || !strings.Contains(stderr, "--device cuda: ") || strings.Count(stderr, "\n") != 1 || err == nil {
		t.Errorf("exit %d, %q, folder made: %v", code, stderr, err == nil)
	}
	mustCommand(t, tiny(dir, "--device", "auto")...)
	if device, tensors, _ := checkpointOf(t, dir); device != "cpu" || tensors != onProcessor(t) {
		t.Errorf("auto is not the processor: on %s, tensors %.12s", device, tensors)
	}
}

// A device that fails in the middle ends a run that named it, with the checkpoint intact; auto goes on from that on the processor. Where the
// arithmetic is the same, so are the bits in the end.
func TestTrainDeviceFault(t *testing.T) {
	want := onProcessor(t)
	failing := func() nn.Ops[float32] { return &failingOps{nn.NewCPU[float32](nil), 100} } // sixteen steps of six parameters
	plug(t, new(devicetest.Reference))
	fake.ops = failing()
	dir := filepath.Join(t.TempDir(), "run")
	code, out, stderr := command(tiny(dir, "--device", "fake")...)
	device, _, step := checkpointOf(t, dir)
	if code != exitFailed || out != "" || !strings.Contains(stderr, "an illegal address; the checkpoint of step ") || !strings.Contains(stderr, "--device cpu") || fake.closed != 1 {
		t.Errorf("exit %d, closed %d times, %q", code, fake.closed, stderr)
	}
	if device != "reference" || step%5 != 0 || step == 0 || step == 40 {
		t.Errorf("the checkpoint is of step %d on %s", step, device)
	}
	mustCommand(t, "train", "--resume", "--out", dir, "--device", "cpu")
	if _, tensors, _ := checkpointOf(t, dir); tensors != want {
		t.Errorf("resumed: tensors %.12s, want %.12s", tensors, want)
	}
	for name, ops := range map[string]nn.Ops[float32]{"in the middle": failing(), "at the first checkpoint": remoteOps{nn.NewCPU[float32](nil)}} {
		fake.ops = ops
		dir := filepath.Join(t.TempDir(), "run")
		code, _, stderr := command(tiny(dir, "--device", "auto")...)
		device, tensors, _ := checkpointOf(t, dir)
		if code != 0 || strings.Count(stderr, "the device failed, and the processor goes on from the last checkpoint: ") != 1 || device != "cpu" || tensors != want {
			t.Errorf("auto, failing %s: exit %d, on %s, tensors %.12s, want %.12s; %q", name, code, device, tensors, want, stderr)
		}
	}
}

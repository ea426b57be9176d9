package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sinkcpu/sinkcpu/devices"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/devicetest"
)

// A fakeDevice computes in plain Go.
type fakeDevice struct {
	*devicetest.Reference
	closed *int
}

func (d fakeDevice) Info() devices.Info { return devices.Info{Which: "fake:0", Model: "plain Go"} }
func (d fakeDevice) Err() error         { return nil }
func (d fakeDevice) Close() error       { *d.closed++; return nil }

func (d fakeDevice) Ops() nn.Ops[float32] {
	if fake.ops != nil {
		return fake.ops
	}
	return nn.NewCPU[float32](nil)
}

// fake is what the driver of that name has in a test: a device, or why there is none.
var fake struct {
	device *devicetest.Reference
	ops    nn.Ops[float32] // nil for the processor's
	closed int
}

func init() {
	none := errors.New("no fake device here: plug one in")
	devices.Register(devices.Driver{
		Name: "fake",
		List: func() ([]devices.Info, error) {
			if fake.device == nil {
				return nil, none
			}
			return []devices.Info{{Which: "fake:0"}}, nil
		},
		Open: func(which string) (devices.Device, error) {
			switch {
			case fake.device == nil:
				return nil, none
			case which != "fake" && which != "fake:0":
				return nil, fmt.Errorf("%s: there is one device, fake:0", which)
			}
			return fakeDevice{fake.device, &fake.closed}, nil
		},
	})
}

// plug sets the device of the driver for a test.
func plug(t *testing.T, d *devicetest.Reference) {
	fake.device, fake.ops, fake.closed = d, nil, 0
	t.Cleanup(func() { fake.device, fake.ops = nil, nil })
}

// TestDeviceValues: what --device takes, and where it does not go.
func TestDeviceValues(t *testing.T) {
	b := newOTBench(t)
	args := b.clouds()
	list := b.text("list.csv", args[0]+","+args[1]+"\n")
	for _, c := range []struct {
		args string
		code int
		say  string
	}{
		{"--device gpu", exitUsage, "want auto, cpu, cuda, fake"},
		{"--device cuda:x", exitUsage, "want auto, cpu"},
		{"--device cuda:-1", exitUsage, "want auto, cpu"},
		{"--device cpu:0", exitUsage, "want auto, cpu"},
		{"--device fake", exitFailed, "plug one in"},
		{"--device fake --precision f64", exitUsage, "computes in f32"},
		{"--device fake --reg l2", exitUsage, "--reg l2"},
		{"--device cpu", 0, ""},
		{"--device auto", 0, ""},
	} {
		_, code, stderr := b.any(append(strings.Fields(c.args), args...)...)
		if code != c.code || !strings.Contains(stderr, c.say) {
			t.Errorf("%s: exit %d, %q, want %d and %q", c.args, code, stderr, c.code, c.say)
		}
	}
	if _, code, stderr := b.any("--batch", list, "--device", "fake"); code != exitUsage || !strings.Contains(stderr, "--batch") {
		t.Errorf("--batch on a device: exit %d, %q", code, stderr)
	}
}

// TestDeviceAbsent: without a GPU, or with all of them hidden, --device cuda says so in one line and exits 1; auto does as cpu does, bit for bit.
func TestDeviceAbsent(t *testing.T) {
	b := newOTBench(t)
	args := b.clouds()
	for _, hidden := range []bool{false, true} {
		if hidden {
			t.Setenv("CUDA_VISIBLE_DEVICES", "")
		}
		r, code, stderr := b.any(append(args, "--device", "cuda")...)
		if _, err := devices.Open("cuda"); err == nil {
			t.Skip("there is a device")
		}
		if r != nil || code != exitFailed || !strings.Contains(stderr, "--device cuda: ") || strings.Contains(stderr, "cuda: cuda") || !strings.Contains(stderr, "--device cpu computes") ||
			strings.Count(stderr, "\n") != 1 {
			t.Errorf("--device cuda: exit %d, %q", code, stderr)
		}
		want := b.potentialsOn("cpu", args)
		if got := b.potentialsOn("auto", args); !cmp.Equal(got, want) {
			t.Error("auto without a device changes results")
		}
	}
}

// TestDevicePresent: auto leaves a device alone where the problem is small; one that is named solves it, and one that fails ends it.
func TestDevicePresent(t *testing.T) {
	b := newOTBench(t)
	args := b.clouds()
	want := b.potentialsOn("cpu", args)
	plug(t, new(devicetest.Reference))
	if got := b.potentialsOn("auto", args); !cmp.Equal(got, want) || fake.device.Calls() > 0 {
		t.Error("auto changes results of a small problem where there is a device")
	}
	if got := b.potentialsOn("cpu", args); !cmp.Equal(got, want) || fake.device.Calls() > 0 {
		t.Error("cpu changes results where there is a device")
	}
	here := b.solve(append(args, "--device", "cpu", "--debias")...)
	r := b.solve(append(args, "--device", "fake:0", "--debias", "--grad", b.at("grad.npy"))...)
	if r["device"] != "reference" || !strings.HasPrefix(r["method"].(string), "device+") || fake.device.Loaded() < 4 || fake.device.Open() != 0 || fake.closed != 1 {
		t.Errorf("%v by %v, %d problems loaded, %d open, closed %d times", r["device"], r["method"], fake.device.Loaded(), fake.device.Open(), fake.closed)
	}
	for _, key := range []string{"value", "divergence", "transport_cost"} {
		if !(abs(r.num(key)-here.num(key)) <= 2e-5*max(1, here.num("value"))) {
			t.Errorf("%s is %g, want %g", key, r.num(key), here.num(key))
		}
	}
	if here["device"] != "cpu" {
		t.Errorf("the processor is called %v", here["device"])
	}
	plug(t, &devicetest.Reference{FailAt: 3, Fault: errors.New("an illegal address")})
	if r, code, stderr := b.any(append(args, "--device", "fake")...); r != nil || code != exitFailed || !strings.Contains(stderr, "illegal address") {
		t.Errorf("a fault under --device: exit %d, %q", code, stderr)
	}
	plug(t, &devicetest.Reference{Refuse: true})
	if r, code, stderr := b.any(append(args, "--device", "fake")...); r != nil || code != exitUsage || !strings.Contains(stderr, "use --device cpu") {
		t.Errorf("what the device refuses: exit %d, %q", code, stderr)
	}
}

// TestDeviceFallback: a device that auto chose and that fails leaves the processor's result, and one line.
func TestDeviceFallback(t *testing.T) {
	b := newOTBench(t)
	args := b.clouds()
	want := b.potentialsOn("cpu", args)
	plug(t, &devicetest.Reference{FailAt: 3, Fault: errors.New("an illegal address")})
	before := deviceEntries
	deviceEntries = 1
	t.Cleanup(func() { deviceEntries = before })
	path := b.at("fallback.npz")
	code, out, stderr := command(append([]string{"ot", "--potentials", path}, args...)...)
	if code != 0 || !strings.Contains(stderr, "note: the device failed, and the processor went on in its place: an illegal address") || strings.Contains(out, "device") {
		t.Errorf("exit %d, %q, %q", code, out, stderr)
	}
	got, err := os.ReadFile(path)
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v; the potentials are not the processor's", err)
	}
}

// potentialsOn returns the file of potentials of a solve.
func (b *otBench) potentialsOn(device string, args []string) []byte {
	b.Helper()
	path := b.at("potentials-" + device + ".npz")
	_ = os.Remove(path)
	b.solve(append([]string{"--device", device, "--potentials", path}, args...)...)
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func abs(v float64) float64 { return max(v, -v) }

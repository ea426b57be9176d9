package cuda_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda"
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
	"github.com/sinkcpu/sinkcpu/devices"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// TestRegistered: a program that imports the package has its driver, which says in one line why there is no device where there is none.
func TestRegistered(t *testing.T) {
	for _, d := range devices.Drivers() {
		if d.Name != "cuda" {
			continue
		}
		infos, err := d.List()
		if (err == nil) == (len(infos) == 0) || err != nil && (!errors.Is(err, device.ErrNone) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%d devices, %v", len(infos), err)
		}
		for _, which := range []string{"cuda:x", "cuda:-1", "cuda:99999"} {
			if opened, err := devices.Open(which); err == nil || opened != nil {
				t.Errorf("%s was opened", which)
			}
		}
		return
	}
	t.Error("there is no driver of the name cuda")
}

// TestUsable: of the devices that a driver shows those are listed against which nothing speaks; where something does against all, it is
// said of each.
func TestUsable(t *testing.T) {
	good, bad := device.Info{Ordinal: 1, Name: "good", Major: 9, CUDA: "12.4"}, device.Info{Problem: "too old"}
	infos, err := cuda.Usable([]device.Info{bad, good})
	if err != nil || len(infos) != 1 || infos[0].Which != "cuda:1" || infos[0].Model != "good" {
		t.Errorf("%+v, %v", infos, err)
	}
	if _, err := cuda.Usable([]device.Info{bad, bad}); !errors.Is(err, device.ErrNone) || strings.Count(err.Error(), "too old") != 2 {
		t.Errorf("the reason is %v", err)
	}
}

// TestDevice: a device as the registry has it solves and computes until it is closed.
func TestDevice(t *testing.T) {
	var d devices.Device = cuda.NewDevice(simulated(t, sim.Options{}))
	if info := d.Info(); info.Model == "" || info.Model != d.Name() || info.Memory <= 0 || d.Ops() == nil || d.Err() != nil {
		t.Errorf("%+v, %v", info, d.Err())
	}
	f, err := d.Load(problem(3, 4, 2, logsumexp.SqEuclidean))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := d.Load(problem(3, 4, 2, logsumexp.SqEuclidean)); err == nil {
		t.Error("a closed device takes a problem")
	}
}

package cuda_test

import (
	"errors"
	"flag"
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda"
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/nn/clouds/cloudstest"
	"github.com/sinkcpu/sinkcpu/nn/opstest"
)

// fewer lowers the number of random cases of a test on the simulated device, whose barriers cost a hundred times those of a real one,
// unless the number was asked for.
func fewer(t *testing.T, checks string) {
	f := flag.Lookup("rapid.checks")
	if f == nil || f.Value.String() != f.DefValue {
		return
	}
	f.Value.Set(checks)
	t.Cleanup(func() { f.Value.Set(f.DefValue) })
}

// The table on the simulated device.
func TestOps(t *testing.T) {
	fewer(t, "5")
	opstest.Run(t, cuda.NewOps(simulated(t, sim.Options{})))
}

// The table on a simulated device without tensor cores; see TestProducts for what else depends on them.
func TestOpsPlain(t *testing.T) {
	if !long {
		t.Skip("with the tag exhaustive")
	}
	opstest.Run(t, cuda.NewOps(simulated(t, sim.Options{Major: 7, Minor: 5})))
}

// The table on a device of this machine.
func TestOpsOnDevice(t *testing.T) {
	opstest.Run(t, cuda.NewOps(real(t)))
}

// After a failure nothing is computed and no number comes back: the panic is a fault that CatchFault makes an error, of the device's kind.
func TestOpsFault(t *testing.T) {
	const bytes = 1 << 20
	o := cuda.NewOps(simulated(t, sim.Options{Memory: bytes}))
	x := nn.TensorIn(o.Alloc(100), 0, 100)
	if got := o.Dot(x, x); got != 0 {
		t.Fatalf("Dot of zeros is %v", got)
	}
	y := nn.TensorIn(o.Alloc(bytes), 0, bytes)
	o.Scale(y, 2)
	for name, result := range map[string]func(){
		"Dot":      func() { o.Dot(x, x) },
		"Download": func() { o.Download(make([]float32, 100), x) },
		"Values":   func() { x.Values() },
		"loss":     func() { o.SquaredError(nil, x, x) },
		"no loss":  func() { o.SquaredError(nil, x.Slice(0, 0), x.Slice(0, 0)) },
	} {
		step := func() (err error) {
			defer nn.CatchFault(&err)
			result()
			return nil
		}
		if err := step(); !errors.Is(err, device.ErrMemory) {
			t.Errorf("%s after memory ran out: %v, want an error of the kind ErrMemory", name, err)
		}
	}
	if err := o.Err(); !errors.Is(err, device.ErrMemory) {
		t.Errorf("Err is %v", err)
	}
	defer func() {
		if v := recover(); v != "other" {
			t.Errorf("CatchFault ends a panic of %v", v)
		}
	}()
	func() (err error) {
		defer nn.CatchFault(&err)
		panic("other")
	}()
}

// Memory of tensors that are no longer used goes back to the device.
func TestOpsMemory(t *testing.T) {
	const bytes = 1 << 20
	o := cuda.NewOps(simulated(t, sim.Options{Memory: bytes}))
	for range 100 {
		x := nn.TensorIn(o.Alloc(bytes/16), 0, bytes/16) // a quarter of it
		o.Zero(x)
		if err := o.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// Operations on clouds on the simulated device, with its threads and blocks in two orders, of a device with tensor cores and of one without.
func TestClouds(t *testing.T) {
	for _, o := range []sim.Options{{Workers: 2}, {Order: 7}, {Major: 7, Minor: 5}} {
		cloudstest.Run(t, cuda.NewOps(simulated(t, o)))
		if testing.Short() {
			break
		}
	}
}

// Operations on clouds on a real device, where there is one.
func TestCloudsOnDevice(t *testing.T) {
	cloudstest.Run(t, cuda.NewOps(real(t)))
}

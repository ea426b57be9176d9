package device_test

import (
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
)

// simulated returns a device of this process.
func simulated(t testing.TB, o sim.Options) *device.Device {
	t.Helper()
	s := sim.New(t, o)
	d, err := device.Simulated(s.Driver(), s.Image())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func upload[T device.Number](t testing.TB, d *device.Device, x []T) device.Pointer {
	t.Helper()
	p, err := d.Alloc(8 * len(x))
	if err != nil {
		t.Fatal(err)
	}
	if err := device.Upload(d, p, x); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAxpy(t *testing.T) {
	d := simulated(t, sim.Options{})
	const n = 1000
	x, y := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], y[i] = float32(i), float32(2*i+1)
	}
	dx, dy := upload(t, d, x), upload(t, d, y)
	f, err := d.Function("vector_axpy")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Launch(f, device.Dim{X: 3}, device.Dim{X: 128}, 0, device.Ptr(dy), device.Ptr(dx), device.F32(.5), device.I64(n)); err != nil {
		t.Fatal(err)
	}
	if err := device.Download(d, y, dy); err != nil {
		t.Fatal(err)
	}
	for i := range y {
		if want := float32(2*i+1) + .5*float32(i); y[i] != want {
			t.Fatalf("y[%d] = %g, want %g", i, y[i], want)
		}
	}
	if err := d.Sync(); err != nil {
		t.Error(err)
	}
}

//go:build !(linux && (amd64 || arm64) && !nocuda)

package sim

import (
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
)

// Sim is a simulated device. There is none on this system.
type Sim struct{}

// New skips the test: devices are simulated on linux with amd64 or arm64.
func New(t testing.TB, _ Options) *Sim {
	t.Helper()
	t.Skip("CUDA devices are simulated on linux with amd64 or arm64")
	return nil
}

// Bare skips the test, as New does.
func Bare(t testing.TB, o Options) *Sim {
	t.Helper()
	return New(t, o)
}

// Held returns how many contexts, modules, streams and events have not been given back.
func (s *Sim) Held() int { return 0 }

// Driver returns the driver of the device.
func (s *Sim) Driver() *driver.Driver { return nil }

// Image returns the list of the kernels, in the syntax of PTX.
func (s *Sim) Image() []byte { return nil }

// Allocated returns how many bytes of the device's memory, and how many of pinned memory, are in use.
func (s *Sim) Allocated() (device, pinned uint64) { return 0, 0 }

package cuda

import (
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// Redone returns how many sums of a flow were taken again because they had left the range of float32.
func Redone(f sinkhorn.DeviceFlow) (int, error) {
	count := make([]int32, 1)
	err := device.Download(f.(*flow).d, count, f.(*flow).redone)
	return int(count[0]), err
}

// FewParts has passes cut in as few parts as possible until the end of a test: a block has all tiles of its rows.
func FewParts(t testing.TB) {
	before := multiprocessors
	multiprocessors = 0
	t.Cleanup(func() { multiprocessors = before })
}

var (
	Usable    = usable
	NewDevice = newDevice
)

package cuda

import (
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// Redone returns how many sums of a flow were taken again because they had left the range of float32.
func Redone(f sinkhorn.DeviceFlow) (int, error) {
	count := make([]int32, 1)
	err := device.Download(f.(*flow).d, count, f.(*flow).redone)
	return int(count[0]), err
}

var (
	Usable    = usable
	NewDevice = newDevice
)

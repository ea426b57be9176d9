package cuda

import (
	"fmt"
	"os"
	"strings"

	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/devices"
	"github.com/sinkcpu/sinkcpu/nn"
)

// EnvTF32 is the environment variable that, set to 1, makes [Open] set [Solver.TF32] and [Ops.TF32].
const EnvTF32 = "SINKCPU_TF32"

func init() {
	devices.Register(devices.Driver{Name: "cuda", List: list, Open: func(which string) (devices.Device, error) {
		d, err := Open(which)
		if err != nil {
			return nil, err
		}
		return d, nil
	}})
}

// A Device is a GPU in use: a [devices.Device], with the settings of its [Solver].
type Device struct {
	*Solver
	ops *Ops
}

var _ devices.Device = (*Device)(nil)

// Open takes a GPU into use: "cuda" is the first that can be, "cuda:N" that of number N. The error says in plain words why it cannot; it is
// of the kind [device.ErrNone] or [device.ErrMemory].
func Open(which string) (*Device, error) {
	d, err := device.Open(which)
	if err != nil {
		return nil, err
	}
	c := newDevice(d)
	c.Solver.TF32 = os.Getenv(EnvTF32) == "1"
	c.ops.TF32 = c.Solver.TF32
	return c, nil
}

func newDevice(d *device.Device) *Device { return &Device{NewSolver(d), NewOps(d)} }

// Info describes the device as it is now.
func (d *Device) Info() devices.Info { return described(d.d.Info()) }

// Ops returns the table of operations on tensors of the device.
func (d *Device) Ops() nn.Ops[float32] { return d.ops }

// Err returns the fault after which the device computes nothing, nil while there was none.
func (d *Device) Err() error { return d.ops.Err() }

// Close gives the device back, and returns its fault.
func (d *Device) Close() error { return d.d.Close() }

// list returns the devices that can be opened. Where none can, the error says what is against each.
func list() ([]devices.Info, error) {
	all, err := device.List()
	if err != nil {
		return nil, err
	}
	return usable(all)
}

func usable(all []device.Info) (infos []devices.Info, err error) {
	var problems []string
	for _, info := range all {
		if info.Problem == "" {
			infos = append(infos, described(info))
		} else {
			problems = append(problems, info.Problem)
		}
	}
	if len(infos) == 0 {
		return nil, fmt.Errorf("cuda: %w: %s", device.ErrNone, strings.Join(problems, "; "))
	}
	return infos, nil
}

// described returns what packages that know nothing of CUDA are told of a device.
func described(info device.Info) devices.Info {
	detail := fmt.Sprintf("compute capability %d.%d, CUDA %s", info.Major, info.Minor, info.CUDA)
	if info.Driver != "" {
		detail += ", driver " + info.Driver
	}
	return devices.Info{Which: fmt.Sprintf("cuda:%d", info.Ordinal), Model: info.Name, Memory: info.Memory, Free: info.Free, Detail: detail}
}

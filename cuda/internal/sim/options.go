package sim

import (
	"os"
	"strings"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
	"github.com/sinkcpu/sinkcpu/cuda/ptx"
)

// Options describe a simulated device.
type Options struct {
	// Sources is the folder of the kernels, each file of which may include common.cuh; gen/cuda where it is empty.
	Sources string

	// Translated takes the kernels that package ptx has for the device, translated from PTX, in place of those of the sources. The environment's
	// SINKCPU_TEST_PTX does so for all devices whose options name no kernels: its value is a target, sm_75 or sm_80, whose capability those have
	// that name none, or a file of PTX whose kernels all of them have.
	Translated bool

	// PTX is a module whose kernels are translated, in place of both.
	PTX []byte

	// Order other than 0 is the seed of an order of a block's threads other than the usual; blocks run backwards then. Results are the same
	// bits unless a kernel has a race.
	Order uint64

	// Workers is how many processors run blocks; 0 is one. Results are the same bits.
	Workers int

	// Memory is the size of the device's memory in bytes; 0 is 1 GiB.
	Memory uint64

	// Major, Minor is the compute capability; 0 is 9.0.
	Major, Minor int

	// Version is the version of CUDA that the driver serves; 0 is 12040, CUDA 12.4.
	Version int

	// Mode is the device's compute mode.
	Mode int

	// Log is what the driver's compiler says when kernels are loaded.
	Log string

	// Fail is asked before each call of the driver by the name of its field; what it returns other than Success is the call's result. It may
	// be nil.
	Fail func(call string) driver.Result
}

func (o Options) withDefaults() Options {
	if o.Workers == 0 {
		o.Workers = 1
	}
	if o.Memory == 0 {
		o.Memory = 1 << 30
	}
	name := os.Getenv("SINKCPU_TEST_PTX")
	if name != "" && o.Sources == "" && o.PTX == nil {
		o.Translated = true
		if strings.HasSuffix(name, ".ptx") {
			o.PTX = read(name)
		} else if o.Major == 0 {
			o.Major, o.Minor = capability(name)
		}
	}
	if o.Major == 0 {
		o.Major = 9
	}
	if o.Version == 0 {
		o.Version = 12040
	}
	if o.Translated && o.PTX == nil {
		o.PTX = ptx.For(o.Major, o.Minor)
	}
	return o
}

// read returns what a file of PTX holds.
func read(name string) []byte {
	image, err := os.ReadFile(name)
	if err != nil {
		panic("sim: SINKCPU_TEST_PTX: " + err.Error())
	}
	return image
}

// capability returns that of a target.
func capability(name string) (major, minor int) {
	for _, t := range ptx.Targets() {
		if t.String() == name {
			return t.Major, t.Minor
		}
	}
	panic("sim: SINKCPU_TEST_PTX is " + name + ", want a target such as sm_80 or a file such as x.ptx")
}

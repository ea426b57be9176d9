// Package devices finds accelerators by name.
//
// A package that drives some registers a [Driver] when it is imported, as cuda does; who imports none of them links none.
package devices

import (
	"fmt"
	"strings"

	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A Device solves problems of optimal transport in float32 and computes with tensors in its own memory.
type Device interface {
	sinkhorn.Device

	// Info describes the device as it is now.
	Info() Info

	// Ops returns the table of operations on tensors of the device. Its methods, which return no error, do nothing after a fault.
	Ops() nn.Ops[float32]

	// Err returns the fault after which the device computes nothing, nil while there was none.
	Err() error

	// Close gives the device back. Nothing of it may be used afterwards.
	Close() error
}

// Info describes a device.
type Info struct {
	Which  string // by which name [Open] has it, such as "cuda:0"
	Model  string // such as "NVIDIA H200"
	Memory int64  // bytes
	Free   int64  // bytes, of all processes
	Detail string // versions and the like, such as "compute capability 9.0, driver 13.0"
}

// A Driver opens devices of one kind.
type Driver struct {
	// Name is what a person calls the kind, such as "cuda".
	Name string

	// List returns the devices that can be opened, in order of preference. Where there is none the error says why in plain words.
	List func() ([]Info, error)

	// Open opens a device: "NAME" is the first of the list, "NAME:K" that with this ordinal. The error says in plain words why it cannot.
	Open func(which string) (Device, error)
}

var drivers []Driver

// Register makes a driver known. It is for init functions.
func Register(d Driver) { drivers = append(drivers, d) }

// Drivers returns the drivers of this program.
func Drivers() []Driver { return drivers }

// Open opens a device by the name of its kind, or by that and an ordinal, as "cuda:1". Its error says why it cannot in plain words.
func Open(which string) (Device, error) {
	kind, _, _ := strings.Cut(which, ":")
	for _, d := range drivers {
		if d.Name == kind {
			return d.Open(which)
		}
	}
	return nil, fmt.Errorf("devices: this program has no driver for %q", which)
}

package device

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
)

// maxArgs is the greatest number of parameters of a kernel.
const maxArgs = 32

// Dim is the size of a grid in blocks or of a block in threads. A zero counts as one.
type Dim struct{ X, Y, Z int }

func (d Dim) full() Dim {
	if d.X == 0 {
		d.X = 1
	}
	if d.Y == 0 {
		d.Y = 1
	}
	if d.Z == 0 {
		d.Z = 1
	}
	return d
}

func (d Dim) of() driver.Dim { return driver.Dim{X: uint32(d.X), Y: uint32(d.Y), Z: uint32(d.Z)} }

// An Arg is an argument of a launch.
type Arg struct {
	bits uint64
	kind byte // as signature.kinds
}

// Ptr, I32, U32, I64, F32 and F64 make arguments for parameters of type pointer, int, unsigned, long long, float and double.
func Ptr(p Pointer) Arg { return Arg{uint64(p), 'l'} }

// I32 is for a parameter of type int.
func I32(v int) Arg { return Arg{uint64(uint32(int32(v))), 'u'} }

// U32 is for a parameter of type unsigned.
func U32(v uint32) Arg { return Arg{uint64(v), 'u'} }

// I64 is for a parameter of type long long.
func I64(v int) Arg { return Arg{uint64(int64(v)), 'l'} }

// F32 is for a parameter of type float.
func F32(v float32) Arg { return Arg{uint64(math.Float32bits(v)), 'f'} }

// F64 is for a parameter of type double.
func F64(v float64) Arg { return Arg{math.Float64bits(v), 'd'} }

// parameters is the memory that the driver reads arguments from.
type parameters struct {
	values   [maxArgs]uint64
	pointers [maxArgs]unsafe.Pointer
}

func (p *parameters) init() {
	for i := range p.values {
		p.pointers[i] = unsafe.Pointer(&p.values[i])
	}
}

// What the hardware allows of every device.
const (
	mostThreads   = 1024
	mostBlocksX   = math.MaxInt32
	mostBlocksYZ  = 65535
	sharedUnasked = 16 << 10 // more dynamic shared memory is asked for: with what a kernel has of its own, 48 KiB may be had without
)

// Launch runs a kernel on a grid of blocks with so many bytes of dynamic shared memory a block. It returns before the kernel has run; a
// fault of the kernel is the error of a later call, at last of Sync. The arguments must be those that the kernel has, in number and type;
// that, and sizes outside of what the device can do, is this call's error and leaves the device usable. It does not allocate,
// but for what purego needs to call the driver.
func (d *Device) Launch(f *Function, grid, block Dim, sharedBytes int, args ...Arg) error {
	grid, block = grid.full(), block.full()
	if err := f.accepts(d, grid, block, sharedBytes, args); err != nil {
		return err
	}
	c := command{kind: commandLaunch, function: f, grid: grid, block: block, shared: uint32(sharedBytes)}
	for i, a := range args {
		c.args[i] = a.bits
	}
	return d.send(&c)
}

// accepts returns what is wrong with a launch.
func (f *Function) accepts(d *Device, grid, block Dim, sharedBytes int, args []Arg) error {
	if f.device != d {
		return fmt.Errorf("device: %s is a kernel of another device", f.name)
	}
	if len(args) != len(f.kinds) {
		return fmt.Errorf("device: %s has %d parameters, was given %d", f.name, len(f.kinds), len(args))
	}
	for i, a := range args {
		if a.kind != f.kinds[i] {
			return fmt.Errorf("device: parameter %d of %s is %s, was given %s", i, f.name, kindName(f.kinds[i]), kindName(a.kind))
		}
	}
	if block.X < 1 || block.Y < 1 || block.Z < 1 || block.X > mostThreads || block.Y > mostThreads || block.Z > 64 ||
		block.X*block.Y*block.Z > f.threads {
		return fmt.Errorf("device: %s on blocks of %dx%dx%d threads; at most %d are possible", f.name, block.X, block.Y, block.Z, f.threads)
	}
	if grid.X < 1 || grid.Y < 1 || grid.Z < 1 || grid.X > mostBlocksX || grid.Y > mostBlocksYZ || grid.Z > mostBlocksYZ {
		return fmt.Errorf("device: %s on a grid of %dx%dx%d blocks; at most %dx%dx%d are possible", f.name, grid.X, grid.Y, grid.Z, mostBlocksX, mostBlocksYZ, mostBlocksYZ)
	}
	if sharedBytes < 0 || int64(sharedBytes) > d.info.Shared {
		return fmt.Errorf("device: %s with %d bytes of shared memory; %s has %d", f.name, sharedBytes, d.info.Name, d.info.Shared)
	}
	return nil
}

// launch asks the driver for a launch.
func (d *Device) launch(c *command) error {
	f := c.function
	if c.shared > max(f.shared, sharedUnasked) {
		if err := d.check("cuFuncSetAttribute", d.drv.FuncSetAttribute(f.handle, driver.FunctionMaxDynamicShared, int32(c.shared))); err != nil {
			return err
		}
		f.shared = c.shared
	}
	d.parameters.values = c.args
	r := d.drv.LaunchKernel(f.handle, c.grid.of(), c.block.of(), c.shared, d.stream, d.parameters.pointers[:len(f.kinds)])
	if r != driver.Success {
		return d.launchFailure(f, r)
	}
	return nil
}

func (d *Device) launchFailure(f *Function, r driver.Result) error {
	return d.check("cuLaunchKernel "+f.name, r)
}

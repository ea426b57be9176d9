// Package ptx holds the kernels of gen/cuda, compiled to PTX: the assembly language that an NVIDIA driver compiles for the device at hand.
package ptx

import (
	"embed"
	"fmt"
)

//go:generate go run ../../gen/cuda -i ../../gen/cuda

//go:embed *.ptx
var files embed.FS

// A Target is what the kernels are compiled for: the least compute capability of the devices that can run them, and the version of PTX
// that they are written in, the first that knows that capability.
type Target struct {
	Major, Minor int
	ISA          int // 63 is PTX 6.3
	Driver       string
	CUDA         int // as cuDriverGetVersion has it: 10000 is CUDA 10.0
}

// targets are ordered by capability. The kernels for 9.0 would be those for 8.0 under another name: none uses what came later. The drivers are those of the CUDA toolkits that came with the version of PTX (NVIDIA's "PTX ISA
// release history" and "CUDA Toolkit and corresponding driver versions").
var targets = []Target{
	{7, 5, 63, "410.48", 10000},
	{8, 0, 70, "450.36.06", 11000}, // tensor cores on TF32, asynchronous copies
}

// Targets returns the targets, the lowest compute capability first.
func Targets() []Target { return append([]Target(nil), targets...) }

// String returns the target's name, such as sm_75.
func (t Target) String() string { return fmt.Sprintf("sm_%d%d", t.Major, t.Minor) }

// File returns the name of the file that the kernels are in.
func (t Target) File() string { return t.String() + ".ptx" }

// Image returns the kernels for a target, without a zero byte at the end.
func (t Target) Image() []byte {
	image, err := files.ReadFile(t.File())
	if err != nil {
		panic("ptx: " + err.Error()) // a target has a file
	}
	return image
}

// Best returns the target of a device of a compute capability under a driver of a version of CUDA: the highest that both can run. Where
// there is none, ok is false and the target is the lowest, whose capability and driver the device would need.
func Best(major, minor, cuda int) (t Target, ok bool) {
	t = targets[0]
	for _, x := range targets {
		if (x.Major < major || x.Major == major && x.Minor <= minor) && x.CUDA <= cuda {
			t, ok = x, true
		}
	}
	return t, ok
}

// For returns the kernels for devices of a compute capability, nil where there are none.
func For(major, minor int) []byte {
	t, ok := Best(major, minor, 1<<30)
	if !ok {
		return nil
	}
	return t.Image()
}

// Package ptxc translates kernels in PTX to C++ for the simulated device, so that what is tested is what a driver is given: registers and their types,
// spaces of memory, layouts of parameters and of shared memory, and inline assembly. It knows what clang writes for gen/cuda; all else is an
// error that names the line. What instructions mean is in gen/cuda/shim/ptx.cuh, by NVIDIA's manual "PTX ISA".
package ptxc

// A Kernel is an entry of a module.
type Kernel struct {
	Name       string
	Parameters string // the type of each: 'u' of 32 bits, 'l' of 64, 'f' and 'd' floating-point numbers
	Threads    int    // of a block, at most
	Shared     int    // bytes of shared memory that it has of its own
	Lines      int
	Code       string // a function in C++, void Symbol(void **)
	Symbol     string
	Layout     []Range // of its shared memory, by address; dynamic shared memory begins at Dynamic
	Dynamic    int
}

// A Range is that of a variable in shared memory.
type Range struct{ At, Size int }

// Translate returns the kernels of a module in PTX, whose file's name is what messages have.
func Translate(file string, image []byte) ([]Kernel, error) {
	m, err := parse(file, image)
	if err != nil {
		return nil, err
	}
	var kernels []Kernel
	for _, e := range m.entries {
		k, err := m.translate(e)
		if err != nil {
			return nil, err
		}
		kernels = append(kernels, k)
	}
	return kernels, nil
}

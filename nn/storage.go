package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// A Storage holds the elements of one or more tensors, on the host or on a device.
type Storage[T kernels.Float] interface {
	// Len returns the number of elements.
	Len() int
	// Data returns the elements, or nil where the host cannot address them.
	Data() []T
}

// A DeviceStorage is a storage whose elements the host cannot address. Errors are those of [Ops].
type DeviceStorage[T kernels.Float] interface {
	Storage[T]
	// Read copies the elements from offset on into dst.
	Read(dst []T, offset int)
	// Write copies src to the elements from offset on.
	Write(src []T, offset int)
}

// Host is a storage in the memory of the process.
type Host[T kernels.Float] []T

// Len returns the number of elements.
func (h Host[T]) Len() int { return len(h) }

// Data returns the elements themselves.
func (h Host[T]) Data() []T { return h }

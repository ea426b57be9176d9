// Package driver holds the functions of the CUDA driver API that the packages below cuda call, as a struct of functions: those of
// libcuda.so.1, bound without cgo ([Load]), or those of a simulated device (package sim). It adds nothing to them; package device does.
package driver

import "unsafe"

// Handles of the driver's, and addresses of memory on a device.
type (
	Device   int32
	Context  uintptr
	Module   uintptr
	Function uintptr
	Stream   uintptr
	Event    uintptr
	Pointer  uint64
)

// Dim is the size of a grid in blocks or of a block in threads.
type Dim struct{ X, Y, Z uint32 }

// A Driver holds the functions of a CUDA driver, under its names less the prefix cu and the suffix _v2; see the CUDA Driver API manual.
// A function whose results are pointers in C writes to the pointers given here in the same order. Memory of Go's that a call reads or
// writes after it returns must not be given to it. All fields are set.
type Driver struct {
	Init             func(flags uint32) Result
	DriverGetVersion func(version *int32) Result

	DeviceGetCount     func(count *int32) Result
	DeviceGet          func(device *Device, ordinal int32) Result
	DeviceGetName      func(name []byte, device Device) Result
	DeviceGetAttribute func(value *int32, attribute Attribute, device Device) Result
	DeviceTotalMem     func(bytes *uint64, device Device) Result

	DevicePrimaryCtxRetain  func(context *Context, device Device) Result
	DevicePrimaryCtxRelease func(device Device) Result
	CtxSetCurrent           func(context Context) Result

	MemGetInfo       func(free, total *uint64) Result
	MemAlloc         func(p *Pointer, bytes uint64) Result
	MemFree          func(p Pointer) Result
	MemHostAlloc     func(p *unsafe.Pointer, bytes uint64) Result // pinned memory of the host
	MemFreeHost      func(p unsafe.Pointer) Result
	MemcpyHtoDAsync  func(dst Pointer, src unsafe.Pointer, bytes uint64, s Stream) Result
	MemcpyDtoHAsync  func(dst unsafe.Pointer, src Pointer, bytes uint64, s Stream) Result
	MemcpyDtoDAsync  func(dst, src Pointer, bytes uint64, s Stream) Result
	MemsetD8Async    func(dst Pointer, value uint8, count uint64, s Stream) Result
	MemsetD32Async   func(dst Pointer, value uint32, count uint64, s Stream) Result
	ModuleLoad       func(module *Module, image []byte, log []byte) Result // ModuleLoadDataEx; image and log end in a zero byte
	ModuleUnload     func(module Module) Result
	ModuleGet        func(f *Function, module Module, name string) Result // ModuleGetFunction
	FuncSetAttribute func(f Function, attribute FunctionAttribute, value int32) Result
	LaunchKernel     func(f Function, grid, block Dim, sharedBytes uint32, s Stream, parameters []unsafe.Pointer) Result

	StreamCreate      func(s *Stream) Result // that does not wait for the default stream
	StreamDestroy     func(s Stream) Result
	StreamSynchronize func(s Stream) Result
	EventCreate       func(e *Event) Result
	EventDestroy      func(e Event) Result
	EventRecord       func(e Event, s Stream) Result
	EventSynchronize  func(e Event) Result
	EventElapsedTime  func(milliseconds *float32, begin, end Event) Result

	// Detail returns what is known of the last failure beyond its code, such as a simulated device's report; nil where nothing is.
	Detail func() string
}

// An Attribute is a number that describes a device (CUdevice_attribute).
type Attribute int32

// The attributes that are asked for.
const (
	AttributeClockRate          Attribute = 13 // kHz
	AttributeMultiprocessors    Attribute = 16
	AttributeComputeMode        Attribute = 20
	AttributeMemoryClockRate    Attribute = 36 // kHz
	AttributeMemoryBusWidth     Attribute = 37 // bits
	AttributeCapabilityMajor    Attribute = 75
	AttributeCapabilityMinor    Attribute = 76
	AttributeMaxSharedPerBlock  Attribute = 97 // bytes, when asked for by a function
	AttributeL2CacheSize        Attribute = 38 // bytes
	AttributeSharedPerProcessor Attribute = 81 // bytes
)

// The values of AttributeComputeMode that keep programs out.
const (
	ComputeModeProhibited       = 2
	ComputeModeExclusiveProcess = 3
)

// A FunctionAttribute is a number that describes a kernel (CUfunction_attribute).
type FunctionAttribute int32

// FunctionMaxDynamicShared is the greatest number of bytes of dynamic shared memory of a kernel's block; above 48 KiB it must be set.
const FunctionMaxDynamicShared FunctionAttribute = 8

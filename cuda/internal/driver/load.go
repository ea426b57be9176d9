//go:build linux && (amd64 || arm64) && !nocuda

package driver

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is the driver's, under the name that every version of it has.
const library = "libcuda.so.1"

// Load binds the driver of this system. The error says why there is none.
func Load() (*Driver, error) {
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("no NVIDIA driver: %w", err)
	}
	return bind(handle)
}

// symbols are the functions of the library that are used.
var symbols = []string{
	"cuInit", "cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute", "cuDeviceTotalMem_v2",
	"cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2", "cuCtxSetCurrent", "cuMemGetInfo_v2", "cuMemAlloc_v2", "cuMemFree_v2",
	"cuMemHostAlloc", "cuMemFreeHost", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuMemcpyDtoDAsync_v2", "cuMemsetD8Async",
	"cuMemsetD32Async", "cuModuleLoadDataEx", "cuModuleUnload", "cuModuleGetFunction", "cuFuncSetAttribute", "cuLaunchKernel",
	"cuStreamCreate", "cuStreamDestroy_v2", "cuStreamSynchronize", "cuEventCreate", "cuEventDestroy_v2", "cuEventRecord",
	"cuEventSynchronize", "cuEventElapsedTime",
}

// bind looks the functions of a library up and wraps them.
func bind(handle uintptr) (*Driver, error) {
	at := map[string]uintptr{}
	for _, name := range symbols {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("the NVIDIA driver is too old: %s has no %s", library, name)
		}
		at[name] = symbol
	}
	return wrap(at), nil
}

// The options of cuModuleLoadDataEx that are given: where the compiler's errors go, and how many bytes there are.
const (
	jitErrorLog      = 5
	jitErrorLogBytes = 6
)

// streamNonBlocking is CU_STREAM_NON_BLOCKING.
const streamNonBlocking = 1

// wrap returns the functions with their types. SyscallN and not RegisterFunc calls them: the latter
// goes through reflection and allocates for each argument.
func wrap(at map[string]uintptr) *Driver {
	d := &Driver{}
	wrapDevices(d, at)
	wrapMemory(d, at)
	wrapModules(d, at)
	wrapStreams(d, at)
	return d
}

func wrapDevices(d *Driver, at map[string]uintptr) {
	initialize := at["cuInit"]
	d.Init = func(flags uint32) Result { return result(purego.SyscallN(initialize, uintptr(flags))) }
	version := at["cuDriverGetVersion"]
	d.DriverGetVersion = func(v *int32) Result { return result(purego.SyscallN(version, uintptr(unsafe.Pointer(v)))) }
	count := at["cuDeviceGetCount"]
	d.DeviceGetCount = func(n *int32) Result { return result(purego.SyscallN(count, uintptr(unsafe.Pointer(n)))) }
	get := at["cuDeviceGet"]
	d.DeviceGet = func(dev *Device, ordinal int32) Result {
		return result(purego.SyscallN(get, uintptr(unsafe.Pointer(dev)), uintptr(ordinal)))
	}
	name := at["cuDeviceGetName"]
	d.DeviceGetName = func(text []byte, dev Device) Result {
		return result(purego.SyscallN(name, uintptr(unsafe.Pointer(unsafe.SliceData(text))), uintptr(len(text)), uintptr(dev)))
	}
	attribute := at["cuDeviceGetAttribute"]
	d.DeviceGetAttribute = func(v *int32, a Attribute, dev Device) Result {
		return result(purego.SyscallN(attribute, uintptr(unsafe.Pointer(v)), uintptr(a), uintptr(dev)))
	}
	total := at["cuDeviceTotalMem_v2"]
	d.DeviceTotalMem = func(n *uint64, dev Device) Result {
		return result(purego.SyscallN(total, uintptr(unsafe.Pointer(n)), uintptr(dev)))
	}
	retain := at["cuDevicePrimaryCtxRetain"]
	d.DevicePrimaryCtxRetain = func(c *Context, dev Device) Result {
		return result(purego.SyscallN(retain, uintptr(unsafe.Pointer(c)), uintptr(dev)))
	}
	release := at["cuDevicePrimaryCtxRelease_v2"]
	d.DevicePrimaryCtxRelease = func(dev Device) Result { return result(purego.SyscallN(release, uintptr(dev))) }
	current := at["cuCtxSetCurrent"]
	d.CtxSetCurrent = func(c Context) Result { return result(purego.SyscallN(current, uintptr(c))) }
}

func wrapMemory(d *Driver, at map[string]uintptr) {
	info := at["cuMemGetInfo_v2"]
	d.MemGetInfo = func(free, total *uint64) Result {
		return result(purego.SyscallN(info, uintptr(unsafe.Pointer(free)), uintptr(unsafe.Pointer(total))))
	}
	alloc := at["cuMemAlloc_v2"]
	d.MemAlloc = func(p *Pointer, n uint64) Result {
		return result(purego.SyscallN(alloc, uintptr(unsafe.Pointer(p)), uintptr(n)))
	}
	free := at["cuMemFree_v2"]
	d.MemFree = func(p Pointer) Result { return result(purego.SyscallN(free, uintptr(p))) }
	hostAlloc := at["cuMemHostAlloc"]
	d.MemHostAlloc = func(p *unsafe.Pointer, n uint64) Result {
		return result(purego.SyscallN(hostAlloc, uintptr(unsafe.Pointer(p)), uintptr(n), 0))
	}
	hostFree := at["cuMemFreeHost"]
	d.MemFreeHost = func(p unsafe.Pointer) Result { return result(purego.SyscallN(hostFree, uintptr(p))) }
	in := at["cuMemcpyHtoDAsync_v2"]
	d.MemcpyHtoDAsync = func(dst Pointer, src unsafe.Pointer, n uint64, s Stream) Result {
		return result(purego.SyscallN(in, uintptr(dst), uintptr(src), uintptr(n), uintptr(s)))
	}
	out := at["cuMemcpyDtoHAsync_v2"]
	d.MemcpyDtoHAsync = func(dst unsafe.Pointer, src Pointer, n uint64, s Stream) Result {
		return result(purego.SyscallN(out, uintptr(dst), uintptr(src), uintptr(n), uintptr(s)))
	}
	within := at["cuMemcpyDtoDAsync_v2"]
	d.MemcpyDtoDAsync = func(dst, src Pointer, n uint64, s Stream) Result {
		return result(purego.SyscallN(within, uintptr(dst), uintptr(src), uintptr(n), uintptr(s)))
	}
	set8 := at["cuMemsetD8Async"]
	d.MemsetD8Async = func(dst Pointer, v uint8, n uint64, s Stream) Result {
		return result(purego.SyscallN(set8, uintptr(dst), uintptr(v), uintptr(n), uintptr(s)))
	}
	set32 := at["cuMemsetD32Async"]
	d.MemsetD32Async = func(dst Pointer, v uint32, n uint64, s Stream) Result {
		return result(purego.SyscallN(set32, uintptr(dst), uintptr(v), uintptr(n), uintptr(s)))
	}
}

func wrapModules(d *Driver, at map[string]uintptr) {
	load := at["cuModuleLoadDataEx"]
	d.ModuleLoad = func(m *Module, image, log []byte) Result {
		options := &[...]uint32{jitErrorLog, jitErrorLogBytes}
		values := &[...]uintptr{uintptr(unsafe.Pointer(unsafe.SliceData(log))), uintptr(len(log))}
		r := result(purego.SyscallN(load, uintptr(unsafe.Pointer(m)), uintptr(unsafe.Pointer(unsafe.SliceData(image))), uintptr(len(options)),
			uintptr(unsafe.Pointer(options)), uintptr(unsafe.Pointer(values))))
		runtime.KeepAlive(log)
		return r
	}
	unload := at["cuModuleUnload"]
	d.ModuleUnload = func(m Module) Result { return result(purego.SyscallN(unload, uintptr(m))) }
	get := at["cuModuleGetFunction"]
	d.ModuleGet = func(f *Function, m Module, name string) Result {
		text := append([]byte(name), 0)
		return result(purego.SyscallN(get, uintptr(unsafe.Pointer(f)), uintptr(m), uintptr(unsafe.Pointer(unsafe.SliceData(text)))))
	}
	set := at["cuFuncSetAttribute"]
	d.FuncSetAttribute = func(f Function, a FunctionAttribute, v int32) Result {
		return result(purego.SyscallN(set, uintptr(f), uintptr(a), uintptr(v)))
	}
	launch := at["cuLaunchKernel"]
	d.LaunchKernel = func(f Function, grid, block Dim, shared uint32, s Stream, parameters []unsafe.Pointer) Result {
		return result(purego.SyscallN(launch, uintptr(f), uintptr(grid.X), uintptr(grid.Y), uintptr(grid.Z), uintptr(block.X), uintptr(block.Y),
			uintptr(block.Z), uintptr(shared), uintptr(s), uintptr(unsafe.Pointer(unsafe.SliceData(parameters))), 0))
	}
}

func wrapStreams(d *Driver, at map[string]uintptr) {
	create := at["cuStreamCreate"]
	d.StreamCreate = func(s *Stream) Result {
		return result(purego.SyscallN(create, uintptr(unsafe.Pointer(s)), streamNonBlocking))
	}
	destroy := at["cuStreamDestroy_v2"]
	d.StreamDestroy = func(s Stream) Result { return result(purego.SyscallN(destroy, uintptr(s))) }
	wait := at["cuStreamSynchronize"]
	d.StreamSynchronize = func(s Stream) Result { return result(purego.SyscallN(wait, uintptr(s))) }
	newEvent := at["cuEventCreate"]
	d.EventCreate = func(e *Event) Result { return result(purego.SyscallN(newEvent, uintptr(unsafe.Pointer(e)), 0)) }
	endEvent := at["cuEventDestroy_v2"]
	d.EventDestroy = func(e Event) Result { return result(purego.SyscallN(endEvent, uintptr(e))) }
	record := at["cuEventRecord"]
	d.EventRecord = func(e Event, s Stream) Result { return result(purego.SyscallN(record, uintptr(e), uintptr(s))) }
	await := at["cuEventSynchronize"]
	d.EventSynchronize = func(e Event) Result { return result(purego.SyscallN(await, uintptr(e))) }
	elapsed := at["cuEventElapsedTime"]
	d.EventElapsedTime = func(ms *float32, begin, end Event) Result {
		return result(purego.SyscallN(elapsed, uintptr(unsafe.Pointer(ms)), uintptr(begin), uintptr(end)))
	}
}

// result returns what a call of the library gave, a C int.
func result(r, _, _ uintptr) Result { return Result(uint32(r)) }

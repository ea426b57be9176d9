//go:build linux && (amd64 || arm64) && !nocuda

package sim

import (
	"time"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
)

// Driver returns the driver of the device.
func (s *Sim) Driver() *driver.Driver {
	d := &driver.Driver{Detail: s.detail}
	s.devices(d)
	s.memories(d)
	s.copies(d)
	s.modules(d)
	s.streams(d)
	return d
}

func (s *Sim) devices(d *driver.Driver) {
	d.Init = func(uint32) driver.Result { return s.call("Init", ok) }
	d.DriverGetVersion = func(v *int32) driver.Result {
		return s.call("DriverGetVersion", func() driver.Result { *v = int32(s.Version); return driver.Success })
	}
	d.DeviceGetCount = func(n *int32) driver.Result {
		return s.call("DeviceGetCount", func() driver.Result { *n = 1; return driver.Success })
	}
	d.DeviceGet = func(dev *driver.Device, ordinal int32) driver.Result {
		return s.call("DeviceGet", func() driver.Result {
			if ordinal != 0 {
				return driver.InvalidDevice
			}
			*dev = 0
			return driver.Success
		})
	}
	d.DeviceGetName = func(name []byte, _ driver.Device) driver.Result {
		return s.call("DeviceGetName", func() driver.Result { copy(name, "simulated device\x00"); return driver.Success })
	}
	d.DeviceGetAttribute = func(v *int32, a driver.Attribute, _ driver.Device) driver.Result {
		return s.call("DeviceGetAttribute", func() driver.Result { *v = s.attribute(a); return driver.Success })
	}
	d.DeviceTotalMem = func(n *uint64, _ driver.Device) driver.Result {
		return s.call("DeviceTotalMem", func() driver.Result { *n = s.Memory; return driver.Success })
	}
	d.DevicePrimaryCtxRetain = func(c *driver.Context, _ driver.Device) driver.Result {
		return s.call("DevicePrimaryCtxRetain", func() driver.Result { s.held++; *c = 1; return driver.Success })
	}
	d.DevicePrimaryCtxRelease = func(driver.Device) driver.Result {
		return s.call("DevicePrimaryCtxRelease", func() driver.Result { s.held--; return driver.Success })
	}
	d.CtxSetCurrent = func(driver.Context) driver.Result { return s.call("CtxSetCurrent", ok) }
}

func ok() driver.Result { return driver.Success }

// attribute returns what the device says of itself. Of shared memory it has what devices of its compute capability have.
func (s *Sim) attribute(a driver.Attribute) int32 {
	switch a {
	case driver.AttributeCapabilityMajor:
		return int32(s.Major)
	case driver.AttributeCapabilityMinor:
		return int32(s.Minor)
	case driver.AttributeMultiprocessors:
		return 4
	case driver.AttributeComputeMode:
		return int32(s.Mode)
	case driver.AttributeMaxSharedPerBlock:
		return int32(s.mostShared())
	}
	return 0
}

func (s *Sim) mostShared() uint32 {
	switch {
	case s.Major >= 9:
		return 227 << 10
	case s.Major == 8 && s.Minor == 0:
		return 163 << 10
	case s.Major == 8:
		return 99 << 10
	}
	return 64 << 10
}

func (s *Sim) memories(d *driver.Driver) {
	d.MemGetInfo = func(free, total *uint64) driver.Result {
		return s.call("MemGetInfo", func() driver.Result {
			*free, *total = s.memory.size-s.memory.used, s.memory.size
			return driver.Success
		})
	}
	d.MemAlloc = func(p *driver.Pointer, n uint64) driver.Result {
		return s.call("MemAlloc", func() driver.Result { return s.memory.alloc(p, n) })
	}
	d.MemFree = func(p driver.Pointer) driver.Result {
		return s.call("MemFree", func() driver.Result {
			damage, r := s.memory.free(p)
			if damage != "" {
				s.fail(driver.IllegalAddress, damage)
			}
			return r
		})
	}
	d.MemHostAlloc = func(p *unsafe.Pointer, n uint64) driver.Result {
		return s.call("MemHostAlloc", func() driver.Result {
			a, err := allocate(n)
			if err != nil {
				return driver.OutOfMemory
			}
			*p = unsafe.Pointer(unsafe.SliceData(a.bytes))
			s.pinned[*p] = a
			return driver.Success
		})
	}
	d.MemFreeHost = func(p unsafe.Pointer) driver.Result {
		return s.call("MemFreeHost", func() driver.Result {
			a := s.pinned[p]
			if a == nil {
				return driver.InvalidValue
			}
			a.release()
			delete(s.pinned, p)
			return driver.Success
		})
	}
}

func (s *Sim) copies(d *driver.Driver) {
	// move copies n bytes where both sides are there.
	move := func(dst, src []byte) driver.Result {
		if dst == nil || src == nil {
			return driver.InvalidValue
		}
		copy(dst, src)
		return driver.Success
	}
	host := func(p unsafe.Pointer, n uint64) []byte { return unsafe.Slice((*byte)(p), n) }
	d.MemcpyHtoDAsync = func(dst driver.Pointer, src unsafe.Pointer, n uint64, _ driver.Stream) driver.Result {
		return s.call("MemcpyHtoDAsync", func() driver.Result { return move(s.memory.find(dst, n), host(src, n)) })
	}
	d.MemcpyDtoHAsync = func(dst unsafe.Pointer, src driver.Pointer, n uint64, _ driver.Stream) driver.Result {
		return s.call("MemcpyDtoHAsync", func() driver.Result { return move(host(dst, n), s.memory.find(src, n)) })
	}
	d.MemcpyDtoDAsync = func(dst, src driver.Pointer, n uint64, _ driver.Stream) driver.Result {
		return s.call("MemcpyDtoDAsync", func() driver.Result { return move(s.memory.find(dst, n), s.memory.find(src, n)) })
	}
	d.MemsetD8Async = func(dst driver.Pointer, v uint8, n uint64, _ driver.Stream) driver.Result {
		return s.call("MemsetD8Async", func() driver.Result { return fill(s.memory.find(dst, n), v) })
	}
	d.MemsetD32Async = func(dst driver.Pointer, v uint32, n uint64, _ driver.Stream) driver.Result {
		return s.call("MemsetD32Async", func() driver.Result {
			if dst%4 != 0 {
				return driver.InvalidValue
			}
			return fill(s.memory.find(dst, 4*n), byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
		})
	}
}

func fill(dst []byte, pattern ...byte) driver.Result {
	if dst == nil {
		return driver.InvalidValue
	}
	for i := range dst {
		dst[i] = pattern[i%len(pattern)]
	}
	return driver.Success
}

func (s *Sim) modules(d *driver.Driver) {
	d.ModuleLoad = func(m *driver.Module, _, log []byte) driver.Result {
		copy(log, s.Log+"\x00")
		return s.call("ModuleLoad", func() driver.Result { s.held++; *m = driver.Module(s.handle()); return driver.Success })
	}
	d.ModuleUnload = func(driver.Module) driver.Result {
		return s.call("ModuleUnload", func() driver.Result { s.held--; return driver.Success })
	}
	d.ModuleGet = func(f *driver.Function, _ driver.Module, name string) driver.Result {
		return s.call("ModuleGet", func() driver.Result {
			for i, k := range s.library.kernels {
				if k.name == name {
					*f = driver.Function(i + 1)
					return driver.Success
				}
			}
			return driver.NotFound
		})
	}
	d.FuncSetAttribute = func(f driver.Function, a driver.FunctionAttribute, v int32) driver.Result {
		return s.call("FuncSetAttribute", func() driver.Result {
			if a != driver.FunctionMaxDynamicShared || f < 1 || int(f) > len(s.library.kernels) || v < 0 ||
				uint32(v)+s.library.kernels[f-1].shared > s.mostShared() {
				return driver.InvalidValue
			}
			s.shared[f] = v
			return driver.Success
		})
	}
	d.LaunchKernel = func(f driver.Function, grid, block driver.Dim, shared uint32, _ driver.Stream, parameters []unsafe.Pointer) driver.Result {
		return s.call("LaunchKernel", func() driver.Result { return s.launch(f, grid, block, shared, parameters) })
	}
}

// launch runs a kernel. As on a device, its fault is the result of later calls.
func (s *Sim) launch(f driver.Function, grid, block driver.Dim, shared uint32, parameters []unsafe.Pointer) driver.Result {
	if f < 1 || int(f) > len(s.library.kernels) {
		return driver.InvalidHandle
	}
	k := &s.library.kernels[f-1]
	if block.X*block.Y*block.Z == 0 || int64(block.X*block.Y*block.Z) > k.threads || grid.X*grid.Y*grid.Z == 0 || len(parameters) != len(k.kinds) ||
		shared > uint32(s.shared[f]) && shared+k.shared > 48<<10 {
		return driver.InvalidValue
	}
	if report := s.library.launch(k, grid, block, shared, parameters, s.Order, min(s.Workers, maxWorkers)); report != "" {
		s.fail(driver.LaunchFailed, report)
	}
	return driver.Success
}

func (s *Sim) streams(d *driver.Driver) {
	d.StreamCreate = func(p *driver.Stream) driver.Result {
		return s.call("StreamCreate", func() driver.Result { s.held++; *p = driver.Stream(s.handle()); return driver.Success })
	}
	d.StreamDestroy = func(driver.Stream) driver.Result {
		return s.call("StreamDestroy", func() driver.Result { s.held--; return driver.Success })
	}
	d.StreamSynchronize = func(driver.Stream) driver.Result {
		return s.call("StreamSynchronize", func() driver.Result {
			if damage := s.memory.damage(); damage != "" {
				s.fail(driver.IllegalAddress, damage)
				return s.fault
			}
			return driver.Success
		})
	}
	d.EventCreate = func(e *driver.Event) driver.Result {
		return s.call("EventCreate", func() driver.Result { s.held++; *e = driver.Event(s.handle()); return driver.Success })
	}
	d.EventDestroy = func(e driver.Event) driver.Result {
		return s.call("EventDestroy", func() driver.Result { s.held--; delete(s.events, e); return driver.Success })
	}
	d.EventRecord = func(e driver.Event, _ driver.Stream) driver.Result {
		return s.call("EventRecord", func() driver.Result { s.events[e] = time.Now(); return driver.Success })
	}
	d.EventSynchronize = func(driver.Event) driver.Result { return s.call("EventSynchronize", ok) }
	d.EventElapsedTime = func(ms *float32, begin, end driver.Event) driver.Result {
		return s.call("EventElapsedTime", func() driver.Result {
			b, e := s.events[begin], s.events[end]
			if b.IsZero() || e.IsZero() {
				return driver.InvalidHandle
			}
			*ms = float32(e.Sub(b).Seconds() * 1000)
			return driver.Success
		})
	}
}

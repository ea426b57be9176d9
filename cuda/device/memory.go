package device

import (
	"errors"
	"math/bits"
	"sync"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
)

// A Pointer is an address in a device's memory. Addresses inside an allocation are its pointer plus bytes.
type Pointer uint64

// An allocator keeps freed memory for the next allocation of its size class: taking memory from the driver waits for the device. What is
// freed may be given out again at once, since all work is done in the order in which it was asked for.
type allocator struct {
	exact bool  // no classes, nothing kept
	bound int64 // of the bytes that are kept

	mutex        sync.Mutex
	live         map[Pointer]uint64 // sizes of classes
	kept         map[uint64][]Pointer
	used, cached int64
}

func newAllocator(exact bool) allocator {
	return allocator{exact: exact, live: map[Pointer]uint64{}, kept: map[uint64][]Pointer{}}
}

// class returns the size that is taken for n bytes: a multiple of 512, eight of them in a doubling, so that at most an eighth is lost.
func (a *allocator) class(n uint64) uint64 {
	if a.exact {
		return n
	}
	step := uint64(512)
	if n > 8*step {
		step = 1 << (bits.Len64(n-1) - 4)
	}
	return (n + step - 1) / step * step
}

// take returns kept memory of a class, if there is any.
func (a *allocator) take(size uint64) (Pointer, bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	list := a.kept[size]
	if len(list) == 0 {
		return 0, false
	}
	p := list[len(list)-1]
	a.kept[size] = list[:len(list)-1]
	a.cached -= int64(size)
	a.used += int64(size)
	a.live[p] = size
	return p, true
}

func (a *allocator) add(p Pointer, size uint64) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.live[p] = size
	a.used += int64(size)
}

// give takes memory back. It reports whether it is kept, else the caller frees it.
func (a *allocator) give(p Pointer) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	size, ok := a.live[p]
	if !ok {
		panic("device: Free of a pointer that Alloc did not return or that was freed before")
	}
	delete(a.live, p)
	a.used -= int64(size)
	if a.exact || a.cached+int64(size) > a.bound {
		return false
	}
	a.kept[size] = append(a.kept[size], p)
	a.cached += int64(size)
	return true
}

// takeKept returns all memory that is kept, which is no longer.
func (a *allocator) takeKept() (all []Pointer) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for size, list := range a.kept {
		all = append(all, list...)
		delete(a.kept, size)
	}
	a.cached = 0
	return all
}

// takeAll returns all memory, kept or in use.
func (a *allocator) takeAll() []Pointer {
	all := a.takeKept()
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for p := range a.live {
		all = append(all, p)
		delete(a.live, p)
	}
	a.used = 0
	return all
}

func (a *allocator) sums() (used, cached int64) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.used, a.cached
}

// Alloc returns memory of the device, of at least the size given, with undefined contents; at a multiple of 16 bytes at least. The error
// is of the kind [ErrMemory] where there is no more, after the memory that Free had kept was given back; the device remains usable.
func (d *Device) Alloc(bytes int) (Pointer, error) {
	if bytes < 0 {
		return 0, errors.New("device: Alloc of a negative size")
	}
	if err := d.Err(); err != nil {
		return 0, err
	}
	size := d.memory.class(uint64(max(bytes, 1)))
	if p, ok := d.memory.take(size); ok {
		return p, nil
	}
	var p driver.Pointer
	err := d.do(func() error {
		r := d.drv.MemAlloc(&p, size)
		if r == driver.OutOfMemory {
			for _, kept := range d.memory.takeKept() {
				if err := d.check("cuMemFree", d.drv.MemFree(driver.Pointer(kept))); err != nil {
					return err
				}
			}
			r = d.drv.MemAlloc(&p, size)
		}
		if err := d.check("cuMemAlloc", r); err != nil {
			return err
		}
		d.memory.add(Pointer(p), size)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return Pointer(p), nil
}

// Free gives memory back. Work on it that was asked for before is still done. The pointer 0 is ignored, and so are all once the device is
// closed; it panics where Alloc did not return the pointer or it was freed before.
func (d *Device) Free(p Pointer) {
	if p == 0 || d.closed() {
		return
	}
	if !d.memory.give(p) {
		d.send(&command{kind: commandFree, dst: p}) // an error is the device's, which remembers it
	}
}

func (d *Device) closed() bool {
	d.mutex.RLock()
	defer d.mutex.RUnlock()
	return d.shut
}

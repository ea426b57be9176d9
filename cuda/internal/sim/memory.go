//go:build linux && (amd64 || arm64) && !nocuda

package sim

import (
	"fmt"
	"slices"
	"syscall"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
)

// An allocation ends where a page begins that may not be touched, but for up to 15 bytes, and begins behind such a page. The bytes around
// it in its pages are watched.
type allocation struct {
	at    uint64 // the address
	bytes []byte // what was asked for
	pages []byte // all of it with the pages around
}

const (
	page      = 4096
	alignment = 16
	untouched = 0xff // NaN in every format
)

func allocate(size uint64) (*allocation, error) {
	inside := (int(size) + page - 1) / page * page
	pages, err := syscall.Mmap(-1, 0, inside+2*page, syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, err
	}
	if err := syscall.Mprotect(pages[page:page+inside], syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
		return nil, err
	}
	pages[page] = untouched
	for n := 1; n < inside; n *= 2 {
		copy(pages[page+n:page+inside], pages[page:page+n])
	}
	start := page + inside - (int(size)+alignment-1)/alignment*alignment
	a := &allocation{bytes: pages[start : start+int(size)], pages: pages}
	a.at = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(pages)))) + uint64(start)
	return a, nil
}

func (a *allocation) release() { syscall.Munmap(a.pages) }

// damage says which bytes around the allocation were written, empty where none were.
func (a *allocation) damage() string {
	inside := a.pages[page : len(a.pages)-page]
	start := int(a.at - uint64(uintptr(unsafe.Pointer(unsafe.SliceData(inside)))))
	for i, b := range inside {
		if b != untouched && (i < start || i >= start+len(a.bytes)) {
			return fmt.Sprintf("a kernel wrote at byte %d of an allocation of %d bytes", i-start, len(a.bytes))
		}
	}
	return ""
}

// memory is that of a device.
type memory struct {
	size, used uint64
	live       []*allocation // by address
}

func (m *memory) alloc(p *driver.Pointer, size uint64) driver.Result {
	if size == 0 {
		return driver.InvalidValue
	}
	if size > m.size-m.used {
		return driver.OutOfMemory
	}
	a, err := allocate(size)
	if err != nil {
		return driver.OutOfMemory
	}
	m.used += size
	i, _ := slices.BinarySearchFunc(m.live, a.at, byAddress)
	m.live = slices.Insert(m.live, i, a)
	*p = driver.Pointer(a.at)
	return driver.Success
}

func byAddress(a *allocation, at uint64) int {
	switch {
	case a.at < at:
		return -1
	case a.at > at:
		return 1
	}
	return 0
}

// free returns the damage around the allocation.
func (m *memory) free(p driver.Pointer) (string, driver.Result) {
	i, ok := slices.BinarySearchFunc(m.live, uint64(p), byAddress)
	if !ok {
		return "", driver.InvalidValue
	}
	a := m.live[i]
	m.live = slices.Delete(m.live, i, i+1)
	m.used -= uint64(len(a.bytes))
	damage := a.damage()
	a.release()
	return damage, driver.Success
}

// find returns n bytes from an address on, nil where they are not in one allocation.
func (m *memory) find(p driver.Pointer, n uint64) []byte {
	i, ok := slices.BinarySearchFunc(m.live, uint64(p), byAddress)
	if !ok {
		i--
	}
	if i < 0 {
		return nil
	}
	a := m.live[i]
	offset := uint64(p) - a.at
	if offset > uint64(len(a.bytes)) || n > uint64(len(a.bytes))-offset {
		return nil
	}
	return a.bytes[offset : offset+n]
}

// damage returns the first damage around any allocation.
func (m *memory) damage() string {
	for _, a := range m.live {
		if d := a.damage(); d != "" {
			return d
		}
	}
	return ""
}

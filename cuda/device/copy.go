package device

import (
	"errors"
	"runtime"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
)

// Copies from and to the host go through two buffers of pinned memory in turns, so that one is filled or emptied while the device moves
// the other.
const stagingBytes = 4 << 20

// staging holds the pinned buffers, made at the first copy.
type staging struct {
	buffers [2]unsafe.Pointer
	moved   [2]driver.Event // recorded behind the last copy from or to a buffer
}

func (s *staging) init(d *Device) error {
	if s.buffers[1] != nil {
		return nil
	}
	for i := range s.buffers {
		if s.moved[i] == 0 {
			if err := d.check("cuEventCreate", d.drv.EventCreate(&s.moved[i])); err != nil {
				return err
			}
		}
		if s.buffers[i] == nil {
			if err := d.check("cuMemHostAlloc", d.drv.MemHostAlloc(&s.buffers[i], stagingBytes)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *staging) release(drv *driver.Driver) {
	for i, p := range s.buffers {
		if p != nil {
			drv.MemFreeHost(p)
		}
		if s.moved[i] != 0 {
			drv.EventDestroy(s.moved[i])
		}
	}
	*s = staging{}
}

// part returns the bytes of memory of the host from an offset to the end of a buffer's load.
func part(host unsafe.Pointer, bytes, at uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(host, at)), min(stagingBytes, bytes-at))
}

func (s *staging) buffer(i int) []byte { return unsafe.Slice((*byte)(s.buffers[i]), stagingBytes) }

// copyIn returns when the host's memory has been read.
func (d *Device) copyIn(c *command) error {
	s := &d.staging
	if err := s.init(d); err != nil {
		return err
	}
	for at, i := uint64(0), 0; at < c.bytes; at, i = at+stagingBytes, 1-i {
		if err := d.check("cuEventSynchronize", d.drv.EventSynchronize(s.moved[i])); err != nil {
			return err
		}
		n := copy(s.buffer(i), part(c.host, c.bytes, at))
		if err := d.check("cuMemcpyHtoDAsync", d.drv.MemcpyHtoDAsync(driver.Pointer(c.dst)+driver.Pointer(at), s.buffers[i], uint64(n), d.stream)); err != nil {
			return err
		}
		if err := d.check("cuEventRecord", d.drv.EventRecord(s.moved[i], d.stream)); err != nil {
			return err
		}
	}
	return nil
}

// copyOut returns when the host's memory has been written. While one buffer is emptied, the device fills the other.
func (d *Device) copyOut(c *command) error {
	s := &d.staging
	if err := s.init(d); err != nil {
		return err
	}
	ask := func(at uint64, i int) error {
		if at >= c.bytes {
			return nil
		}
		n := min(stagingBytes, c.bytes-at)
		if err := d.check("cuMemcpyDtoHAsync", d.drv.MemcpyDtoHAsync(s.buffers[i], driver.Pointer(c.src)+driver.Pointer(at), n, d.stream)); err != nil {
			return err
		}
		return d.check("cuEventRecord", d.drv.EventRecord(s.moved[i], d.stream))
	}
	if err := ask(0, 0); err != nil {
		return err
	}
	for at, i := uint64(0), 0; at < c.bytes; at, i = at+stagingBytes, 1-i {
		if err := ask(at+stagingBytes, 1-i); err != nil {
			return err
		}
		if err := d.check("cuEventSynchronize", d.drv.EventSynchronize(s.moved[i])); err != nil {
			return err
		}
		copy(part(c.host, c.bytes, at), s.buffer(i))
	}
	return nil
}

// CopyIn copies memory of the host to the device. It returns when src may be changed.
func (d *Device) CopyIn(dst Pointer, src []byte) error {
	if len(src) == 0 {
		return d.Err()
	}
	err := d.wait(&command{kind: commandIn, dst: dst, host: unsafe.Pointer(unsafe.SliceData(src)), bytes: uint64(len(src))})
	runtime.KeepAlive(src)
	return err
}

// CopyOut copies memory of the device to the host, after all that was asked of the device before.
func (d *Device) CopyOut(dst []byte, src Pointer) error {
	if len(dst) == 0 {
		return d.Err()
	}
	err := d.wait(&command{kind: commandOut, src: src, host: unsafe.Pointer(unsafe.SliceData(dst)), bytes: uint64(len(dst))})
	runtime.KeepAlive(dst)
	return err
}

// CopyWithin copies memory of the device to memory of the device that does not overlap it.
func (d *Device) CopyWithin(dst, src Pointer, bytes int) error {
	if bytes < 0 {
		return errors.New("device: CopyWithin of a negative size")
	}
	if bytes == 0 {
		return d.Err()
	}
	return d.send(&command{kind: commandWithin, dst: dst, src: src, bytes: uint64(bytes)})
}

// Fill sets bytes of the device to a value.
func (d *Device) Fill(dst Pointer, value byte, bytes int) error {
	if bytes < 0 {
		return errors.New("device: Fill of a negative size")
	}
	if bytes == 0 {
		return d.Err()
	}
	return d.send(&command{kind: commandSet8, dst: dst, value: uint32(value), bytes: uint64(bytes)})
}

// Fill32 sets count words of 32 bits to a value, for example that of math.Float32bits.
func (d *Device) Fill32(dst Pointer, value uint32, count int) error {
	if count < 0 {
		return errors.New("device: Fill32 of a negative size")
	}
	if count == 0 {
		return d.Err()
	}
	return d.send(&command{kind: commandSet32, dst: dst, value: value, bytes: 4 * uint64(count)})
}

// A Number is what Upload and Download move.
type Number interface {
	~float32 | ~float64 | ~int8 | ~uint8 | ~int32 | ~uint32 | ~int64 | ~uint64
}

// bytesOf returns the memory of a slice.
func bytesOf[T Number](s []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(zero)))
}

// Upload copies a slice to the device. It returns when src may be changed.
func Upload[T Number](d *Device, dst Pointer, src []T) error { return d.CopyIn(dst, bytesOf(src)) }

// Download copies from the device to a slice, after all that was asked of the device before.
func Download[T Number](d *Device, dst []T, src Pointer) error { return d.CopyOut(bytesOf(dst), src) }

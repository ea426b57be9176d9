package device

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
)

// queued is how many commands may wait: enough that a training step's launches are asked for while the device works.
const queued = 256

type commandKind uint8

const (
	commandCall commandKind = iota
	commandLaunch
	commandIn
	commandOut
	commandWithin
	commandSet8
	commandSet32
	commandRecord
	commandFree
)

// A command is what the goroutine that talks to the driver is asked to do. It goes through the queue by value, so that nothing is
// allocated for it.
type command struct {
	kind  commandKind
	call  func() error
	done  chan error // nil where nobody waits
	host  unsafe.Pointer
	dst   Pointer
	src   Pointer
	bytes uint64
	value uint32
	event driver.Event

	function *Function
	grid     Dim
	block    Dim
	shared   uint32
	args     [maxArgs]uint64
}

var replies = sync.Pool{New: func() any { return make(chan error, 1) }}

// send puts a command into the queue. An error means that it was not.
func (d *Device) send(c *command) error {
	if err := d.Err(); err != nil {
		return err
	}
	d.mutex.RLock()
	defer d.mutex.RUnlock()
	if d.shut {
		return ErrClosed
	}
	d.queue <- *c
	return nil
}

// wait sends a command and returns its error when it is done.
func (d *Device) wait(c *command) error {
	reply := replies.Get().(chan error)
	c.done = reply
	err := d.send(c)
	if err == nil {
		err = <-reply
	}
	replies.Put(reply)
	return err
}

// do runs a function on the goroutine that talks to the driver.
func (d *Device) do(f func() error) error { return d.wait(&command{kind: commandCall, call: f}) }

// execute runs a command, unless the device has a fault. What goes wrong is the device's fault, but that it has no more memory for somebody
// who waits for the answer.
func (d *Device) execute(c *command) {
	err := d.Err()
	if err == nil {
		err = guard(func() error { return d.run(c) })
		if err != nil && (c.done == nil || !errors.Is(err, ErrMemory)) {
			fault := err
			d.fault.CompareAndSwap(nil, &fault)
		}
	}
	if c.done != nil {
		c.done <- err
	}
}

func (d *Device) run(c *command) error {
	switch c.kind {
	case commandLaunch:
		return d.launch(c)
	case commandIn:
		return d.copyIn(c)
	case commandOut:
		return d.copyOut(c)
	case commandWithin:
		return d.check("cuMemcpyDtoDAsync", d.drv.MemcpyDtoDAsync(driver.Pointer(c.dst), driver.Pointer(c.src), c.bytes, d.stream))
	case commandSet8:
		return d.check("cuMemsetD8Async", d.drv.MemsetD8Async(driver.Pointer(c.dst), uint8(c.value), c.bytes, d.stream))
	case commandSet32:
		return d.check("cuMemsetD32Async", d.drv.MemsetD32Async(driver.Pointer(c.dst), c.value, c.bytes/4, d.stream))
	case commandRecord:
		return d.check("cuEventRecord", d.drv.EventRecord(c.event, d.stream))
	case commandFree:
		return d.check("cuMemFree", d.drv.MemFree(driver.Pointer(c.dst)))
	}
	return c.call()
}

// check returns the error of a call of the driver.
func (d *Device) check(call string, r driver.Result) error { return failure(d.drv, call, r) }

// guard turns a panic into an error.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: panic: %v\n%s", ErrFault, r, debug.Stack())
		}
	}()
	return f()
}

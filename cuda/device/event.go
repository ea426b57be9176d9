package device

import (
	"time"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
)

// An Event marks a point in the work of a device, for taking its time.
type Event struct {
	device *Device
	handle driver.Event
}

// Record returns an event at the end of what was asked of the device so far.
func (d *Device) Record() (*Event, error) {
	e := &Event{device: d}
	if err := d.do(func() error { return d.check("cuEventCreate", d.drv.EventCreate(&e.handle)) }); err != nil {
		return nil, err
	}
	return e, e.Record()
}

// Record moves the event to the end of what was asked of the device so far.
func (e *Event) Record() error { return e.device.send(&command{kind: commandRecord, event: e.handle}) }

// Since waits for the event and returns the time that the device needed from an earlier event to it, to half a microsecond.
func (e *Event) Since(begin *Event) (time.Duration, error) {
	var ms float32
	err := e.device.do(func() error {
		if err := e.device.check("cuEventSynchronize", e.device.drv.EventSynchronize(e.handle)); err != nil {
			return err
		}
		return e.device.check("cuEventElapsedTime", e.device.drv.EventElapsedTime(&ms, begin.handle, e.handle))
	})
	return time.Duration(float64(ms) * float64(time.Millisecond)), err
}

// Close gives the event back.
func (e *Event) Close() {
	e.device.do(func() error { return e.device.check("cuEventDestroy", e.device.drv.EventDestroy(e.handle)) })
}

package device

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
	"github.com/sinkcpu/sinkcpu/cuda/ptx"
)

// A Device is a GPU that is in use by this process. Make it by [Open], and end it by Close.
type Device struct {
	drv     *driver.Driver
	info    Info
	kernels map[string]signature
	memory  allocator

	fault atomic.Pointer[error]
	mutex sync.RWMutex // held for reading by who sends to the queue
	shut  bool
	queue chan command
	ended chan struct{}

	// Of the goroutine that talks to the driver.
	handle     driver.Device
	context    driver.Context
	module     driver.Module
	stream     driver.Stream
	staging    staging
	parameters parameters

	functions sync.Map // of *Function by name
}

// Open takes a device into use: "cuda" is the first that nothing is known against, "cuda:N" the one of number N. The error is of the kind
// [ErrNone] where it cannot be used, of [ErrMemory] where its memory is full.
func Open(which string) (*Device, error) {
	ordinal, err := parse(which)
	if err != nil {
		return nil, err
	}
	drv, err := load()
	if err != nil {
		return nil, err
	}
	return open(drv, nil, ordinal, false)
}

// Simulated returns a device of a simulated driver, with the kernels that image lists. Its allocations are of the exact size, so that the
// simulation finds accesses outside of them.
func Simulated(drv *driver.Driver, image []byte) (*Device, error) { return open(drv, image, 0, true) }

// first stands for the first device that nothing is known against.
const first = -1

// parse returns N of "cuda:N", first of "cuda".
func parse(which string) (int, error) {
	if which == "cuda" {
		return first, nil
	}
	number, ok := strings.CutPrefix(which, "cuda:")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 || n > 1<<16 {
		return 0, fmt.Errorf("device: %q is no CUDA device; name it cuda or cuda:N", which)
	}
	return n, nil
}

// open takes a device into use. Without an image the kernels are those for the device.
func open(drv *driver.Driver, image []byte, ordinal int, exact bool) (*Device, error) {
	d := &Device{drv: drv, queue: make(chan command, queued), ended: make(chan struct{}), memory: newAllocator(exact)}
	started := make(chan error)
	go d.serve(func() error { return d.start(image, ordinal) }, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return d, nil
}

// serve is the goroutine that talks to the driver.
func (d *Device) serve(start func() error, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(d.ended)
	err := guard(start)
	if err != nil {
		d.release()
		started <- err
		return
	}
	started <- nil
	for c := range d.queue {
		d.execute(&c)
	}
	d.release()
}

// start makes the context and loads the kernels.
func (d *Device) start(image []byte, ordinal int) error {
	drv := d.drv
	count, err := initialize(drv)
	if err != nil {
		return err
	}
	if ordinal >= count {
		return none("there is no device cuda:%d; the driver shows %d, the first is cuda:0", ordinal, count)
	}
	if err := d.choose(ordinal, count); err != nil {
		return err
	}
	if err := failure(drv, "cuDevicePrimaryCtxRetain", drv.DevicePrimaryCtxRetain(&d.context, d.handle)); err != nil {
		return err
	}
	if err := failure(drv, "cuCtxSetCurrent", drv.CtxSetCurrent(d.context)); err != nil {
		return err
	}
	if err := failure(drv, "cuStreamCreate", drv.StreamCreate(&d.stream)); err != nil {
		return err
	}
	if image == nil {
		var version int32
		if err := failure(drv, "cuDriverGetVersion", drv.DriverGetVersion(&version)); err != nil {
			return err
		}
		target, _ := ptx.Best(d.info.Major, d.info.Minor, int(version)) // there is one, or a problem was found
		image = target.Image()
	}
	d.parameters.init()
	d.memory.bound = d.info.Memory / 2
	return d.loadModule(image)
}

// choose finds the device of a number, or the first that nothing is known against.
func (d *Device) choose(ordinal, count int) error {
	last := ordinal
	if ordinal == first {
		ordinal, last = 0, count-1
	}
	var reasons []string
	for ; ordinal <= last; ordinal++ {
		var err error
		if d.info, d.handle, err = describe(d.drv, ordinal); err != nil || d.info.Problem == "" {
			return err
		}
		reasons = append(reasons, d.info.Problem)
	}
	return none("%s", strings.Join(reasons, "; "))
}

// release gives back all that start took, as far as it came, and all memory.
func (d *Device) release() {
	if d.context == 0 {
		return
	}
	d.drv.StreamSynchronize(d.stream) // what it returns is said by now, or of no more interest
	d.staging.release(d.drv)
	for _, p := range d.memory.takeAll() {
		d.drv.MemFree(driver.Pointer(p))
	}
	if d.module != 0 {
		d.drv.ModuleUnload(d.module)
	}
	if d.stream != 0 {
		d.drv.StreamDestroy(d.stream)
	}
	d.drv.CtxSetCurrent(0)
	d.drv.DevicePrimaryCtxRelease(d.handle)
}

// Info describes the device, with the state of its memory where the driver can tell.
func (d *Device) Info() Info {
	info := d.info
	info.Used, info.Cached = d.memory.sums()
	d.do(func() error {
		var free, total uint64
		if d.drv.MemGetInfo(&free, &total) == driver.Success {
			info.Free = int64(free)
		}
		return nil
	})
	return info
}

// Err returns the fault after which the device cannot be used, nil while it can.
func (d *Device) Err() error {
	if p := d.fault.Load(); p != nil {
		return *p
	}
	return nil
}

// Sync returns when all that was asked of the device is done, with the first error of it.
func (d *Device) Sync() error {
	return d.do(func() error { return d.check("cuStreamSynchronize", d.drv.StreamSynchronize(d.stream)) })
}

// Close waits until all that was asked of the device is done and gives everything back: memory, kernels and the context. It returns the
// fault that the device had, if any.
func (d *Device) Close() error {
	d.mutex.Lock()
	if !d.shut {
		d.shut = true
		close(d.queue)
	}
	d.mutex.Unlock()
	<-d.ended
	return d.Err()
}

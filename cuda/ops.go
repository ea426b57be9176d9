package cuda

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
)

// Ops is the table of operations of package nn on a device, in float32: see [nn.Ops] for what each method computes and for how a failure of
// the device shows. It may be used from several goroutines at once on disjoint destinations.
//
// Products and their sums are as good as float32's; on tensor cores, from compute capability 8.0 on, each product is put together from three of
// TF32. Sums over a batch, moments and losses are finished in float64. The cuts of all sums depend on sizes only and no two threads add to the
// same number, so the results are the same bits on every run of the same device.
//
// A tensor has fewer than 2^31 elements; a larger one panics. Kernels run in the order of the calls, after the calls return.
type Ops struct {
	// TF32 rounds the operands of matrix products and convolutions to TF32, 11 significant bits, half away from zero, where they are taken on
	// tensor cores: one product in place of three. It is set before the table is used.
	TF32 bool

	d       *device.Device
	tensors bool // products on tensor cores

	mu      sync.Mutex // held from the time that a pointer is taken to the launch that uses it
	err     error      // the first failure
	kernels map[string]*device.Function
	scratch room // of one operation of a table
	beside  room // of operations on clouds, beside that of the products that they are made of
	scales  room // of a kernel of distances, which are those of bandwidths

	bandwidths [clouds.MaxBandwidths]float32

	deadMu sync.Mutex
	dead   []device.Pointer // of storages that were collected
}

var (
	_ nn.Ops[float32]      = (*Ops)(nil)
	_ nn.FusedOps[float32] = (*Ops)(nil)

	_ nn.SquaresOps[float32] = (*Ops)(nil)
)

// NewOps returns the table of a device, which outlives it.
func NewOps(d *device.Device) *Ops {
	_, err := d.Function("gemm_tensor_large")
	return &Ops{d: d, tensors: err == nil && d.Info().Major >= 8, kernels: map[string]*device.Function{}}
}

// Unit returns the rounding of an operand of a product.
func (o *Ops) Unit() float64 {
	if o.TF32 && o.tensors {
		return 0x1p-11
	}
	return 0x1p-24
}

// Err returns the first failure of the device, nil where there was none.
func (o *Ops) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed()
}

// failed returns the first failure.
func (o *Ops) failed() error {
	if o.err == nil {
		o.err = o.d.Err()
	}
	return o.err
}

// fail keeps the first failure.
func (o *Ops) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// begin starts an operation; the caller unlocks o.mu. What was collected before is given back here: memory of a tensor that dies while an
// operation on it is on its way cannot become another's before it is launched.
func (o *Ops) begin() {
	o.mu.Lock()
	o.release()
}

func (o *Ops) release() {
	o.deadMu.Lock()
	for _, p := range o.dead {
		o.d.Free(p)
	}
	o.dead = o.dead[:0]
	o.deadMu.Unlock()
}

// result panics where the device has failed: a number that comes to the host now would be wrong. It is called with o.mu held.
func (o *Ops) result() {
	if err := o.failed(); err != nil {
		panic(&nn.Fault{Err: err})
	}
}

// maxElements bounds the elements of a tensor: kernels index with 32 bits.
const maxElements = math.MaxInt32

// storage is elements on a device.
type storage struct {
	o *Ops
	p device.Pointer
	n int
}

// Len returns the number of elements.
func (s *storage) Len() int { return s.n }

// Data returns nil.
func (s *storage) Data() []float32 { return nil }

// Read copies the elements from offset on into dst.
func (s *storage) Read(dst []float32, offset int) {
	s.o.begin()
	defer s.o.mu.Unlock()
	if s.o.result(); len(dst) == 0 {
		return
	}
	if err := device.Download(s.o.d, dst, s.at(offset)); err != nil {
		s.o.fail(err)
		s.o.result()
	}
	runtime.KeepAlive(s)
}

// Write copies src to the elements from offset on.
func (s *storage) Write(src []float32, offset int) {
	s.o.begin()
	defer s.o.mu.Unlock()
	if s.o.failed() != nil || len(src) == 0 {
		return
	}
	if err := device.Upload(s.o.d, s.at(offset), src); err != nil {
		s.o.fail(err)
	}
	runtime.KeepAlive(s)
}

func (s *storage) at(offset int) device.Pointer { return s.p + device.Pointer(4*offset) }

// Alloc returns a storage of n zeros.
func (o *Ops) Alloc(n int) nn.Storage[float32] {
	o.begin()
	defer o.mu.Unlock()
	s := &storage{o: o, n: n}
	if n == 0 || o.failed() != nil {
		return s
	}
	p, err := o.take(4 * n)
	if err != nil {
		o.fail(err)
		return s
	}
	s.p = p
	runtime.AddCleanup(s, o.bury, p)
	if n <= maxElements {
		o.run("nn_zero", blocks(n, elements), device.Ptr(p), device.Ptr(0), device.Ptr(0), device.F32(0), device.F32(0), device.I32(n))
	}
	return s
}

// take returns memory of the device. The collector does not know how much of that waits for it, so it runs before the memory is full.
func (o *Ops) take(bytes int) (device.Pointer, error) {
	p, err := o.d.Alloc(bytes)
	for try := 0; try < collections && errors.Is(err, device.ErrMemory) && o.d.Err() == nil; try++ {
		runtime.GC()
		time.Sleep(time.Millisecond) // cleanups have a goroutine of their own
		o.release()
		p, err = o.d.Alloc(bytes)
	}
	return p, err
}

// collections is how often the collector runs before memory is said to be full.
const collections = 3

// bury remembers memory to give back.
func (o *Ops) bury(p device.Pointer) {
	o.deadMu.Lock()
	o.dead = append(o.dead, p)
	o.deadMu.Unlock()
}

// Upload copies src to dst.
func (o *Ops) Upload(dst *nn.Tensor[float32], src []float32) {
	checkSize(dst.Size(), len(src))
	if dst.Size() > 0 {
		s, offset := o.storageOf(dst)
		s.Write(src, offset)
	}
}

// Download copies src into dst.
func (o *Ops) Download(dst []float32, src *nn.Tensor[float32]) {
	checkSize(src.Size(), len(dst))
	if src.Size() > 0 {
		s, offset := o.storageOf(src)
		s.Read(dst, offset)
	}
}

func checkSize(n, m int) {
	if n != m {
		panic("cuda: a tensor and a slice differ in size")
	}
}

// storageOf returns what holds a tensor.
func (o *Ops) storageOf(t *nn.Tensor[float32]) (*storage, int) {
	s, offset := t.Storage()
	if own, ok := s.(*storage); ok && own.o.d == o.d {
		return own, offset
	}
	panic("cuda: the tensor is not on this device; see nn.Ops.Upload")
}

// arg returns the address of a tensor's elements as an argument of a kernel, null for nil.
func (o *Ops) arg(t *nn.Tensor[float32]) device.Arg {
	if t == nil || t.Size() == 0 {
		return device.Ptr(0)
	}
	if t.Size() > maxElements {
		panic(fmt.Sprintf("cuda: a tensor of shape %v, want fewer than 2^31 elements", t))
	}
	s, offset := o.storageOf(t)
	return device.Ptr(s.at(offset))
}

// A count is an argument that counts elements.
func count(n int) device.Arg { return device.I32(n) }

// threads is the block of the kernels of this table, of all but those of products.
const threads = 256

// Elements of a block: of element-wise kernels and of sums.
const (
	elements = 4 * threads
	summands = 16 * threads
)

func blocks(n, each int) device.Dim { return device.Dim{X: ceilDiv(n, each), Y: 1, Z: 1} }

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// run launches a kernel.
func (o *Ops) run(name string, grid device.Dim, args ...device.Arg) {
	o.launch(name, grid, threads, args...)
}

// launch launches a kernel by blocks of that many threads. It does nothing without blocks, or after a failure.
func (o *Ops) launch(name string, grid device.Dim, threads int, args ...device.Arg) {
	if grid.X == 0 || grid.Y == 0 || o.failed() != nil {
		return
	}
	f := o.kernels[name]
	if f == nil {
		var err error
		if f, err = o.d.Function(name); err != nil {
			o.fail(err)
			return
		}
		o.kernels[name] = f
	}
	if err := o.d.Launch(f, grid, device.Dim{X: threads, Y: 1, Z: 1}, 0, args...); err != nil {
		o.fail(err)
	}
}

// room is memory that grows.
type room struct {
	p     device.Pointer
	bytes int
}

// scratchOf returns memory of that many bytes, which lasts until the next call.
func (o *Ops) scratchOf(bytes int) device.Pointer { return o.roomOf(&o.scratch, bytes) }

func (o *Ops) roomOf(r *room, bytes int) device.Pointer {
	if bytes <= r.bytes || o.failed() != nil {
		return r.p
	}
	if r.bytes > 0 {
		o.d.Free(r.p)
	}
	r.bytes = 0
	bytes = max(bytes+bytes/4, 1<<16)
	p, err := o.take(bytes)
	if err != nil {
		o.fail(err)
		return 0
	}
	r.p, r.bytes = p, bytes
	return p
}

// number returns a float64 that a kernel has left at p.
func (o *Ops) number(p device.Pointer) float64 {
	var v [1]float64
	o.numbers(v[:], p)
	return v[0]
}

// numbers copies what kernels have left at p.
func (o *Ops) numbers(dst []float64, p device.Pointer) {
	if o.result(); len(dst) == 0 {
		return
	}
	if err := device.Download(o.d, dst, p); err != nil {
		o.fail(err)
		o.result()
	}
}

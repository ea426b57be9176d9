package cuda

import (
	"math"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// flow is a problem under iteration: a [sinkhorn.DeviceFlow]. Everything large lies on the device.
type flow struct {
	d *device.Device
	choice
	unit       float64
	n, m       int
	rows, cols half
	log2b      []float64
	kappa      float64

	costs  device.Pointer // stored
	ldc    int
	memory []device.Pointer
	sums   buffer // what a pass leaves
	errors buffer
	redone device.Pointer // how many sums left the range of float32
	fresh  bool           // the potentials of the rows are no shifts for the next pass
	even   bool           // both sides have the same potential
}

// half is the rows or the columns of a flow.
type half struct {
	side
	at             device.Pointer // of the side on the device
	source         device.Pointer // of the costs of a pass that sums for this side, on the device
	points, norms  device.Pointer // norms as costs need them
	n, padded, ldx int
}

// side is laid out as struct Side of the kernels.
type side struct {
	n, padded                      int32
	potential, u, v, packed        device.Pointer
	width, slot                    int32
	weight, logarithm, norm, taken device.Pointer
	rho                            float64
	penalty, _                     int32
}

// source is laid out as struct Source of the kernels.
type source struct {
	x, y, cx, cy, v device.Pointer
	down, right     int64
	m, d            int32
	beta            float32
	finish          int32
}

// buffer is memory that grows.
type buffer struct {
	p    device.Pointer
	size int
}

// grow makes a buffer at least so many bytes long. Its contents are lost.
func (f *flow) grow(b *buffer, bytes int) error {
	if bytes <= b.size {
		return nil
	}
	f.d.Free(b.p)
	*b = buffer{}
	p, err := f.d.Alloc(bytes)
	if err == nil {
		*b = buffer{p, bytes}
	}
	return err
}

// place puts numbers into memory of the flow.
func place[T device.Number](f *flow, x []T) (device.Pointer, error) {
	var zero T
	p, err := f.alloc(len(x) * int(unsafe.Sizeof(zero)))
	if err != nil {
		return 0, err
	}
	return p, device.Upload(f.d, p, x)
}

// alloc takes memory that the flow holds until it ends.
func (f *flow) alloc(bytes int) (device.Pointer, error) {
	p, err := f.d.Alloc(bytes)
	if err == nil {
		f.memory = append(f.memory, p)
	}
	return p, err
}

// record puts a struct that kernels read into memory of the flow.
func record[T any](f *flow, x *T) (device.Pointer, error) {
	return place(f, unsafe.Slice((*byte)(unsafe.Pointer(x)), unsafe.Sizeof(*x)))
}

// load places a problem on the device.
func (f *flow) load(p *sinkhorn.DeviceProblem) error {
	f.n, f.m = p.N, p.M
	f.log2b = make([]float64, p.M)
	for j, b := range p.B {
		f.log2b[j] = math.Log2(b)
	}
	if err := f.loadSide(&f.rows, p.N, p.X, p.A, p.Rows, p.U); err != nil {
		return err
	}
	if err := f.loadSide(&f.cols, p.M, p.Y, p.B, p.Columns, p.V); err != nil {
		return err
	}
	if f.kernel == stored {
		if err := f.loadCosts(p); err != nil {
			return err
		}
	}
	for _, side := range []struct{ of, over *half }{{&f.rows, &f.cols}, {&f.cols, &f.rows}} {
		if err := f.loadSource(side.of, side.over); err != nil {
			return err
		}
	}
	var err error
	if f.redone, err = place(f, []int32{0}); err != nil {
		return err
	}
	size := 0
	for _, full := range []bool{false, true} {
		size = max(size, f.sumBytes(&f.rows, &f.cols, full), f.sumBytes(&f.cols, &f.rows, full))
	}
	return f.grow(&f.sums, size)
}

// sumBytes returns how much memory the result of a pass takes.
func (f *flow) sumBytes(of, over *half, full bool) int {
	_, g := f.grid(of.n, over.n, full, of == &f.rows)
	planes := 1
	if full {
		planes = 3
	}
	return 4 * planes * g.parts * f.halves() * of.padded
}

// loadSide places one side's points and weights.
func (f *flow) loadSide(h *half, n int, x []float32, w []float64, reach sinkhorn.Reach, taken []float64) (err error) {
	h.n, h.padded = n, (n+tallest-1)/tallest*tallest
	h.side = side{n: int32(n), padded: int32(h.padded), rho: reach.Rho, penalty: int32(reach.Penalty)}
	norms, floats, logs := make([]float64, n), make([]float32, h.padded), make([]float64, n)
	for i, v := range w {
		logs[i] = math.Log2(v)
	}
	if f.kernel != stored {
		points := make([]float32, h.padded*f.ld)
		for i := range n {
			row := points[i*f.ld:][:f.dim]
			copy(row, x[i*f.dim:])
			if f.terms == 1 {
				for k, v := range row {
					row[k] = roundTF32(v)
				}
			}
			norms[i] = f.norm(row)
			floats[i] = float32(norms[i])
			if f.finish == rooted {
				norms[i] = 0 // it is under the root
			}
		}
		if h.points, err = place(f, points); err != nil {
			return err
		}
		h.ldx = f.ld
		if f.kernel == low {
			h.packed, h.width, h.slot = h.points, int32(f.ld), int32(f.width)
		}
	}
	doubles := func(to *device.Pointer, x []float64) {
		if err == nil {
			*to, err = place(f, x)
		}
	}
	doubles(&h.potential, make([]float64, n))
	doubles(&h.weight, w)
	doubles(&h.logarithm, logs)
	doubles(&h.norm, norms)
	if taken != nil {
		doubles(&h.taken, taken)
	}
	for _, to := range []*device.Pointer{&h.u, &h.v, &h.norms} {
		if err == nil {
			*to, err = place(f, floats) // u and v before the first use of theirs are written by Start
		}
	}
	if err != nil {
		return err
	}
	h.at, err = record(f, &h.side)
	return err
}

// loadCosts places a stored matrix, of a leading dimension that is a multiple of 4.
func (f *flow) loadCosts(p *sinkhorn.DeviceProblem) (err error) {
	f.ldc = (p.M + 3) / 4 * 4
	if f.costs, err = f.alloc(4 * p.N * f.ldc); err != nil {
		return err
	}
	if p.Ld == f.ldc && p.M == f.ldc {
		return device.Upload(f.d, f.costs, p.C[:p.N*p.Ld])
	}
	step := max(1, 1<<20/f.ldc)
	part := make([]float32, min(step, p.N)*f.ldc)
	for i := 0; i < p.N; i += step {
		rows := min(step, p.N-i)
		for k := range rows {
			copy(part[k*f.ldc:][:p.M], p.C[(i+k)*p.Ld:])
		}
		if err := device.Upload(f.d, f.costs+device.Pointer(4*i*f.ldc), part[:rows*f.ldc]); err != nil {
			return err
		}
	}
	return nil
}

// layout returns how far points of a side, or entries of a stored cost, lie apart for a sum of that side, and what stands for the number
// of coordinates.
func (f *flow) layout(of, over *half) (x, y device.Pointer, down, right, d int) {
	switch {
	case f.kernel == stored && of == &f.rows:
		return f.costs, f.costs, f.ldc, 1, 0
	case f.kernel == stored:
		return f.costs, f.costs, 1, f.ldc, 0
	case f.kernel == low || f.kernel == differences:
		return of.points, over.points, of.ldx, over.ldx, -f.dim
	}
	return of.points, over.points, of.ldx, over.ldx, f.dim
}

func (f *flow) loadSource(of, over *half) (err error) {
	x, y, down, right, d := f.layout(of, over)
	of.source, err = record(f, &source{
		x: x, y: y, cx: of.norms, cy: over.norms, v: over.v, down: int64(down), right: int64(right), m: int32(over.n), d: int32(d),
		beta: float32(f.beta), finish: int32(f.finish),
	})
	return err
}

// Unit returns the rounding error of a product.
func (f *flow) Unit() float64 { return f.unit }

// launch runs a kernel.
func (f *flow) launch(name string, grid device.Dim, threads, shared int, args ...device.Arg) error {
	k, err := f.d.Function(name)
	if err != nil {
		return err
	}
	return f.d.Launch(k, grid, device.Dim{X: threads}, shared, args...)
}

// rowThreads are those of a block of the kernels that work once a row.
const rowThreads = 256

func rowBlocks(n int) int { return (n + rowThreads - 1) / rowThreads }

// prepare rounds the potentials of a side, from those of like.
func (f *flow) prepare(h, like *half) error {
	return f.launch("sinkhorn_prepare", device.Dim{X: rowBlocks(h.padded)}, rowThreads, 0, device.Ptr(h.at), device.Ptr(like.potential), device.F64(f.kappa))
}

// Start sets the temperature and both potentials.
func (f *flow) Start(eps float64, fs, gs []float64) error {
	f.kappa = math.Log2E / eps
	f.fresh, f.even = fs == nil, false
	if fs == nil {
		fs = make([]float64, f.n)
	}
	own := make([]float64, f.m)
	for j, g := range gs {
		own[j] = g - f.log2b[j]
	}
	if err := device.Upload(f.d, f.rows.potential, fs); err != nil {
		return err
	}
	if err := device.Upload(f.d, f.cols.potential, own); err != nil {
		return err
	}
	if err := f.prepare(&f.rows, &f.rows); err != nil {
		return err
	}
	return f.prepare(&f.cols, &f.cols)
}

// pass sums the exponentials of each point of a side and returns in how many parts.
func (f *flow) pass(of, over *half, full bool) (parts int, err error) {
	along := of == &f.rows
	name, g := f.grid(of.n, over.n, full, along)
	alpha, beta := device.F32(float32(f.alpha(f.kappa))), device.F32(float32(f.beta))
	x, u, v, out := device.Ptr(of.points), device.Ptr(of.u), device.Ptr(over.v), device.Ptr(f.sums.p)
	finish, padded, tiles := device.I32(f.finish), device.I32(of.padded), device.I32(g.tiles)
	dim := device.Dim{X: g.blocks, Y: g.parts}
	switch {
	case f.kernel == stored && along:
		err = f.launch(name, dim, g.threads, g.shared, device.Ptr(f.costs), device.I32(f.ldc), u, v, alpha, out, padded, device.I32(of.n), tiles)
	case f.kernel == stored:
		err = f.launch(name, dim, g.threads, g.shared, device.Ptr(f.costs), device.I32(f.ldc), u, v, alpha, out, padded, device.I32(over.n))
	case f.kernel == low:
		err = f.launch(name, dim, g.threads, g.shared, x, device.Ptr(over.points), u, alpha, beta, finish, out, padded, tiles)
	default:
		err = f.launch(name, dim, g.threads, g.shared, x, device.Ptr(over.points), device.I32(f.ld), u, v, device.Ptr(of.norms),
			device.Ptr(over.norms), alpha, beta, finish, out, padded, tiles)
	}
	return g.parts * f.halves(), err
}

// update moves the potentials of a side by what a pass left. Errors go to a place among the buffer's, one for each block, where at >= 0.
func (f *flow) update(of *half, mirror device.Pointer, parts int, full bool, omega float64, at int) error {
	errors := device.Pointer(0)
	if at >= 0 {
		errors = f.errors.p + device.Pointer(8*at)
	}
	tops := 0
	if full {
		tops = 1
	}
	return f.launch("sinkhorn_update", device.Dim{X: rowBlocks(of.n)}, rowThreads, 0, device.Ptr(of.at), device.Ptr(of.source), device.Ptr(mirror),
		device.Ptr(f.sums.p), device.I32(parts), device.I32(tops), device.F64(f.kappa), device.F64(omega), device.F32(float32(f.alpha(f.kappa))),
		device.Ptr(errors), device.Ptr(f.redone))
}

// Iterate alternates.
func (f *flow) Iterate(omega float64, errs []float64) error {
	rows, cols := rowBlocks(f.n), rowBlocks(f.m)
	if omega == 1 {
		rows = 0
	}
	if err := f.grow(&f.errors, 8*len(errs)*(rows+cols)); err != nil {
		return err
	}
	f.even = false
	for k := range errs {
		at := k * (rows + cols)
		parts, err := f.pass(&f.rows, &f.cols, f.fresh)
		if err != nil {
			return err
		}
		atRows := at
		if rows == 0 {
			atRows = -1
		}
		if err := f.update(&f.rows, 0, parts, f.fresh, omega, atRows); err != nil {
			return err
		}
		f.fresh = false
		if parts, err = f.pass(&f.cols, &f.rows, false); err != nil {
			return err
		}
		if err := f.update(&f.cols, 0, parts, false, omega, at+rows); err != nil {
			return err
		}
	}
	return f.readErrors(errs, rows+cols)
}

// Symmetric takes the symmetric update.
func (f *flow) Symmetric(errs []float64) error {
	blocks := rowBlocks(f.n)
	if err := f.grow(&f.errors, 8*len(errs)*blocks); err != nil {
		return err
	}
	if !f.even {
		if err := f.prepare(&f.rows, &f.cols); err != nil {
			return err
		}
		f.even = true
	}
	for k := range errs {
		parts, err := f.pass(&f.rows, &f.cols, f.fresh)
		if err != nil {
			return err
		}
		if err := f.update(&f.rows, f.cols.at, parts, f.fresh, 1, k*blocks); err != nil {
			return err
		}
		f.fresh = false
	}
	return f.readErrors(errs, blocks)
}

// readErrors sets each of errs to the sum of so many numbers of the buffer.
func (f *flow) readErrors(errs []float64, each int) error {
	parts := make([]float64, len(errs)*each)
	if err := device.Download(f.d, parts, f.errors.p); err != nil {
		return err
	}
	for k := range errs {
		errs[k] = kernels.Sum(parts[k*each : (k+1)*each])
	}
	return nil
}

// Potentials copies the potentials out.
func (f *flow) Potentials(fs, gs []float64) error {
	if err := device.Download(f.d, fs, f.rows.potential); err != nil {
		return err
	}
	if err := device.Download(f.d, gs, f.cols.potential); err != nil {
		return err
	}
	for j, v := range f.log2b {
		gs[j] += v
	}
	return nil
}

// Close gives memory back.
func (f *flow) Close() {
	for _, p := range f.memory {
		f.d.Free(p)
	}
	f.d.Free(f.sums.p)
	f.d.Free(f.errors.p)
	f.memory, f.sums, f.errors = nil, buffer{}, buffer{}
}

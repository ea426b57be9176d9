package cuda

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/cuda/device"
)

// Weigh sets sums of the plan.
func (f *flow) Weigh(rows, columns, costs []float64) error {
	for _, side := range []struct {
		of, over     *half
		sums, weighs []float64
	}{{&f.rows, &f.cols, rows, costs}, {&f.cols, &f.rows, columns, nil}} {
		if err := f.weigh(side.of, side.over, side.sums, side.weighs); err != nil {
			return err
		}
	}
	return nil
}

// weigh sets the sums of the plan along one side, and what they cost where asked.
func (f *flow) weigh(of, over *half, sums, costs []float64) error {
	parts, err := f.pass(of, over, true)
	if err != nil {
		return err
	}
	var out buffer
	if err := f.grow(&out, 16*of.n); err != nil {
		return err
	}
	defer f.d.Free(out.p)
	second := out.p + device.Pointer(8*of.n)
	err = f.launch("sinkhorn_weigh", device.Dim{X: rowBlocks(of.n)}, rowThreads, 0, device.Ptr(f.sums.p), device.I32(parts),
		device.I32(of.padded), device.I32(of.n), device.Ptr(of.weight), device.Ptr(out.p), device.Ptr(second))
	if err != nil {
		return err
	}
	if err := device.Download(f.d, sums, out.p); err != nil || costs == nil {
		return err
	}
	return device.Download(f.d, costs, second)
}

// Apply multiplies the plan, or its transpose, by vectors.
func (f *flow) Apply(dst, v []float32, d int, transposed bool) error {
	of, over := &f.rows, &f.cols
	if transposed {
		of, over = over, of
	}
	if d == 0 {
		return nil
	}
	ld := (d + 7) / 8 * 8
	wide := make([]float32, over.padded*ld)
	for j := range over.n {
		copy(wide[j*ld:][:d], v[j*d:])
	}
	var vectors buffer
	if err := f.grow(&vectors, 4*len(wide)); err != nil {
		return err
	}
	defer f.d.Free(vectors.p)
	if err := device.Upload(f.d, vectors.p, wide); err != nil {
		return err
	}
	return f.apply(dst, of, over, vectors.p, ld, d, false, 0, 1)
}

// Gradient sets dx to the derivative of the plan's cost by the points of the rows:
//
//	|x-y|^2           2 (r_i x_i - sum_j P_ij y_j)             r_i = sum_j P_ij; half of it for half of the cost
//	|x-y|             q_i x_i - sum_j Q_ij y_j                 Q_ij = P_ij / |x_i-y_j|, q_i = sum_j Q_ij
//	-<x,y>, 1-<x,y>   -sum_j P_ij y_j
func (f *flow) Gradient(dx []float32) error {
	if f.kernel == stored {
		return fmt.Errorf("cuda: the points of a stored cost are not known")
	}
	scale := f.slope
	if scale == 0 {
		scale = 1
	}
	return f.apply(dx, &f.rows, &f.cols, f.cols.points, f.cols.ldx, f.dim, f.finish == rooted, f.slope, -scale)
}

// partBytes bounds the memory of the parts of a product with vectors.
const partBytes = 1 << 28

// apply sets dst_ik = w_i (a sums_i x_ik + b sum_j e_ij v_jk) for k < d, vectors having leading dimension ld, and e_ij being divided by distances
// where over is set.
func (f *flow) apply(dst []float32, of, over *half, vectors device.Pointer, ld, d int, divide bool, a, b float64) error {
	onTensor := f.kernel == tensor && f.ld <= residentTo
	tall, at, threads, shared := 64, 2, 256, 0
	if onTensor {
		const stride = 64 + 4
		tall, threads, shared = 128, 128, 4*(f.ld*(128+2*64)+2*64*stride)
	}
	planes := (ld + 63) / 64
	g := cut(of.n, tall, over.n, 64, at, threads, shared)
	g.parts = max(1, g.parts/planes, (over.n+longest-1)/longest)
	g.parts = min(g.parts, g.tiles, max(1, partBytes/(4*of.padded*(ld+1))))
	var out buffer
	if err := f.grow(&out, 4*g.parts*of.padded*(ld+1)+4*of.n*d); err != nil {
		return err
	}
	defer f.d.Free(out.p)
	sums := out.p + device.Pointer(4*g.parts*of.padded*ld)
	result := sums + device.Pointer(4*g.parts*of.padded)
	dim := device.Dim{X: g.blocks, Y: g.parts, Z: planes}
	x, y, down, right, coordinates := f.layout(of, over)
	tail := []device.Arg{
		device.Ptr(of.u), device.Ptr(over.v), device.Ptr(of.norms), device.Ptr(over.norms), device.F32(float32(f.alpha(f.kappa))),
		device.F32(float32(f.beta)), device.I32(f.finish), device.I32(flag(divide)), device.Ptr(vectors), device.I32(ld), device.Ptr(out.p),
		device.Ptr(sums), device.I32(of.padded),
	}
	var err error
	if onTensor {
		args := append([]device.Arg{device.Ptr(x), device.Ptr(y), device.I32(f.ld)}, append(tail, device.I32(g.tiles))...)
		err = f.launch(fmt.Sprintf("sinkhorn_apply_tensor%d", f.terms), dim, threads, shared, args...)
	} else {
		name := "sinkhorn_apply_points"
		if coordinates < 0 {
			name, coordinates = "sinkhorn_apply_differences", -coordinates
		} else if coordinates == 0 {
			name = "sinkhorn_apply_stored"
		}
		head := []device.Arg{device.Ptr(x), device.Ptr(y), device.I64(down), device.I64(right), device.I32(coordinates)}
		err = f.launch(name, dim, threads, shared, append(head, append(tail, device.I32(of.n), device.I32(over.n))...)...)
	}
	if err != nil {
		return err
	}
	points, ldx := of.points, of.ldx
	if a == 0 {
		points, ldx = 0, 0
	}
	err = f.launch("sinkhorn_combine", device.Dim{X: (of.n*d + 255) / 256}, 256, 0, device.Ptr(result), device.I32(of.n), device.I32(d),
		device.Ptr(of.weight), device.Ptr(out.p), device.I32(ld), device.Ptr(sums), device.I32(g.parts), device.I32(of.padded),
		device.Ptr(points), device.I32(ldx), device.F64(a), device.F64(b))
	if err != nil {
		return err
	}
	return device.Download(f.d, dst[:of.n*d], result)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

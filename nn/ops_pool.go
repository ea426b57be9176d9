package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// PoolOps is the part of [Ops] that changes the size of images [n, c, h, w], each channel by itself. Sizes that do not fit panic.
type PoolOps[T kernels.Float] interface {
	// MaxPool sets each pixel of y to the largest of its window of x, without the padding; NaN where there is one.
	MaxPool(y, x *Tensor[T], g ConvGeometry)
	// MaxPoolBackward sets dx for the input x: the gradient of a window goes to its largest pixel, the first of several.
	MaxPoolBackward(dx, dy, x *Tensor[T], g ConvGeometry)
	// AvgPool sets each pixel of y to the mean of its window of x, in which the padding counts as zeros.
	AvgPool(y, x *Tensor[T], g ConvGeometry)
	// AvgPoolBackward sets dx.
	AvgPoolBackward(dx, dy *Tensor[T], g ConvGeometry)
	// Upsample sets y[n,c,i,j] = x[n, c, i/factor, j/factor].
	Upsample(y, x *Tensor[T], factor int)
	// UpsampleBackward sets dx to the sum of dy over each block of factor x factor pixels.
	UpsampleBackward(dx, dy *Tensor[T], factor int)
}

// poolArgs are the arguments of pooling: the large images are h x w, the small ones oh x ow.
type poolArgs struct {
	ConvGeometry
	h, w, oh, ow int
}

// MaxPool sets the largest of each window.
func (c *CPU[T]) MaxPool(y, x *Tensor[T], g ConvGeometry) { c.pools(opMaxPool, y, x, nil, x, y, g) }

// MaxPoolBackward undoes MaxPool.
func (c *CPU[T]) MaxPoolBackward(dx, dy, x *Tensor[T], g ConvGeometry) {
	c.pools(opMaxPoolBackward, dx, dy, x, dx, dy, g)
}

// AvgPool sets the mean of each window.
func (c *CPU[T]) AvgPool(y, x *Tensor[T], g ConvGeometry) { c.pools(opAvgPool, y, x, nil, x, y, g) }

// AvgPoolBackward undoes AvgPool.
func (c *CPU[T]) AvgPoolBackward(dx, dy *Tensor[T], g ConvGeometry) {
	c.pools(opAvgPoolBackward, dx, dy, nil, dx, dy, g)
}

// Upsample repeats each pixel.
func (c *CPU[T]) Upsample(y, x *Tensor[T], factor int) {
	c.pools(opUpsample, y, x, nil, y, x, ConvGeometry{Kernel: factor, Stride: factor})
}

// UpsampleBackward undoes Upsample.
func (c *CPU[T]) UpsampleBackward(dx, dy *Tensor[T], factor int) {
	c.pools(opUpsampleBackward, dx, dy, nil, dy, dx, ConvGeometry{Kernel: factor, Stride: factor})
}

// pools runs an operation on y, x and, where it is not nil, z, in tasks of whole channels.
func (c *CPU[T]) pools(op opcode, y, x, z, large, small *Tensor[T], g ConvGeometry) {
	s := g.PoolSizes(large.shape, small.shape)
	CheckSizes(large.size, z)
	p := poolArgs{ConvGeometry: g, h: s.H, w: s.W, oh: s.OH, ow: s.OW}
	planes := s.N * s.C
	t := c.take(op)
	t.y, t.x, t.rows, t.cols, t.pool = y.Data(), x.Data(), planes, p.h*p.w, p
	if z != nil {
		t.z = z.Data()
	}
	c.do(t, rowBlocks(t.rows, t.cols))
	c.release(t)
}

// planes returns the number of channels of all images.
func (t *task[T]) planes() int { return t.rows }

// poolPlanes runs an operation on planes lo to hi-1.
func (t *task[T]) poolPlanes(lo, hi int) {
	p := &t.pool
	large, small := p.h*p.w, p.oh*p.ow
	for i := lo; i < hi; i++ {
		switch t.op {
		case opMaxPool:
			maxPool(p, t.y[i*small:][:small], t.x[i*large:][:large])
		case opMaxPoolBackward:
			maxPoolBackward(p, t.y[i*large:][:large], t.x[i*small:][:small], t.z[i*large:][:large])
		case opAvgPool:
			sumPool(p, t.y[i*small:][:small], t.x[i*large:][:large], 1/T(p.Kernel*p.Kernel))
		case opAvgPoolBackward:
			spread(p, t.y[i*large:][:large], t.x[i*small:][:small], 1/T(p.Kernel*p.Kernel))
		case opUpsample:
			spread(p, t.y[i*large:][:large], t.x[i*small:][:small], 1)
		case opUpsampleBackward:
			sumPool(p, t.y[i*small:][:small], t.x[i*large:][:large], 1)
		}
	}
}

// window returns the pixels of the large image under place (i, j).
func (p *poolArgs) window(i, j int) (u0, u1, v0, v1 int) {
	u, v := i*p.Stride-p.Padding, j*p.Stride-p.Padding
	return max(u, 0), min(u+p.Kernel, p.h), max(v, 0), min(v+p.Kernel, p.w)
}

// argmax returns where the largest pixel of a window is, the first of several, or the first NaN.
func argmax[T kernels.Float](p *poolArgs, x []T, i, j int) int {
	u0, u1, v0, v1 := p.window(i, j)
	at := u0*p.w + v0
	best := x[at]
	for u := u0; u < u1; u++ {
		for v, value := range x[u*p.w+v0 : u*p.w+v1] {
			if best == best && !(value <= best) {
				at, best = u*p.w+v0+v, value
			}
		}
	}
	return at
}

func maxPool[T kernels.Float](p *poolArgs, y, x []T) {
	if p.Kernel == 2 && p.Stride == 2 && p.Padding == 0 {
		for i := range p.oh {
			top, bottom, row := x[2*i*p.w:][:p.w], x[(2*i+1)*p.w:][:p.w], y[i*p.ow:][:p.ow]
			for j := range row {
				row[j] = max(top[2*j], top[2*j+1], bottom[2*j], bottom[2*j+1])
			}
		}
		return
	}
	for i := range p.oh {
		for j := range p.ow {
			y[i*p.ow+j] = x[argmax(p, x, i, j)]
		}
	}
}

func maxPoolBackward[T kernels.Float](p *poolArgs, dx, dy, x []T) {
	clear(dx)
	if p.Kernel == 2 && p.Stride == 2 && p.Padding == 0 {
		for i := range p.oh {
			maxPoolRow(dx[2*i*p.w:], dy[i*p.ow:][:p.ow], x[2*i*p.w:][:p.w], x[(2*i+1)*p.w:][:p.w])
		}
		return
	}
	for i := range p.oh {
		for j := range p.ow {
			dx[argmax(p, x, i, j)] += dy[i*p.ow+j]
		}
	}
}

// maxPoolRow sets dx for a row of windows of 2x2, without a branch that depends on x: those cost five times as much.
func maxPoolRow[T kernels.Float](dx, dy, top, bottom []T) {
	for j, d := range dy {
		a, b := top[2*j], top[2*j+1]
		c, e := bottom[2*j], bottom[2*j+1]
		upper, lower := 0, len(top)
		if b > a {
			upper = 1
		}
		if e > c {
			lower = len(top) + 1
		}
		if max(c, e) > max(a, b) {
			upper = lower
		}
		dx[2*j+upper] = d
	}
}

// sumPool sets each pixel of y to scale times the sum of its window.
func sumPool[T kernels.Float](p *poolArgs, y, x []T, scale T) {
	for i := range p.oh {
		for j := range p.ow {
			u0, u1, v0, v1 := p.window(i, j)
			var sum T
			for u := u0; u < u1; u++ {
				for _, v := range x[u*p.w+v0 : u*p.w+v1] {
					sum += v
				}
			}
			y[i*p.ow+j] = scale * sum
		}
	}
}

// spread undoes sumPool: it sets each pixel of y to scale times the sum of the places that see it.
func spread[T kernels.Float](p *poolArgs, y, x []T, scale T) {
	clear(y)
	for i := range p.oh {
		for j := range p.ow {
			u0, u1, v0, v1 := p.window(i, j)
			d := scale * x[i*p.ow+j]
			for u := u0; u < u1; u++ {
				row := y[u*p.w+v0 : u*p.w+v1]
				for k := range row {
					row[k] += d
				}
			}
		}
	}
}

package nn

import (
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A convJob is one convolution on its way through the runner, as implicit GEMM: each task gathers the patches of one block and multiplies
// them while they are in cache. Jobs and their scratch are reused.
type convJob[T kernels.Float] struct {
	z            convSizes
	large, small []T  // the two images, one of them the destination
	smallLast    bool // whether the channels of the small image are last: it is a matrix of pixels
	largeLast    bool // the same of the large image, where the window covers it
	weight, bias []T  // weight or its gradient, [o, c k^2]; bias or nil
	activated    bool // a LeakyReLU follows
	slope        T    // of it

	rows     int // of a block of places
	images   int // of a block of whole images
	channels int // of a block of channels of the large image
	groups   int // partial sums of the weight's gradient
	partial  []T
	laid     []T // the small image, a block after the other; empty where blocks are read where they lie

	toSmall, toLarge, toWeight, lay, turn, turnBack func(task int) // the methods, bound once

	scratch parallel.Spares[convScratch[T]]
}

// takeConv returns a job, new or used.
func (c *CPU[T]) takeConv(g ConvGeometry, large, small, weight *Tensor[T]) *convJob[T] {
	z := sizesOf(g, large.shape, small.shape, weight.shape)
	if large.channelsLast && !z.single {
		panic("nn: convolution: no such layout of the large image")
	}
	if small.channelsLast {
		z.step, z.cols = z.ow, z.place
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var j *convJob[T]
	if n := len(c.convs); n > 0 {
		j, c.convs = c.convs[n-1], c.convs[:n-1]
	} else {
		j = new(convJob[T])
		j.toSmall, j.toLarge, j.toWeight, j.lay = j.smallBlock, j.largeBlock, j.weightBlock, j.layBlock
		j.turn, j.turnBack = j.turnChannel, j.addTurned
	}
	j.z, j.large, j.small, j.weight = z, large.Data(), small.Data(), weight.Data()
	j.smallLast, j.largeLast = small.channelsLast, large.channelsLast
	return j
}

// releaseConv gives a job back, without its references.
func (c *CPU[T]) releaseConv(j *convJob[T]) {
	j.large, j.small, j.weight, j.bias, j.activated = nil, nil, nil, nil, false
	c.mu.Lock()
	c.convs = append(c.convs, j)
	c.mu.Unlock()
}

// tasks runs task(0) to task(n-1).
func (c *CPU[T]) tasks(n int, task func(i int)) {
	if c.run == nil || n < 2 {
		for i := range n {
			task(i)
		}
		return
	}
	c.run.For(n, task)
}

// layAll brings the small image into blocks of j.rows rows of places, unless they may be read where they lie.
func (c *CPU[T]) layAll(j *convJob[T]) {
	z := &j.z
	if j.smallLast || z.step == z.ow && z.oh%j.rows == 0 {
		j.laid = j.laid[:0]
		return
	}
	if n := z.n * z.o * z.cols; cap(j.laid) < n {
		j.laid = make([]T, n)
	} else {
		j.laid = j.laid[:n]
	}
	c.tasks(ceilDiv(z.n*z.oh, j.rows), j.lay)
}

// layBlock lays one block.
func (j *convJob[T]) layBlock(task int) {
	z, r0 := &j.z, task*j.rows
	layPlaces(z, j.laid[r0*z.step*z.o:], j.small, r0, min(r0+j.rows, z.n*z.oh))
}

// places returns the small image from row r0 of places on, the first of a block, with the distance of two channels, or of two places where
// channels are last. A whole image is
// fetched in the order of memory first: products read a few of its columns after the other, and would wait for each line.
func (j *convJob[T]) places(s *convScratch[T], r0, cols int) ([]T, int) {
	z := &j.z
	if j.smallLast {
		return j.small[r0*z.ow*z.o:], z.o
	}
	if len(j.laid) > 0 {
		return j.laid[r0*z.step*z.o:], cols
	}
	x := j.small[r0/z.oh*z.o*z.place+r0%z.oh*z.ow:]
	if cols == z.place {
		s.places = grown(s.places, z.o*cols)
		copy(s.places, x[:z.o*cols])
		x = s.places
	}
	return x, z.place
}

// Conv sets the small image from the large one: a task a block of rows of places.
func (c *CPU[T]) Conv(y, x, weight, bias *Tensor[T], g ConvGeometry) {
	if j := c.takeWinograd(g, x, y, weight); j != nil {
		c.winogradConv(j, weight, bias)
		return
	}
	c.conv(c.takeConv(g, x, y, weight), bias)
}

// ConvLeakyReLU is Conv, then LeakyReLU of y.
func (c *CPU[T]) ConvLeakyReLU(y, x, weight, bias *Tensor[T], g ConvGeometry, slope T) {
	if j := c.takeWinograd(g, x, y, weight); j != nil {
		j.activated, j.slope = true, slope
		c.winogradConv(j, weight, bias)
		return
	}
	j := c.takeConv(g, x, y, weight)
	j.activated, j.slope = true, slope
	c.conv(j, bias)
}

// activate applies the activation to numbers of the destination that are complete.
func (j *convJob[T]) activate(y []T) {
	if j.activated {
		kernels.LeakyReLU(y, y, j.slope)
	}
}

// conv runs a job from the large image to the small one.
func (c *CPU[T]) conv(j *convJob[T], bias *Tensor[T]) {
	if bias != nil {
		sameSize(bias.size, j.z.o)
		j.bias = bias.Data()
	}
	if z := &j.z; z.single {
		kernels.Gemm(c.run, false, true, z.n, z.o, z.depth, 1, j.large, z.depth, c.turned(j), z.depth, 0, j.small, z.o)
		for n := range z.n {
			if j.bias != nil {
				kernels.Axpy(j.small[n*z.o:][:z.o], 1, j.bias)
			}
			j.activate(j.small[n*z.o:][:z.o])
		}
		c.releaseConv(j)
		return
	}
	j.rows, j.channels = j.z.rowsPerBlock(), j.z.channelsPerBlock(convDepth)
	c.tasks(ceilDiv(j.z.n*j.z.oh, j.rows), j.toSmall)
	c.releaseConv(j)
}

// smallBlock sets one block of rows of places of the small image.
//
//	small = weight patches(large) + bias
func (j *convJob[T]) smallBlock(task int) {
	z, s := &j.z, j.scratch.Get()
	r0 := task * j.rows
	r1 := min(r0+j.rows, z.n*z.oh)
	cols := (r1 - r0) * z.step
	if j.smallLast {
		dst := j.small[r0*z.ow*z.o:][:cols*z.o]
		for c0 := 0; c0 < z.c; c0 += j.channels {
			c1 := min(c0+j.channels, z.c)
			s.gather(z, j.large, c0, c1, r0, r1)
			kernels.Gemm(nil, true, true, cols, z.o, (c1-c0)*z.taps, 1, s.patch, cols, j.weight[c0*z.taps:], z.depth, betaAfter[T](c0), dst, z.o)
		}
		finishRows(dst, z.o, j.bias, j.activated, j.slope)
		j.scratch.Put(s)
		return
	}
	one := z.nextRange(r0, r1)
	part := one.y1-one.y0 == r1-r0 && z.step == z.ow // the block is a part of an image, which is written where it lies
	var dst []T
	ld := cols
	if part = part && cols < z.place; part {
		dst, ld = j.small[one.image*z.o*z.place+one.y0*z.ow:], z.place
	} else {
		s.places = grown(s.places, z.o*cols)
		dst = s.places
	}
	for c0 := 0; c0 < z.c; c0 += j.channels {
		c1 := min(c0+j.channels, z.c)
		s.gather(z, j.large, c0, c1, r0, r1)
		kernels.Gemm(nil, false, false, z.o, cols, (c1-c0)*z.taps, 1, j.weight[c0*z.taps:], z.depth, s.patch, cols, betaAfter[T](c0), dst, ld)
	}
	for o := 0; o < z.o && (j.bias != nil || j.activated); o++ {
		if j.bias != nil {
			addTo(dst[o*ld:][:cols], j.bias[o])
		}
		j.activate(dst[o*ld:][:cols])
	}
	if !part {
		s.scatterPlaces(z, j.small, r0, r1)
	}
	j.scratch.Put(s)
}

// betaAfter returns what GEMM keeps of its destination: nothing in the first of several steps of a sum.
func betaAfter[T kernels.Float](step int) T {
	if step == 0 {
		return 0
	}
	return 1
}

// ConvTranspose sets the large image from the small one: a task a block of images and of channels of the large one.
func (c *CPU[T]) ConvTranspose(y, x, weight, bias *Tensor[T], g ConvGeometry) {
	if j := c.takeWinograd(g, y, x, weight); j != nil {
		c.winogradTranspose(j, weight, bias)
		return
	}
	c.convTranspose(c.takeConv(g, y, x, weight), bias)
}

// ConvTransposeLeakyReLU is ConvTranspose, then LeakyReLU of y.
func (c *CPU[T]) ConvTransposeLeakyReLU(y, x, weight, bias *Tensor[T], g ConvGeometry, slope T) {
	if j := c.takeWinograd(g, y, x, weight); j != nil {
		j.activated, j.slope = true, slope
		c.winogradTranspose(j, weight, bias)
		return
	}
	j := c.takeConv(g, y, x, weight)
	j.activated, j.slope = true, slope
	c.convTranspose(j, bias)
}

// convTranspose runs a job from the small image to the large one.
func (c *CPU[T]) convTranspose(j *convJob[T], bias *Tensor[T]) {
	z := &j.z
	if bias != nil {
		sameSize(bias.size, z.c)
		j.bias = bias.Data()
	}
	if z.single {
		kernels.Gemm(c.run, false, false, z.n, z.depth, z.o, 1, j.small, z.o, c.turned(j), z.depth, 0, j.large, z.depth)
		if j.largeLast {
			finishRows(j.large[:z.n*z.depth], z.c, j.bias, j.activated, j.slope)
			c.releaseConv(j)
			return
		}
		for i := range z.n * z.c {
			if j.bias != nil {
				addTo(j.large[i*z.taps:][:z.taps], j.bias[i%z.c])
			}
			j.activate(j.large[i*z.taps:][:z.taps])
		}
		c.releaseConv(j)
		return
	}
	j.images = z.imagesPerBlock()
	j.channels = z.channelsPerBlock(max(1, convDepth/2*convCols/(j.images*z.cols)))
	j.rows = j.images * z.oh
	c.layAll(j)
	c.tasks(ceilDiv(z.n, j.images)*ceilDiv(z.c, j.channels), j.toLarge)
	c.releaseConv(j)
}

// largeBlock sets some channels of some images of the large side.
//
//	patches = weight^T small;  large = bias + the sum of the patches where they overlap
func (j *convJob[T]) largeBlock(task int) {
	z, s := &j.z, j.scratch.Get()
	across := ceilDiv(z.c, j.channels)
	n0, c0 := task/across*j.images, task%across*j.channels
	n1, c1 := min(n0+j.images, z.n), min(c0+j.channels, z.c)
	cols, rows := (n1-n0)*z.cols, (c1-c0)*z.taps
	src, ld := j.places(s, n0*z.oh, cols)
	s.patch = grown(s.patch, rows*cols)
	kernels.Gemm(nil, true, j.smallLast, rows, cols, z.o, 1, j.weight[c0*z.taps:], z.depth, src, ld, 0, s.patch, cols)
	for n := n0; n < n1; n++ {
		for c := c0; c < c1; c++ {
			var bias T
			if j.bias != nil {
				bias = j.bias[c]
			}
			y := j.large[(n*z.c+c)*z.h*z.w:][:z.h*z.w]
			s.scatter(z, y, s.patch[(c-c0)*z.taps*cols:], cols, (n-n0)*z.cols, bias)
			j.activate(y)
		}
	}
	j.scratch.Put(s)
}

// convTasks is the number of tasks that the gradient of a weight is cut into, where channels alone give fewer: as many as can keep 16
// workers busy. Each group of images that this makes has a partial sum of its own.
const convTasks = 16

// ConvWeight adds the gradient of the weight: a task a block of channels of the large image and a group of images.
func (c *CPU[T]) ConvWeight(dweight, small, large *Tensor[T], g ConvGeometry) {
	if small.size == 0 {
		return
	}
	if j := c.takeWinograd(g, large, small, dweight); j != nil {
		c.winogradWeight(j, dweight, nil)
		return
	}
	j := c.takeConv(g, large, small, dweight)
	z := &j.z
	if z.single {
		c.singleWeight(j)
		c.releaseConv(j)
		return
	}
	j.rows, j.channels = z.rowsPerBlock(), z.channelsPerBlock(convDepth)
	blocks := ceilDiv(z.c, j.channels)
	j.groups = max(1, min(ceilDiv(convTasks, blocks), ceilDiv(z.n*z.oh, j.rows)))
	c.layAll(j)
	j.partial = grown(j.partial, j.groups*len(j.weight))
	c.tasks(blocks*j.groups, j.toWeight)
	for k := range j.groups {
		kernels.Axpy(j.weight, 1, j.partial[k*len(j.weight):][:len(j.weight)])
	}
	c.releaseConv(j)
}

// weightBlock sums over one group of images the columns of the gradient that belong to one block of channels.
//
//	weight += small patches(large)^T
func (j *convJob[T]) weightBlock(task int) {
	z, s := &j.z, j.scratch.Get()
	group, c0 := task%j.groups, task/j.groups*j.channels
	c1 := min(c0+j.channels, z.c)
	blocks := ceilDiv(z.n*z.oh, j.rows)
	first, end := group*blocks/j.groups, (group+1)*blocks/j.groups
	dst := j.partial[group*len(j.weight)+c0*z.taps:]
	for b := first; b < end; b++ {
		r0 := b * j.rows
		r1 := min(r0+j.rows, z.n*z.oh)
		cols := (r1 - r0) * z.step
		s.gather(z, j.large, c0, c1, r0, r1)
		src, ld := j.places(s, r0, cols)
		kernels.Gemm(nil, j.smallLast, true, z.o, (c1-c0)*z.taps, cols, 1, src, ld, s.patch, cols, betaAfter[T](b-first), dst, z.depth)
	}
	j.scratch.Put(s)
}

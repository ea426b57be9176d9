package nn

import (
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// Convolutions with windows of 4 x 4, two places apart, by Winograd's algorithm; see [kernels.WinogradMap]. The pixels of the large image
// fall into four phases by the parity of row and column, and each phase is the small image under a window of 2 x 2 of its own: 100
// multiplications for 16 places where the definition has 256. An image of the small side is taken apart into tiles of 5 x 5 that overlap by
// one, the phases of the large one into tiles of 4 x 4. At each of the 25 points, values of a tile are a row of a matrix, and the three
// operations are products of such matrices with channels across:
//
//	large = small filter,  small = large filter^T,  filter = small^T large
//
// Where the tiles are not filled by 4 rows and columns, all phases take the same 5 x 5 inputs, with the odd phases moved by one; else the
// odd phases have inputs of their own, one row or column further.
type winogradSizes struct {
	convSizes
	down, across int // tiles of an image
	tiles        int // down across
	moved        int // 1 where all phases have the same inputs, else 0
	inputs       int // sets of inputs: 1 or 4
	groups       int // of phases that are multiplied at once: as many
	images       int // of a block
	rows         int // of a matrix: tiles of a block

	smallPitch, largePitch int // columns of the padded images
	smallArea, largeArea   int // elements of a channel of them
	small, large, filter   int // elements from one point to the next, of the matrices of each
}

const (
	// winogradChannels is the least number of channels on either side for which the algorithm is taken: below, the transforms cost what the
	// products save. It is taken for one image too, where direct products are faster, so that a picture does not depend on its batch.
	winogradChannels = 16
	// winogradRows is the number of rows of the matrices: eight tiles of the micro-kernel of AVX-512.
	winogradRows = 112
	// winogradGap keeps the points apart by no multiple of 4 KiB, which would share one set of the first level of cache.
	winogradGap = 80

	winogradPoints = 25
	winogradTile   = 4
	winogradPhases = 4
)

// winograd tells whether the algorithm fits, and its sizes.
func (z *convSizes) winograd() (s winogradSizes, ok bool) {
	if !z.windows || z.c < winogradChannels || z.o < winogradChannels {
		return s, false
	}
	s = winogradSizes{convSizes: *z, down: ceilDiv(z.oh, winogradTile), across: ceilDiv(z.ow, winogradTile), inputs: winogradPhases}
	s.tiles = s.down * s.across
	if z.oh%winogradTile != 0 && z.ow%winogradTile != 0 {
		s.moved, s.inputs = 1, 1
	}
	s.groups = s.inputs
	s.images = min(z.n, max(1, winogradRows/s.tiles))
	s.rows = s.images * s.tiles
	s.smallPitch, s.largePitch = winogradTile*s.across+2-s.moved, 2*winogradTile*s.across
	s.smallArea, s.largeArea = (winogradTile*s.down+2-s.moved)*s.smallPitch, 2*winogradTile*s.down*s.largePitch
	s.small = s.rows*s.inputs*z.o + winogradGap
	s.large = s.rows*winogradPhases*z.c + winogradGap
	s.filter = z.o*winogradPhases*z.c + winogradGap
	return s, true
}

// A winogradJob is one or two operations on their way through the runner, block by block of images. It is reused.
type winogradJob[T kernels.Float] struct {
	z                    winogradSizes
	small, large         []T // the images
	weight, bias         []T
	dweight              []T // the gradient of the weight
	activated            bool
	slope                T
	matS, matL           []T // the matrices
	filter, gradient     []T // the filter, and what is added to the gradient of the weight
	first, count         int // images of the block
	toSmall, toLarge     func(task int)
	ofSmall, ofLarge     func(task int)
	ofFilter, toFilter   func(task int)
	times, back, squares func(task int)
	scratch              parallel.Spares[winogradScratch[T]]
}

// takeWinograd returns a job, new or used, where the algorithm fits.
func (c *CPU[T]) takeWinograd(g ConvGeometry, large, small, weight *Tensor[T]) *winogradJob[T] {
	sizes := sizesOf(g, large.shape, small.shape, weight.shape)
	z, ok := sizes.winograd()
	if !ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var j *winogradJob[T]
	if n := len(c.winograds); n > 0 {
		j, c.winograds = c.winograds[n-1], c.winograds[:n-1]
	} else {
		j = new(winogradJob[T])
		j.ofSmall, j.toSmall, j.ofLarge, j.toLarge = j.expandSmall, j.reduceSmall, j.expandLarge, j.reduceLarge
		j.ofFilter, j.toFilter = j.expandFilter, j.reduceFilter
		j.times, j.back, j.squares = j.multiply, j.multiplyBack, j.multiplyFilter
	}
	j.z, j.large, j.small = z, large.Data(), small.Data()
	j.matS, j.matL = grown(j.matS, winogradPoints*z.small), grown(j.matL, winogradPoints*z.large)
	return j
}

// releaseWinograd gives a job back, without its references.
func (c *CPU[T]) releaseWinograd(j *winogradJob[T]) {
	j.large, j.small, j.weight, j.bias, j.dweight, j.activated = nil, nil, nil, nil, nil, false
	c.mu.Lock()
	c.winograds = append(c.winograds, j)
	c.mu.Unlock()
}

// blocks runs stages for each block of images.
func (c *CPU[T]) blocks(j *winogradJob[T], stages func()) {
	for j.first = 0; j.first < j.z.n; j.first += j.z.images {
		j.count = min(j.z.images, j.z.n-j.first)
		stages()
	}
}

// beginWinograd takes the arguments of an operation by a weight, and evaluates its filter.
func (c *CPU[T]) beginWinograd(j *winogradJob[T], weight, bias *Tensor[T], channels int) {
	if bias != nil {
		sameSize(bias.size, channels)
		j.bias = bias.Data()
	}
	j.weight = weight.Data()
	j.filter = grown(j.filter, winogradPoints*j.z.filter)
	c.tasks(j.z.o, j.ofFilter)
}

// winogradConv sets the small image from the large one.
func (c *CPU[T]) winogradConv(j *winogradJob[T], weight, bias *Tensor[T]) {
	c.beginWinograd(j, weight, bias, j.z.o)
	c.blocks(j, func() {
		c.tasks(j.count, j.ofLarge)
		c.tasks(winogradPoints*j.z.groups, j.back)
		c.tasks(j.count, j.toSmall)
	})
	c.releaseWinograd(j)
}

// winogradTranspose sets the large image from the small one.
func (c *CPU[T]) winogradTranspose(j *winogradJob[T], weight, bias *Tensor[T]) {
	c.beginWinograd(j, weight, bias, j.z.c)
	c.blocks(j, func() {
		c.tasks(j.count, j.ofSmall)
		c.tasks(winogradPoints*j.z.groups, j.times)
		c.tasks(j.count, j.toLarge)
	})
	c.releaseWinograd(j)
}

// winogradWeight adds the gradient of the weight. Where after is set it is run for each block, with the matrices of both images at hand.
func (c *CPU[T]) winogradWeight(j *winogradJob[T], dweight *Tensor[T], after func()) {
	j.dweight = dweight.Data()
	j.gradient = grown(j.gradient, winogradPoints*j.z.filter)
	c.blocks(j, func() {
		c.tasks(j.count, j.ofSmall)
		c.tasks(j.count, j.ofLarge)
		c.tasks(winogradPoints*j.z.groups, j.squares)
		if after != nil {
			after()
		}
	})
	if j.z.n > 0 {
		c.tasks(j.z.o, j.toFilter)
	}
	c.releaseWinograd(j)
}

// ConvBackward is ConvWeight and ConvTranspose of dy: it adds to dweight and sets dx.
func (c *CPU[T]) ConvBackward(dx, dweight, dy, x, weight *Tensor[T], g ConvGeometry) {
	j := c.takeWinograd(g, x, dy, weight)
	if j == nil {
		c.ConvWeight(dweight, dy, x, g)
		c.ConvTranspose(dx, dy, weight, nil, g)
		return
	}
	sameSize(dx.size, x.size)
	sameSize(dweight.size, weight.size)
	c.beginWinograd(j, weight, nil, 0)
	c.winogradWeight(j, dweight, func() {
		c.tasks(winogradPoints*j.z.groups, j.times)
		of := j.large
		j.large = dx.Data()
		c.tasks(j.count, j.toLarge)
		j.large = of
	})
}

// ConvTransposeBackward is ConvWeight and Conv of dy: it adds to dweight and sets dx.
func (c *CPU[T]) ConvTransposeBackward(dx, dweight, dy, x, weight *Tensor[T], g ConvGeometry) {
	j := c.takeWinograd(g, dy, x, weight)
	if j == nil {
		c.ConvWeight(dweight, x, dy, g)
		c.Conv(dx, dy, weight, nil, g)
		return
	}
	sameSize(dx.size, x.size)
	sameSize(dweight.size, weight.size)
	c.beginWinograd(j, weight, nil, 0)
	c.winogradWeight(j, dweight, func() {
		c.tasks(winogradPoints*j.z.groups, j.back)
		of := j.small
		j.small = dx.Data()
		c.tasks(j.count, j.toSmall)
		j.small = of
	})
}

// product is what the products of one task have in common: the matrices of its point from the columns of its group on, the small and the
// large one and the filter or its gradient; the rows of both, and the columns of the group.
func (j *winogradJob[T]) product(task int, filters []T) (small, large, filter []T, rows, width int) {
	z := &j.z
	point, group := task/z.groups, task%z.groups
	width = winogradPhases / z.groups * z.c
	return j.matS[point*z.small+group*z.o:], j.matL[point*z.large+group*width:], filters[point*z.filter+group*width:], j.count * z.tiles, width
}

// multiply sets the large matrix of one point.
//
//	large = small filter
func (j *winogradJob[T]) multiply(task int) {
	small, large, filter, rows, width := j.product(task, j.filter)
	z, across := &j.z, winogradPhases*j.z.c
	kernels.Gemm(nil, false, false, rows, width, z.o, 1, small, z.inputs*z.o, filter, across, 0, large, across)
}

// multiplyBack sets the small matrix of one point.
//
//	small = large filter^T
func (j *winogradJob[T]) multiplyBack(task int) {
	small, large, filter, rows, width := j.product(task, j.filter)
	z, across := &j.z, winogradPhases*j.z.c
	kernels.Gemm(nil, false, true, rows, z.o, width, 1, large, across, filter, across, 0, small, z.inputs*z.o)
}

// multiplyFilter adds up the gradient of the filter at one point.
//
//	filter += small^T large
func (j *winogradJob[T]) multiplyFilter(task int) {
	small, large, filter, rows, width := j.product(task, j.gradient)
	z, across := &j.z, winogradPhases*j.z.c
	kernels.Gemm(nil, true, false, z.o, width, rows, 1, small, z.inputs*z.o, large, across, betaAfter[T](j.first), filter, across)
}

// A winogradScratch is the memory of one image.
type winogradScratch[T kernels.Float] struct {
	flat   []T // a pixel a row, a channel a column
	padded []T // the same with the border of the tiles
}

// eachSmall calls f for each tile of inputs with its place in the padded image and in the matrix.
func (j *winogradJob[T]) eachSmall(task int, f func(image, matrix int)) {
	z := &j.z
	for t := range z.tiles {
		for k := range z.inputs {
			row, col := winogradTile*(t/z.across)+k/2, winogradTile*(t%z.across)+k%2
			f((row*z.smallPitch+col)*z.o, ((task*z.tiles+t)*z.inputs+k)*z.o)
		}
	}
}

// expandSmall evaluates the tiles of one small image.
func (j *winogradJob[T]) expandSmall(task int) {
	z, s := &j.z, j.scratch.Get()
	s.flat, s.padded = grown(s.flat, z.place*z.o), grown(s.padded, z.smallArea*z.o)
	kernels.Transpose(s.flat, z.o, j.small[(j.first+task)*z.o*z.place:], z.place, z.o, z.place)
	clear(s.padded)
	for y := range z.oh {
		copy(s.padded[((y+1)*z.smallPitch+1)*z.o:], s.flat[y*z.ow*z.o:][:z.ow*z.o])
	}
	j.eachSmall(task, func(image, matrix int) {
		kernels.WinogradExpand(kernels.WinogradInput, j.matS[matrix:], z.small, s.padded[image:], z.smallPitch*z.o, z.o, z.o)
	})
	j.scratch.Put(s)
}

// reduceSmall undoes expandSmall: it sets one small image.
func (j *winogradJob[T]) reduceSmall(task int) {
	z, s := &j.z, j.scratch.Get()
	s.flat, s.padded = grown(s.flat, z.place*z.o), grown(s.padded, z.smallArea*z.o)
	clear(s.padded)
	j.eachSmall(task, func(image, matrix int) {
		kernels.WinogradReduce(kernels.WinogradInput, s.padded[image:], z.smallPitch*z.o, z.o, j.matS[matrix:], z.small, z.o)
	})
	for y := range z.oh {
		copy(s.flat[y*z.ow*z.o:][:z.ow*z.o], s.padded[((y+1)*z.smallPitch+1)*z.o:])
	}
	dst := j.small[(j.first+task)*z.o*z.place:][:z.o*z.place]
	kernels.Transpose(dst, z.place, s.flat, z.o, z.place, z.o)
	j.finish(dst, z.place)
	j.scratch.Put(s)
}

// eachLarge calls f for each tile of a phase with its place in the padded image and in the matrix.
func (j *winogradJob[T]) eachLarge(task int, f func(image, matrix int)) {
	z := &j.z
	for t := range z.tiles {
		for k := range winogradPhases {
			row, col := 2*winogradTile*(t/z.across)+(k/2^z.moved), 2*winogradTile*(t%z.across)+(k%2^z.moved)
			f((row*z.largePitch+col)*z.c, ((task*z.tiles+t)*winogradPhases+k)*z.c)
		}
	}
}

// expandLarge evaluates the tiles of one large image.
func (j *winogradJob[T]) expandLarge(task int) {
	z, s := &j.z, j.scratch.Get()
	size := z.h * z.w
	s.flat, s.padded = grown(s.flat, size*z.c), grown(s.padded, z.largeArea*z.c)
	kernels.Transpose(s.flat, z.c, j.large[(j.first+task)*z.c*size:], size, z.c, size)
	clear(s.padded)
	for y := range z.h {
		copy(s.padded[((y+z.moved)*z.largePitch+z.moved)*z.c:], s.flat[y*z.w*z.c:][:z.w*z.c])
	}
	j.eachLarge(task, func(image, matrix int) {
		kernels.WinogradExpand(kernels.WinogradOutput, j.matL[matrix:], z.large, s.padded[image:], 2*z.largePitch*z.c, 2*z.c, z.c)
	})
	j.scratch.Put(s)
}

// reduceLarge undoes expandLarge: it sets one large image.
func (j *winogradJob[T]) reduceLarge(task int) {
	z, s := &j.z, j.scratch.Get()
	size := z.h * z.w
	s.flat, s.padded = grown(s.flat, size*z.c), grown(s.padded, z.largeArea*z.c)
	j.eachLarge(task, func(image, matrix int) {
		kernels.WinogradReduce(kernels.WinogradOutput, s.padded[image:], 2*z.largePitch*z.c, 2*z.c, j.matL[matrix:], z.large, z.c)
	})
	for y := range z.h {
		copy(s.flat[y*z.w*z.c:][:z.w*z.c], s.padded[((y+z.moved)*z.largePitch+z.moved)*z.c:])
	}
	dst := j.large[(j.first+task)*z.c*size:][:z.c*size]
	kernels.Transpose(dst, size, s.flat, z.c, size, z.c)
	j.finish(dst, size)
	j.scratch.Put(s)
}

// finish applies bias and activation to an image whose channels have size pixels.
func (j *winogradJob[T]) finish(y []T, size int) {
	for c, b := range j.bias {
		addTo(y[c*size:][:size], b)
	}
	if j.activated {
		kernels.LeakyReLU(y, y, j.slope)
	}
}

// eachFilter calls f for each phase with the first of its 2 x 2 elements of the window, and its place in the filter of channel o.
func (j *winogradJob[T]) eachFilter(o int, f func(tap, matrix int)) {
	for k := range winogradPhases {
		f(4*(1-k/2)+1-k%2, (winogradPhases*o+k)*j.z.c)
	}
}

// expandFilter evaluates the weights of one channel of the small image.
func (j *winogradJob[T]) expandFilter(o int) {
	z, s := &j.z, j.scratch.Get()
	s.flat = grown(s.flat, z.depth)
	kernels.Transpose(s.flat, z.c, j.weight[o*z.depth:], z.taps, z.c, z.taps)
	j.eachFilter(o, func(tap, matrix int) {
		kernels.WinogradExpand(kernels.WinogradFilter, j.filter[matrix:], z.filter, s.flat[tap*z.c:], 8*z.c, 2*z.c, z.c)
	})
	j.scratch.Put(s)
}

// reduceFilter undoes expandFilter: it adds the gradient of the filter to that of the weights of one channel.
func (j *winogradJob[T]) reduceFilter(o int) {
	z, s := &j.z, j.scratch.Get()
	s.flat, s.padded = grown(s.flat, z.depth), grown(s.padded, z.depth)
	clear(s.flat)
	j.eachFilter(o, func(tap, matrix int) {
		kernels.WinogradReduce(kernels.WinogradFilter, s.flat[tap*z.c:], 8*z.c, 2*z.c, j.gradient[matrix:], z.filter, z.c)
	})
	kernels.Transpose(s.padded, z.taps, s.flat, z.c, z.taps, z.c)
	kernels.Axpy(j.dweight[o*z.depth:][:z.depth], 1, s.padded[:z.depth])
	j.scratch.Put(s)
}

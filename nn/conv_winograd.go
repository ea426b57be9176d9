package nn

import (
	"github.com/sinkcpu/sinkcpu/internal/convolution"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// Convolutions with windows of 4 x 4, two places apart, by Winograd's algorithm; see [convolution.Map]. The pixels of the large image
// fall into four phases by the parity of row and column, and each phase is the product, as polynomials in two variables, of the small image
// and a window of 2 x 2 of its own: 100 multiplications for 16 places where the definition has 256. An image of the small side is taken apart
// into tiles of 4 x 4, whose products with the windows are 5 x 5 pixels of each phase and overlap by one; where phases are longer than the
// image, what is outside is dropped. Where sides are no multiple of 4, some tiles have 3 rows or columns. At each of the 25 points, values of a
// tile are a row of a matrix, one column a channel and, on the large side, a phase, and the three operations are products of such matrices:
//
//	large = small filter,  small = large filter^T,  filter = small^T large
type winogradSizes struct {
	convSizes
	down, across winogradCut // of an image
	tiles        int         // of an image
	groups       [4]int      // tiles of an image in each group
	images       int         // of a block
	rows         int         // of a matrix: tiles of a block
	phased       int         // 4 c, the columns of the large matrix

	smallPitch, largePitch int // columns of the images with the borders that fill the tiles
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
	// winogradGroups is the number of tasks that the product at one point is cut into, so that 25 points keep more workers busy.
	winogradGroups = 2

	winogradLine   = 5 // points along a side, the last at infinity
	winogradPoints = winogradLine * winogradLine
	winogradTile   = 4
	winogradPhases = 4
)

// winograd tells whether the algorithm fits, and its sizes.
func (z *convSizes) winograd() (s winogradSizes, ok bool) {
	if !z.windows || z.c < winogradChannels || z.o < winogradChannels {
		return s, false
	}
	s = winogradSizes{convSizes: *z, down: winogradCutOf(z.oh), across: winogradCutOf(z.ow)}
	s.tiles = s.down.tiles * s.across.tiles
	for t := range s.tiles {
		s.groups[s.tile(t).group]++
	}
	s.images = min(z.n, max(1, winogradRows/s.tiles))
	s.rows = s.images * s.tiles
	s.phased = winogradPhases * z.c
	s.smallPitch, s.largePitch = s.across.length(), 2*s.across.length()+2
	s.smallArea, s.largeArea = s.down.length()*s.smallPitch, (2*s.down.length()+2)*s.largePitch
	s.small = s.rows*z.o + winogradGap
	s.large = s.rows*s.phased + winogradGap
	s.filter = z.o*s.phased + winogradGap
	return s, true
}

// A winogradCut is a side of an image cut into tiles, the first of them whole, the others of one row or column less.
type winogradCut struct{ tiles, whole int }

func winogradCutOf(n int) winogradCut {
	tiles := ceilDiv(n, winogradTile)
	return winogradCut{tiles, max(0, n-(winogradTile-1)*tiles)}
}

// length returns the rows or columns of all tiles, which is more than those of the image for 1, 2 and 5.
func (c winogradCut) length() int { return (winogradTile-1)*c.tiles + c.whole }

// side returns the length of tile i, and where it begins.
func (c winogradCut) side(i int) (n, at int) {
	at = (winogradTile-1)*i + min(i, c.whole)
	if i < c.whole {
		return winogradTile, at
	}
	return winogradTile - 1, at
}

// A winogradPart is a tile of an image. Tiles come in groups, so that the matrices of the points at infinity, at which tiles that are not whole
// have no values, are contiguous rows: not whole columns, whole, not whole rows, neither.
type winogradPart struct{ row, col, rows, cols, group int }

// tile returns tile t of an image.
func (z *winogradSizes) tile(t int) (p winogradPart) {
	p.rows, p.row = z.down.side(t / z.across.tiles)
	p.cols, p.col = z.across.side(t % z.across.tiles)
	switch {
	case p.rows == winogradTile && p.cols < winogradTile:
		p.group = 0
	case p.rows == winogradTile:
		p.group = 1
	case p.cols == winogradTile:
		p.group = 2
	default:
		p.group = 3
	}
	return p
}

// span returns the rows of the matrices of a point, for that many images.
func (z *winogradSizes) span(point, images int) (lo, hi int) {
	first, last := 0, 3
	if point/winogradLine == winogradLine-1 {
		last = 1
	}
	if point%winogradLine == winogradLine-1 {
		first, last = 1, min(last, 2)
	}
	for g, n := range z.groups {
		if g < first {
			lo += n * images
		}
		if g <= last {
			hi += n * images
		}
	}
	return lo, hi
}

// A winogradJob is one or two operations on their way through the runner, block by block of images. It is reused.
type winogradJob[T kernels.Float] struct {
	z                    winogradSizes
	small, large         []T  // the images
	smallLast, largeLast bool // whether their channels are last
	weight, bias         []T
	dweight              []T // the gradient of the weight
	activated            bool
	slope                T
	matS, matL           []T // the matrices
	filter, gradient     []T // the filter or its transpose, and what is added to the gradient of the weight
	first, count         int // images of the block
	toSmall, toLarge     func(task int)
	ofSmall, ofLarge     func(task int)
	ofFilter, ofFilterT  func(task int)
	toFilter             func(task int)
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
		j.ofFilter, j.ofFilterT, j.toFilter = j.expandFilter, j.expandFilterT, j.reduceFilter
		j.times, j.back, j.squares = j.multiply, j.multiplyBack, j.multiplyFilter
	}
	j.z, j.large, j.small = z, large.Data(), small.Data()
	j.largeLast, j.smallLast = large.channelsLast, small.channelsLast
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

// begin takes the arguments of an operation by a weight.
func (j *winogradJob[T]) begin(weight, bias *Tensor[T], channels int) {
	if bias != nil {
		sameSize(bias.size, channels)
		j.bias = bias.Data()
	}
	j.weight = weight.Data()
	j.filter = grown(j.filter, winogradPoints*j.z.filter)
}

// winogradConv sets the small image from the large one.
func (c *CPU[T]) winogradConv(j *winogradJob[T], weight, bias *Tensor[T]) {
	j.begin(weight, bias, j.z.o)
	c.tasks(ceilDiv(j.z.c, winogradTurned), j.ofFilterT)
	c.blocks(j, func() {
		c.tasks(j.count, j.ofLarge)
		c.tasks(winogradPoints*winogradGroups, j.back)
		c.tasks(j.count, j.toSmall)
	})
	c.releaseWinograd(j)
}

// winogradTranspose sets the large image from the small one.
func (c *CPU[T]) winogradTranspose(j *winogradJob[T], weight, bias *Tensor[T]) {
	j.begin(weight, bias, j.z.c)
	c.tasks(j.z.o, j.ofFilter)
	c.blocks(j, func() {
		c.tasks(j.count, j.ofSmall)
		c.tasks(winogradPoints*winogradGroups, j.times)
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
		c.tasks(winogradPoints*winogradGroups, j.squares)
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
	j.begin(weight, nil, 0)
	c.tasks(j.z.o, j.ofFilter)
	c.winogradWeight(j, dweight, func() {
		c.tasks(winogradPoints*winogradGroups, j.times)
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
	j.begin(weight, nil, 0)
	c.tasks(ceilDiv(j.z.c, winogradTurned), j.ofFilterT)
	c.winogradWeight(j, dweight, func() {
		c.tasks(winogradPoints*winogradGroups, j.back)
		of := j.small
		j.small = dx.Data()
		c.tasks(j.count, j.toSmall)
		j.small = of
	})
}

// product returns the point of a task, and which of n columns its group takes.
func (j *winogradJob[T]) product(task, n int) (point, lo, hi int) {
	point, group := task/winogradGroups, task%winogradGroups
	return point, group * n / winogradGroups, (group + 1) * n / winogradGroups
}

// multiply sets the large matrix of one point.
//
//	large = small filter
func (j *winogradJob[T]) multiply(task int) {
	z := &j.z
	point, lo, hi := j.product(task, z.phased)
	first, end := z.span(point, j.count)
	kernels.Gemm(nil, false, false, end-first, hi-lo, z.o, 1, j.matS[point*z.small+first*z.o:], z.o,
		j.filter[point*z.filter+lo:], z.phased, 0, j.matL[point*z.large+first*z.phased+lo:], z.phased)
}

// multiplyBack sets the small matrix of one point.
//
//	small = large filter^T
func (j *winogradJob[T]) multiplyBack(task int) {
	z := &j.z
	point, lo, hi := j.product(task, z.o)
	first, end := z.span(point, j.count)
	kernels.Gemm(nil, false, false, end-first, hi-lo, z.phased, 1, j.matL[point*z.large+first*z.phased:], z.phased,
		j.filter[point*z.filter+lo:], z.o, 0, j.matS[point*z.small+first*z.o+lo:], z.o)
}

// multiplyFilter adds up the gradient of the filter at one point.
//
//	filter += small^T large
func (j *winogradJob[T]) multiplyFilter(task int) {
	z := &j.z
	point, lo, hi := j.product(task, z.phased)
	first, end := z.span(point, j.count)
	kernels.Gemm(nil, true, false, z.o, hi-lo, end-first, 1, j.matS[point*z.small+first*z.o:], z.o, j.matL[point*z.large+first*z.phased+lo:], z.phased,
		betaAfter[T](j.first), j.gradient[point*z.filter+lo:], z.phased)
}

// A winogradScratch is the memory of one image.
type winogradScratch[T kernels.Float] struct {
	flat   []T // a pixel a row, a channel a column
	padded []T // the same with the border of the tiles
}

// pixels returns an image of that many pixels and channels with channels last: a part of images, or laid out in scratch.
func (s *winogradScratch[T]) pixels(images []T, last bool, image, size, channels int) []T {
	x := images[image*size*channels:][:size*channels]
	if last {
		return x
	}
	s.flat = grown(s.flat, size*channels)
	kernels.Transpose(s.flat, channels, x, size, channels, size)
	return s.flat
}

// eachTile calls f for each tile with the row of the matrices that is that of image task of the block.
func (j *winogradJob[T]) eachTile(task int, f func(p winogradPart, row int)) {
	z := &j.z
	var next [4]int // the row of the next tile of each group
	for g, at := 0, 0; g < len(next); g++ {
		next[g] = at + task*z.groups[g]
		at += z.groups[g] * j.count
	}
	for t := range z.tiles {
		p := z.tile(t)
		f(p, next[p.group])
		next[p.group]++
	}
}

// expandSmall evaluates the tiles of one small image.
func (j *winogradJob[T]) expandSmall(task int) {
	z, s := &j.z, j.scratch.Get()
	x := s.pixels(j.small, j.smallLast, j.first+task, z.place, z.o)
	if z.smallArea != z.place {
		s.padded = grown(s.padded, z.smallArea*z.o)
		clear(s.padded[:z.smallArea*z.o])
		for y := range z.oh {
			copy(s.padded[y*z.smallPitch*z.o:], x[y*z.ow*z.o:][:z.ow*z.o])
		}
		x = s.padded
	}
	j.eachTile(task, func(p winogradPart, row int) {
		convolution.Of[T]().Expand(convolution.Output, p.rows, p.cols, j.matS[row*z.o:], z.small,
			x[(p.row*z.smallPitch+p.col)*z.o:], z.smallPitch*z.o, z.o, z.o)
	})
	j.scratch.Put(s)
}

// reduceSmall undoes expandSmall: it sets one small image.
func (j *winogradJob[T]) reduceSmall(task int) {
	z, s := &j.z, j.scratch.Get()
	dst := j.small[(j.first+task)*z.o*z.place:][:z.o*z.place]
	flat := dst
	if !j.smallLast {
		s.flat = grown(s.flat, z.place*z.o)
		flat = s.flat
	}
	x := flat
	if z.smallArea != z.place {
		s.padded = grown(s.padded, z.smallArea*z.o)
		x = s.padded
	}
	j.eachTile(task, func(p winogradPart, row int) {
		convolution.Of[T]().Reduce(convolution.Output, p.rows, p.cols, x[(p.row*z.smallPitch+p.col)*z.o:], z.smallPitch*z.o, z.o,
			j.matS[row*z.o:], z.small, z.o)
	})
	if z.smallArea != z.place {
		for y := range z.oh {
			copy(flat[y*z.ow*z.o:][:z.ow*z.o], x[y*z.smallPitch*z.o:])
		}
	}
	j.finish(dst, flat, j.smallLast, z.place, z.o)
	j.scratch.Put(s)
}

// ofLarge returns where the pixels of a phase that belong to a tile begin in the image with its border. Row t of an even phase is row 2t of
// the image, row t of an odd one row 2t-1.
func (z *winogradSizes) ofLarge(p winogradPart, phase int) int {
	return ((2*p.row+1-phase/2)*z.largePitch + 2*p.col + 1 - phase%2) * z.c
}

// expandLarge evaluates the tiles of one large image.
func (j *winogradJob[T]) expandLarge(task int) {
	z, s := &j.z, j.scratch.Get()
	x := s.pixels(j.large, j.largeLast, j.first+task, z.h*z.w, z.c)
	s.padded = grown(s.padded, z.largeArea*z.c)
	clear(s.padded[:z.largeArea*z.c])
	for y := range z.h {
		copy(s.padded[((y+1)*z.largePitch+1)*z.c:], x[y*z.w*z.c:][:z.w*z.c])
	}
	j.eachTile(task, func(p winogradPart, row int) {
		for k := range winogradPhases {
			convolution.Of[T]().Expand(convolution.Input, p.rows+1, p.cols+1, j.matL[(row*winogradPhases+k)*z.c:], z.large,
				s.padded[z.ofLarge(p, k):], 2*z.largePitch*z.c, 2*z.c, z.c)
		}
	})
	j.scratch.Put(s)
}

// reduceLarge undoes expandLarge: it sets one large image.
func (j *winogradJob[T]) reduceLarge(task int) {
	z, s := &j.z, j.scratch.Get()
	size := z.h * z.w
	s.padded = grown(s.padded, z.largeArea*z.c)
	clear(s.padded[:z.largeArea*z.c])
	j.eachTile(task, func(p winogradPart, row int) {
		for k := range winogradPhases {
			convolution.Of[T]().Reduce(convolution.Input, p.rows+1, p.cols+1, s.padded[z.ofLarge(p, k):], 2*z.largePitch*z.c, 2*z.c,
				j.matL[(row*winogradPhases+k)*z.c:], z.large, z.c)
		}
	})
	dst := j.large[(j.first+task)*z.c*size:][:z.c*size]
	flat := dst
	if !j.largeLast {
		s.flat = grown(s.flat, size*z.c)
		flat = s.flat
	}
	for y := range z.h {
		copy(flat[y*z.w*z.c:][:z.w*z.c], s.padded[((y+1)*z.largePitch+1)*z.c:])
	}
	j.finish(dst, flat, j.largeLast, size, z.c)
	j.scratch.Put(s)
}

// finish brings an image of that many pixels, laid out with channels last, to where it belongs, and applies bias and activation.
func (j *winogradJob[T]) finish(dst, flat []T, last bool, size, channels int) {
	if last {
		finishRows(dst, channels, j.bias, j.activated, j.slope)
		return
	}
	kernels.Transpose(dst, size, flat, channels, size, channels)
	for c, b := range j.bias {
		addTo(dst[c*size:][:size], b)
	}
	if j.activated {
		kernels.LeakyReLU(dst, dst, j.slope)
	}
}

// finishRows applies bias and activation to pixels whose channels are last.
func finishRows[T kernels.Float](y []T, channels int, bias []T, activated bool, slope T) {
	switch {
	case bias != nil && activated:
		kernels.AddRowLeakyReLU(y, channels, len(y)/channels, bias, slope)
	case bias != nil:
		kernels.AddRow(y, channels, len(y)/channels, bias)
	case activated:
		kernels.LeakyReLU(y, y, slope)
	}
}

// eachFilter calls f for each phase with the first of its 2 x 2 elements of the window, and its number. The elements of the window are in
// reverse order.
func eachFilter(f func(tap, phase int)) {
	for k := range winogradPhases {
		f(4*(k/2)+k%2, k)
	}
}

// turned lays the windows of n channels, ld apart in w, into scratch: an element of the window a row, in reverse order.
func (s *winogradScratch[T]) turned(w []T, ld, n, taps int) {
	s.flat, s.padded = grown(s.flat, taps*n), grown(s.padded, taps*n)
	kernels.Transpose(s.padded, n, w, ld, n, taps)
	turn(s.flat, s.padded, n, taps)
}

// turn copies rows of n elements in reverse order.
func turn[T kernels.Float](dst, src []T, n, rows int) {
	for k := range rows {
		copy(dst[k*n:][:n], src[(rows-1-k)*n:])
	}
}

// expandFilter evaluates the weights of one channel of the small image.
func (j *winogradJob[T]) expandFilter(o int) {
	z, s := &j.z, j.scratch.Get()
	s.turned(j.weight[o*z.depth:], z.taps, z.c, z.taps)
	eachFilter(func(tap, phase int) {
		convolution.Of[T]().Expand(convolution.Filter, 2, 2, j.filter[(winogradPhases*o+phase)*z.c:], z.filter, s.flat[tap*z.c:], 8*z.c, 2*z.c, z.c)
	})
	j.scratch.Put(s)
}

// winogradTurned is the number of channels whose weights are read at once for the transpose of the filter: pieces of 256 bytes.
const winogradTurned = 4

// expandFilterT evaluates the weights of some channels of the large image, for the transpose of the filter.
func (j *winogradJob[T]) expandFilterT(task int) {
	z, s := &j.z, j.scratch.Get()
	c0 := task * winogradTurned
	n := min(winogradTurned, z.c-c0)
	s.turned(j.weight[c0*z.taps:], z.depth, z.o, n*z.taps)
	for k := range n {
		window, c := s.flat[k*z.taps*z.o:], c0+n-1-k // the channels are in reverse order too
		eachFilter(func(tap, phase int) {
			convolution.Of[T]().Expand(convolution.Filter, 2, 2, j.filter[(phase*z.c+c)*z.o:], z.filter, window[tap*z.o:], 8*z.o, 2*z.o, z.o)
		})
	}
	j.scratch.Put(s)
}

// reduceFilter undoes expandFilter: it adds the gradient of the filter to that of the weights of one channel.
func (j *winogradJob[T]) reduceFilter(o int) {
	z, s := &j.z, j.scratch.Get()
	s.flat, s.padded = grown(s.flat, z.depth), grown(s.padded, z.depth)
	clear(s.padded[:z.depth])
	eachFilter(func(tap, phase int) {
		convolution.Of[T]().Reduce(convolution.Filter, 2, 2, s.padded[tap*z.c:], 8*z.c, 2*z.c, j.gradient[(winogradPhases*o+phase)*z.c:], z.filter, z.c)
	})
	turn(s.flat, s.padded, z.c, z.taps)
	kernels.Transpose(s.padded, z.taps, s.flat, z.c, z.taps, z.c)
	kernels.Axpy(j.dweight[o*z.depth:][:z.depth], 1, s.padded[:z.depth])
	j.scratch.Put(s)
}

package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// Batch normalisation of images: a task takes a block of them, and some of the channels where the images are few, plane after plane in the
// order of memory. Going through all images for one channel after the other misses the caches and the tables of pages at each plane.

// planeTasks is the number of tasks that images are cut into at most; each has sums of its own.
const planeTasks = 64

// A planeBlock is the images n0 to n1-1 and the channels c0 to c1-1 of a task.
type planeBlock struct{ n0, n1, c0, c1 int }

// planeBlocks returns the number of blocks of images, and of those of channels in each.
func (t *task[T]) planeBlocks() (down, across int) {
	down = min(t.n, planeTasks)
	return down, min(t.rows, ceilDiv(planeTasks, max(1, down)))
}

// planeBlock returns what task i works on, and its block of images.
func (t *task[T]) planeBlock(i int) (b planeBlock, image int) {
	down, across := t.planeBlocks()
	image, i = i/across, i%across
	return planeBlock{image * t.n / down, (image + 1) * t.n / down, i * t.rows / across, (i + 1) * t.rows / across}, image
}

// doPlanes runs all tasks of an operation on images.
func (c *CPU[T]) doPlanes(t *task[T], op opcode) {
	down, across := t.planeBlocks()
	t.op = op
	c.do(t, down*across)
}

// planeSums makes room for two sums of each channel and block of images, and coefficients of the channels and a plane for each task.
func (t *task[T]) planeSums() {
	down, across := t.planeBlocks()
	t.sums = sumsOf(t.sums, 2*down*t.rows)
	t.w = t.scratchOf(coefficients*t.rows + down*across*t.cols)
}

// coefficients is the number of those that undo a normalisation.
const coefficients = 3

// sumsAt returns the two sums of a channel in a block of images.
func (t *task[T]) sumsAt(image, c int) []float64 { return t.sums[2*(image*t.rows+c):][:2] }

// planeMoments takes the moments of the planes while each is at hand, and joins them. Source: Chan, Golub and LeVeque 1979.
func (c *CPU[T]) planeMoments(t *task[T]) {
	t.planeSums()
	c.doPlanes(t, opChannelMoments)
	down, _ := t.planeBlocks()
	for ch := range t.rows {
		var m summary
		for i := range down {
			s := t.sumsAt(i, ch)
			m.join(summary{float64(((i+1)*t.n/down - i*t.n/down) * t.cols), s[0], s[1]})
		}
		t.norm.mean[ch], t.norm.variance[ch] = T(m.mean), T(m.squares/m.count)
	}
}

// A summary is the number of some values, their mean, and the sum of the squares of their distances from it.
type summary struct{ count, mean, squares float64 }

// join adds other values.
func (m *summary) join(o summary) {
	count := m.count + o.count
	d := o.mean - m.mean
	m.mean += d * o.count / count
	m.squares += o.squares + d*d*m.count*o.count/count
	m.count = count
}

// blockMoments leaves the mean of each channel of a block and the sum of the squared distances from it.
func (t *task[T]) blockMoments(i int) {
	b, image := t.planeBlock(i)
	clear(t.sums[2*(image*t.rows+b.c0) : 2*(image*t.rows+b.c1)])
	for n := b.n0; n < b.n1; n++ {
		for c := b.c0; c < b.c1; c++ {
			lo, hi := t.channel(n, c)
			s := t.sumsAt(image, c)
			m := summary{float64((n - b.n0) * t.cols), s[0], s[1]}
			mean := float64(kernels.Sum(t.x[lo:hi])) / float64(t.cols)
			m.join(summary{float64(t.cols), mean, float64(kernels.SquaredDeviations(t.x[lo:hi], T(mean)))})
			s[0], s[1] = m.mean, m.squares
		}
	}
}

// planesNormalize normalises a block.
func (t *task[T]) planesNormalize(i int) {
	b, _ := t.planeBlock(i)
	a := &t.norm
	for n := b.n0; n < b.n1; n++ {
		for c := b.c0; c < b.c1; c++ {
			lo, hi := t.channel(n, c)
			kernels.Normalize(t.y[lo:hi], t.x[lo:hi], a.scale(c), a.mean[c], a.bias[c])
			if a.activated {
				kernels.LeakyReLU(t.y[lo:hi], t.y[lo:hi], t.alpha)
			}
		}
	}
}

// planesBackward undoes planesNormalize. With r = 1/sqrt(variance + eps), h = (x - mean) r and M elements in the channel,
//
//	dbias += sum dy;  dweight += sum dy h
//	dx = weight r (dy - sum(dy)/M - h sum(dy h)/M), the sums only where mean and variance come from x
func (c *CPU[T]) planesBackward(t *task[T]) {
	t.planeSums()
	down, _ := t.planeBlocks()
	sums := t.norm.batch || t.norm.dweight != nil
	if sums {
		c.doPlanes(t, opChannelProducts)
	}
	for ch := range t.rows {
		var sum, product float64
		for i := 0; i < down && sums; i++ {
			s := t.sumsAt(i, ch)
			sum, product = sum+s[0], product+s[1]
		}
		k := t.w[coefficients*ch:]
		k[0], k[1], k[2] = t.undo(ch, sum, product)
	}
	if t.y != nil {
		c.doPlanes(t, opChannelNormalizeBackward)
	}
}

// blockProducts leaves sum dy and sum dy (x - mean) of each channel of a block.
func (t *task[T]) blockProducts(i int) {
	b, image := t.planeBlock(i)
	a, plane := &t.norm, t.w[coefficients*t.rows+i*t.cols:][:t.cols]
	clear(t.sums[2*(image*t.rows+b.c0) : 2*(image*t.rows+b.c1)])
	for n := b.n0; n < b.n1; n++ {
		for c := b.c0; c < b.c1; c++ {
			lo, hi := t.channel(n, c)
			dy := t.z[lo:hi]
			if a.activated {
				kernels.LeakyReLUBackward(plane, dy, a.out[lo:hi], t.alpha)
				dy = plane
			}
			sum, product := kernels.DeviationProducts(dy, t.x[lo:hi], a.mean[c])
			s := t.sumsAt(image, c)
			s[0], s[1] = s[0]+float64(sum), s[1]+float64(product)
		}
	}
}

// blockBackward sets dx of a block.
func (t *task[T]) blockBackward(i int) {
	b, _ := t.planeBlock(i)
	a := &t.norm
	for n := b.n0; n < b.n1; n++ {
		for c := b.c0; c < b.c1; c++ {
			lo, hi := t.channel(n, c)
			dx, dy := t.y[lo:hi], t.z[lo:hi]
			if a.activated {
				kernels.LeakyReLUBackward(dx, dy, a.out[lo:hi], t.alpha)
				dy = dx
			}
			k := t.w[coefficients*c:]
			kernels.NormalizeBackward(dx, dy, t.x[lo:hi], k[0], k[1], a.mean[c], k[2])
		}
	}
}

package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// Convolutions whose window covers the image: the small image is a vector of each image, the large one the patch, and all are products of
// matrices. Where the channels of the large image are last, so are those of the weight that it is multiplied by.

// turned returns the weight with its elements in the order of the large image.
func (c *CPU[T]) turned(j *convJob[T]) []T {
	if !j.largeLast {
		return j.weight
	}
	j.partial = grown(j.partial, len(j.weight))
	c.tasks(j.z.o, j.turn)
	return j.partial
}

// turnChannel brings the channels of the large image last in the weight of one channel of the small one.
func (j *convJob[T]) turnChannel(o int) {
	z := &j.z
	kernels.Transpose(j.partial[o*z.depth:], z.c, j.weight[o*z.depth:], z.taps, z.c, z.taps)
}

// singleWeight adds the gradient of the weight.
func (c *CPU[T]) singleWeight(j *convJob[T]) {
	z := &j.z
	if !j.largeLast {
		kernels.Gemm(c.run, true, false, z.o, z.depth, z.n, 1, j.small, z.o, j.large, z.depth, 1, j.weight, z.depth)
		return
	}
	j.partial = grown(j.partial, len(j.weight))
	kernels.Gemm(c.run, true, false, z.o, z.depth, z.n, 1, j.small, z.o, j.large, z.depth, 0, j.partial, z.depth)
	c.tasks(z.o, j.turnBack)
}

// addTurned undoes turnChannel for the gradient.
func (j *convJob[T]) addTurned(o int) {
	z, s := &j.z, j.scratch.Get()
	s.patch = grown(s.patch, z.depth)
	kernels.Transpose(s.patch, z.taps, j.partial[o*z.depth:], z.c, z.taps, z.c)
	kernels.Axpy(j.weight[o*z.depth:][:z.depth], 1, s.patch[:z.depth])
	j.scratch.Put(s)
}

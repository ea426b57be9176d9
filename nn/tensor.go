package nn

import (
	"fmt"
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Tensor is an array of one or more dimensions, its elements contiguous and row-major in a [Storage].
//
// Where an operation needs a matrix, a tensor is one of [Tensor.Rows] by [Tensor.Cols]: the last dimension against the product of the
// others.
type Tensor[T kernels.Float] struct {
	shape   []int
	size    int
	storage Storage[T]
	offset  int
	host    []T // the elements, nil on a device

	channelsLast bool // the elements of an image [n, c, h, w] lie as [n, h, w, c]: between two layers of a Sequential only
}

// NewTensor returns a tensor of zeros on the host. It panics when there is no dimension or a negative one.
func NewTensor[T kernels.Float](shape ...int) *Tensor[T] {
	return TensorOf(make([]T, sizeOf(shape)), shape...)
}

// TensorOf returns a tensor on data, which it does not copy. It panics when the shape does not hold len(data) elements.
func TensorOf[T kernels.Float](data []T, shape ...int) *Tensor[T] {
	if sizeOf(shape) != len(data) {
		panic("nn: length of the data is not the size of the shape")
	}
	return TensorIn(Host[T](data), 0, shape...)
}

// TensorIn returns the tensor of that shape that begins at element offset of a storage. It panics when the storage ends before.
func TensorIn[T kernels.Float](s Storage[T], offset int, shape ...int) *Tensor[T] {
	t := &Tensor[T]{}
	t.set(s, offset, shape)
	return t
}

// set makes t the tensor of a copy of that shape at offset of s; it allocates only where the number of dimensions grows.
func (t *Tensor[T]) set(s Storage[T], offset int, shape []int) {
	size := sizeOf(shape)
	if offset < 0 || offset > s.Len() || size > s.Len()-offset {
		panic("nn: storage shorter than the tensor")
	}
	t.shape = append(t.shape[:0], shape...)
	t.size, t.storage, t.offset, t.host, t.channelsLast = size, s, offset, nil, false
	if data := s.Data(); data != nil {
		t.host = data[offset : offset+size : offset+size]
	}
}

// sizeOf returns the product of the dimensions.
func sizeOf(shape []int) int {
	if len(shape) == 0 {
		panic("nn: shape without dimensions")
	}
	size := 1
	for _, d := range shape {
		if d < 0 {
			panic("nn: negative dimension")
		}
		size *= d
	}
	return size
}

// Shape returns the dimensions, the slowest first. The caller must not change them.
func (t *Tensor[T]) Shape() []int { return t.shape }

// Size returns the number of elements.
func (t *Tensor[T]) Size() int { return t.size }

// Cols returns the last dimension.
func (t *Tensor[T]) Cols() int { return t.shape[len(t.shape)-1] }

// Rows returns the product of all dimensions but the last.
func (t *Tensor[T]) Rows() int {
	rows := 1
	for _, d := range t.shape[:len(t.shape)-1] {
		rows *= d
	}
	return rows
}

// Storage returns what holds the elements, and the element of it at which the tensor begins.
func (t *Tensor[T]) Storage() (s Storage[T], offset int) { return t.storage, t.offset }

// Data returns the elements of a tensor on the host, not a copy. It panics for a tensor on a device; see [Tensor.Values].
func (t *Tensor[T]) Data() []T {
	if t.host == nil && t.size > 0 {
		panic("nn: the tensor's elements are on a device")
	}
	return t.host
}

// OnHost reports whether the host can address the elements.
func (t *Tensor[T]) OnHost() bool { return t.host != nil || t.size == 0 }

// Values returns the elements wherever they are: themselves on the host, else a copy of them as they are now.
func (t *Tensor[T]) Values() []T {
	if t.OnHost() {
		return t.host
	}
	dst := make([]T, t.size)
	t.storage.(DeviceStorage[T]).Read(dst, t.offset)
	return dst
}

// SetValues copies src to the elements, wherever they are. It panics when the number of elements differs.
func (t *Tensor[T]) SetValues(src []T) {
	sameSize(t.size, len(src))
	if t.OnHost() {
		copy(t.host, src)
		return
	}
	t.storage.(DeviceStorage[T]).Write(src, t.offset)
}

// Reshape returns a view of the same elements under another shape, in which one dimension may be -1 and is then what is left. It panics
// when the sizes differ.
func (t *Tensor[T]) Reshape(shape ...int) *Tensor[T] {
	shape = slices.Clone(shape)
	if i := slices.Index(shape, -1); i >= 0 {
		shape[i] = 1
		if rest := sizeOf(shape); rest > 0 {
			shape[i] = t.size / rest
		}
	}
	if sizeOf(shape) != t.size {
		panic("nn: Reshape changes the number of elements")
	}
	return TensorIn(t.storage, t.offset, shape...)
}

// Slice returns a view of entries lo to hi-1 along the first dimension.
func (t *Tensor[T]) Slice(lo, hi int) *Tensor[T] {
	if lo < 0 || hi < lo || hi > t.shape[0] {
		panic("nn: Slice outside the first dimension")
	}
	shape := slices.Clone(t.shape)
	shape[0] = hi - lo
	stride := 0
	if t.shape[0] > 0 {
		stride = t.size / t.shape[0]
	}
	return TensorIn(t.storage, t.offset+lo*stride, shape...)
}

// SameShape reports whether two tensors have the same dimensions.
func (t *Tensor[T]) SameShape(u *Tensor[T]) bool { return slices.Equal(t.shape, u.shape) }

// String returns the shape, such as "[200 784]".
func (t *Tensor[T]) String() string { return fmt.Sprint(t.shape) }

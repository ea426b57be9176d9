// Package safetensors writes and reads the safetensors format: named arrays with a JSON header and nothing that can be executed.
//
//	8 bytes   length of the header, little-endian
//	header    {"__metadata__":{"key":"value"},"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},...}, padded with spaces to 8 bytes
//	data      the elements, row-major and little-endian; offsets count from here
//
// A file is the same bytes for the same tensors and metadata, whatever order they are given in. Tensors lie in the order of the reference
// implementation: wider types first, so that each tensor is aligned to its element, then by name. Source: format.md and tensor.rs of
// huggingface/safetensors 0.8.
//
// The element types are F32, F64, I64 and U8. Reading is strict: whatever the format forbids is an error that names the tensor and the
// fault, and memory is taken only for what the file holds.
package safetensors

import (
	"fmt"
	"math"
)

// A Tensor is a named array. Data is a []float32, []float64, []int64 or []uint8 of as many elements as the product of Shape.
type Tensor struct {
	Name  string
	Shape []int // each dimension >= 0; none for a single number
	Data  any
}

// A File is what a safetensors file holds.
type File struct {
	Tensors  []Tensor          // in the order of their data
	Metadata map[string]string // nil where there is none
}

// Tensor returns the tensor of that name, or false.
func (f *File) Tensor(name string) (Tensor, bool) {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}

const (
	metadataKey = "__metadata__"
	lengthSize  = 8         // bytes of the length of the header
	maxHeader   = 100000000 // the limit of the reference implementation
)

// A dtype is an element type of the format.
type dtype struct {
	name string
	size int
}

// dtypes lists the element types in the order in which their tensors lie in a file.
var dtypes = []dtype{{"I64", 8}, {"F64", 8}, {"F32", 4}, {"U8", 1}}

// dtypeOf returns the index in dtypes of the type of data, and its number of elements; -1 for another type.
func dtypeOf(data any) (index, n int) {
	switch d := data.(type) {
	case []int64:
		return 0, len(d)
	case []float64:
		return 1, len(d)
	case []float32:
		return 2, len(d)
	case []uint8:
		return 3, len(d)
	}
	return -1, 0
}

// elements returns the product of the dimensions.
func elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		}
		if d > 0 && n > math.MaxInt/8/d {
			return 0, fmt.Errorf("shape %v has too many elements", shape)
		}
		n *= d
	}
	return n, nil
}

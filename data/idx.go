package data

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// An IDX is an array of unsigned bytes from an IDX file, the format of MNIST, in row-major order.
type IDX struct {
	Shape []int
	Bytes []byte
}

// ReadIDX reads an IDX file of unsigned bytes, plain or gzip.
//
//	0 0 type ndim  dim_1 ... dim_ndim (32 bits, big-endian)  elements
//
// A file that is cut short, goes on after its last element, or holds elements of another type is an error that names it and says how
// many bytes were expected and found. Format: http://yann.lecun.com/exdb/mnist.
func ReadIDX(path string) (*IDX, error) {
	in, err := openInput(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return decodeIDX(in)
}

// idxTypes names the element types of IDX by their code.
var idxTypes = map[byte]string{
	0x08: "unsigned byte", 0x09: "signed byte", 0x0b: "16-bit integer", 0x0c: "32-bit integer", 0x0d: "32-bit float", 0x0e: "64-bit float",
}

func decodeIDX(in *input) (*IDX, error) {
	magic, err := in.take(4)
	if err != nil {
		return nil, err
	}
	name, known := idxTypes[magic[2]]
	if magic[0] != 0 || magic[1] != 0 || !known || magic[3] == 0 {
		return nil, fmt.Errorf("%s: not an IDX file: it begins with the bytes % x", in.name, magic)
	}
	if magic[2] != 0x08 {
		return nil, fmt.Errorf("%s: IDX elements of type %s; only unsigned bytes are read", in.name, name)
	}
	header, err := in.take(4 * uint64(magic[3]))
	if err != nil {
		return nil, err
	}
	shape := make([]int, magic[3])
	count := uint64(1)
	for k := range shape {
		dim := binary.BigEndian.Uint32(header[4*k:])
		hi, lo := bits.Mul64(count, uint64(dim))
		if hi != 0 || uint64(int(dim)) != uint64(dim) {
			return nil, fmt.Errorf("%s: dimension %d of %d makes the array larger than any file", in.name, k+1, dim)
		}
		shape[k], count = int(dim), lo
	}
	b, err := in.take(count)
	if err != nil {
		return nil, err
	}
	return &IDX{Shape: shape, Bytes: b}, in.end()
}

package data

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strings"
)

// A Matrix is Rows x Cols numbers in row-major order.
type Matrix struct {
	Rows, Cols int
	Data       []float64
}

const (
	npyMagic     = "\x93NUMPY"
	maxNPYHeader = 1 << 16
)

// ReadNPY reads an array of one or two dimensions from a .npy file, plain or gzip; one of one dimension becomes n x 1.
//
// Floats of 16, 32 and 64 bits, integers of every size and booleans are read, of either byte order, in C or Fortran order; all become
// float64, exactly but for integers beyond 2^53. Any other element type, Python objects among them, a file that is cut short or goes
// on after its last element, and an array without elements are errors that name the file and the fault.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3.
func ReadNPY(path string) (*Matrix, error) {
	in, err := openInput(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return decodeNPY(in)
}

// DecodeNPY reads an array as ReadNPY does, from a stream that ends with it; name stands for the stream in errors.
func DecodeNPY(r io.Reader, name string) (*Matrix, error) {
	in, err := newInput(r, name, -1)
	if err != nil {
		return nil, err
	}
	return decodeNPY(in)
}

func decodeNPY(in *input) (*Matrix, error) {
	h, err := decodeNPYHeader(in)
	if err != nil {
		return nil, err
	}
	m, elem, err := h.layout(in.name)
	if err != nil {
		return nil, err
	}
	if err := m.fill(in, elem); err != nil {
		return nil, err
	}
	if err := in.end(); err != nil {
		return nil, err
	}
	if h.fortran {
		m.Data = transpose(m.Data, m.Cols, m.Rows)
	}
	return m, nil
}

// decodeNPYHeader reads the magic string, the version and the header.
func decodeNPYHeader(in *input) (*npyHeader, error) {
	if head, _ := in.r.Peek(len(npyMagic)); !strings.HasPrefix(npyMagic, string(head)) {
		return nil, fmt.Errorf("%s: not a .npy file: it begins with the bytes % x", in.name, head)
	}
	magic, err := in.take(8)
	if err != nil {
		return nil, err
	}
	var size uint64
	switch magic[6] {
	case 1:
		b, err := in.take(2)
		if err != nil {
			return nil, err
		}
		size = uint64(binary.LittleEndian.Uint16(b))
	case 2, 3:
		b, err := in.take(4)
		if err != nil {
			return nil, err
		}
		size = uint64(binary.LittleEndian.Uint32(b))
	default:
		return nil, fmt.Errorf("%s: .npy version %d.%d; versions 1 to 3 are read", in.name, magic[6], magic[7])
	}
	if size > maxNPYHeader {
		return nil, fmt.Errorf("%s: .npy header of %d bytes; at most %d are read", in.name, size, maxNPYHeader)
	}
	at := in.off
	text, err := in.take(size)
	if err != nil {
		return nil, err
	}
	h, where, err := parseNPYHeader(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: .npy header at byte %d: %w", in.name, at+int64(where), err)
	}
	return h, nil
}

// layout checks type and shape and returns the matrix, still without its data, and the element type.
func (h *npyHeader) layout(name string) (*Matrix, npyElem, error) {
	elem, err := parseNPYElem(h.descr)
	if err != nil {
		return nil, elem, fmt.Errorf("%s: %w", name, err)
	}
	var rows, cols uint64 = 0, 1
	switch len(h.shape) {
	case 1:
		rows = h.shape[0]
	case 2:
		rows, cols = h.shape[0], h.shape[1]
	default:
		return nil, elem, fmt.Errorf("%s: array of %d dimensions; 1 or 2 are needed, a row a point", name, len(h.shape))
	}
	if rows == 0 || cols == 0 {
		return nil, elem, fmt.Errorf("%s: array of shape %d x %d has no elements", name, rows, cols)
	}
	hi, count := bits.Mul64(rows, cols)
	hi2, size := bits.Mul64(count, uint64(elem.size))
	if hi != 0 || hi2 != 0 || size > math.MaxInt64 || count > math.MaxInt/8 {
		return nil, elem, fmt.Errorf("%s: claims an array of %d x %d, more than this machine can address", name, rows, cols)
	}
	return &Matrix{Rows: int(rows), Cols: int(cols)}, elem, nil
}

// fill reads the elements in the order of the file. It allocates at once only where the size of the file vouches for them.
func (m *Matrix) fill(in *input, elem npyElem) error {
	count := m.Rows * m.Cols
	if err := in.need(uint64(count) * uint64(elem.size)); err != nil {
		return err
	}
	const block = 8192
	if in.size >= 0 {
		m.Data = make([]float64, 0, count)
	}
	start := in.off
	buf := make([]byte, min(count, block)*elem.size)
	var out [block]float64
	for len(m.Data) < count {
		k := min(count-len(m.Data), block)
		if _, err := io.ReadFull(in, buf[:k*elem.size]); err != nil {
			return in.short(err, uint64(in.off-start), uint64(count)*uint64(elem.size))
		}
		elem.decode(out[:k], buf)
		m.Data = append(m.Data, out[:k]...)
	}
	return nil
}

// transpose returns the transpose of a, rows x cols.
func transpose(a []float64, rows, cols int) []float64 {
	if rows == 1 || cols == 1 {
		return a
	}
	t := make([]float64, len(a))
	for i := range rows {
		for j, v := range a[i*cols : (i+1)*cols] {
			t[j*rows+i] = v
		}
	}
	return t
}

// WriteNPY writes a, rows x cols in row-major order, as a .npy array of two dimensions and of the type of its elements.
func WriteNPY[T float32 | float64](w io.Writer, rows, cols int, a []T) error {
	if rows < 0 || cols < 0 || rows*cols != len(a) {
		return fmt.Errorf("%d numbers are not a matrix of %d x %d", len(a), rows, cols)
	}
	return writeNPY(w, fmt.Sprintf("(%d, %d)", rows, cols), a)
}

// WriteNPYVector writes v as a .npy array of one dimension and of the type of its elements.
func WriteNPYVector[T float32 | float64](w io.Writer, v []T) error {
	return writeNPY(w, fmt.Sprintf("(%d,)", len(v)), v)
}

func writeNPY[T float32 | float64](w io.Writer, shape string, a []T) error {
	descr := "<f8"
	if _, single := any(a).([]float32); single {
		descr = "<f4"
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
	const before = len(npyMagic) + 4
	header += strings.Repeat(" ", 63-(before+len(header))%64) + "\n"
	out := binary.LittleEndian.AppendUint16([]byte(npyMagic+"\x01\x00"), uint16(len(header)))
	out = append(out, header...)
	const block = 8192
	for {
		if _, err := w.Write(out); err != nil {
			return err
		}
		if len(a) == 0 {
			return nil
		}
		k := min(len(a), block)
		out = appendNPY(out[:0], a[:k])
		a = a[k:]
	}
}

func appendNPY[T float32 | float64](out []byte, a []T) []byte {
	switch a := any(a).(type) {
	case []float32:
		for _, v := range a {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	case []float64:
		for _, v := range a {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
		}
	}
	return out
}

package safetensors

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
)

// Read reads a file. Its errors begin with the path.
func Read(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	file, err := ReadFrom(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// ReadFrom reads size bytes of r, the whole of a safetensors file.
func ReadFrom(r io.ReaderAt, size int64) (*File, error) {
	header, err := readHeader(r, size)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	begin := int64(lengthSize + len(header))
	entries, meta, err := parseHeader(header)
	if err == nil {
		err = checkOffsets(entries, size-begin)
	}
	if err != nil {
		return nil, fmt.Errorf("safetensors: header: %w", err)
	}
	f := &File{Tensors: make([]Tensor, len(entries)), Metadata: meta}
	buf := make([]byte, 1<<16)
	for i, e := range entries {
		data, err := readData(io.NewSectionReader(r, begin+e.begin, e.end-e.begin), buf, e)
		if err != nil {
			return nil, fmt.Errorf("safetensors: tensor %q: data at byte %d: %w", e.name, begin+e.begin, err)
		}
		f.Tensors[i] = Tensor{Name: e.name, Shape: e.shape, Data: data}
	}
	return f, nil
}

// readHeader returns the header, whose length it checks against the size of the file.
func readHeader(r io.ReaderAt, size int64) ([]byte, error) {
	if size < lengthSize {
		return nil, fmt.Errorf("%d bytes, too short for the length of the header", size)
	}
	var length [lengthSize]byte
	all := io.NewSectionReader(r, 0, size)
	if _, err := io.ReadFull(all, length[:]); err != nil {
		return nil, fmt.Errorf("length of the header: %w", eof(err))
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > uint64(size-lengthSize) {
		return nil, fmt.Errorf("header of %d bytes in a file of %d: truncated, or not safetensors", n, size)
	}
	if n > maxHeader {
		return nil, fmt.Errorf("header of %d bytes, the format allows %d", n, maxHeader)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(all, header); err != nil {
		return nil, fmt.Errorf("header: %w", eof(err))
	}
	return header, nil
}

// readData reads the elements of one tensor.
func readData(r io.Reader, buf []byte, e entry) (any, error) {
	n := int(e.end-e.begin) / e.dtype.size
	switch e.dtype.name {
	case "I64":
		return readBlocks(r, buf, make([]int64, n), 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
	case "F64":
		return readBlocks(r, buf, make([]float64, n), 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
	case "F32":
		return readBlocks(r, buf, make([]float32, n), 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
	default:
		data := make([]uint8, n)
		_, err := io.ReadFull(r, data)
		return data, eof(err)
	}
}

func readBlocks[T any](r io.Reader, buf []byte, data []T, size int, get func([]byte) T) ([]T, error) {
	for i := 0; i < len(data); {
		b := buf[:min(len(buf), (len(data)-i)*size)]
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, eof(err)
		}
		for ; len(b) > 0; b = b[size:] {
			data[i] = get(b)
			i++
		}
	}
	return data, nil
}

// eof makes the end of a file within something an unexpected one.
func eof(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

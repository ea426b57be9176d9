package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"unicode/utf8"
)

// Write writes the tensors and, unless it is empty, the metadata. It returns an error, before it writes anything, when two tensors have
// the same name, a name is reserved or not UTF-8, data has another type, or its length is not the product of the shape.
func Write(w io.Writer, tensors []Tensor, meta map[string]string) error {
	sorted, err := arrange(tensors)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	header, err := encodeHeader(sorted, meta)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))); err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	buf := make([]byte, 0, 1<<16)
	for _, t := range sorted {
		if err := writeData(w, buf, t.Data); err != nil {
			return err
		}
	}
	return nil
}

// arrange checks the tensors and returns them in the order of the file.
func arrange(tensors []Tensor) ([]Tensor, error) {
	seen := make(map[string]bool, len(tensors))
	for _, t := range tensors {
		switch {
		case seen[t.Name]:
			return nil, fmt.Errorf("two tensors named %q", t.Name)
		case t.Name == metadataKey:
			return nil, fmt.Errorf("the name %q is reserved", t.Name)
		case !utf8.ValidString(t.Name):
			return nil, fmt.Errorf("the name %q is not UTF-8", t.Name)
		}
		seen[t.Name] = true
		n, err := elements(t.Shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		switch index, have := dtypeOf(t.Data); {
		case index < 0:
			return nil, fmt.Errorf("tensor %q: data of type %T, want []float32, []float64, []int64 or []uint8", t.Name, t.Data)
		case n != have:
			return nil, fmt.Errorf("tensor %q: %d elements for the shape %v", t.Name, have, t.Shape)
		}
	}
	return slices.SortedFunc(slices.Values(tensors), func(a, b Tensor) int {
		i, _ := dtypeOf(a.Data)
		j, _ := dtypeOf(b.Data)
		return cmp.Or(cmp.Compare(i, j), cmp.Compare(a.Name, b.Name))
	}), nil
}

// encodeHeader returns the header, padded.
func encodeHeader(sorted []Tensor, meta map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	if len(meta) > 0 {
		writeString(&b, metadataKey)
		for i, k := range slices.Sorted(maps.Keys(meta)) {
			b.WriteString([]string{":{", ","}[min(i, 1)])
			if !utf8.ValidString(k) || !utf8.ValidString(meta[k]) {
				return nil, fmt.Errorf("metadata %q is not UTF-8", k)
			}
			writeString(&b, k)
			b.WriteByte(':')
			writeString(&b, meta[k])
		}
		b.WriteByte('}')
	}
	offset := 0
	for _, t := range sorted {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		index, n := dtypeOf(t.Data)
		end := offset + n*dtypes[index].size
		writeString(&b, t.Name)
		fmt.Fprintf(&b, `:{"dtype":%q,"shape":[`, dtypes[index].name)
		for i, d := range t.Shape {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprint(&b, d)
		}
		fmt.Fprintf(&b, `],"data_offsets":[%d,%d]}`, offset, end)
		offset = end
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len() > maxHeader {
		return nil, fmt.Errorf("header of %d bytes, the format allows %d", b.Len(), maxHeader)
	}
	return b.Bytes(), nil
}

// writeString appends a JSON string. The encoder, unlike json.Marshal, can leave <, > and & as they are.
func writeString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("safetensors: a string that JSON cannot hold")
	}
	b.Truncate(b.Len() - 1) // the encoder's newline
}

// writeData writes the elements little-endian, a buffer at a time.
func writeData(w io.Writer, buf []byte, data any) error {
	switch d := data.(type) {
	case []float32:
		return writeBlocks(w, buf, d, 4, func(b []byte, v float32) []byte { return binary.LittleEndian.AppendUint32(b, math.Float32bits(v)) })
	case []float64:
		return writeBlocks(w, buf, d, 8, func(b []byte, v float64) []byte { return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)) })
	case []int64:
		return writeBlocks(w, buf, d, 8, func(b []byte, v int64) []byte { return binary.LittleEndian.AppendUint64(b, uint64(v)) })
	default:
		_, err := w.Write(data.([]uint8))
		return err
	}
}

func writeBlocks[T any](w io.Writer, buf []byte, data []T, size int, put func([]byte, T) []byte) error {
	for block := range slices.Chunk(data, cap(buf)/size) {
		b := buf[:0]
		for _, v := range block {
			b = put(b, v)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// reference is what testdata/reference.py wrote.
func reference() ([]Tensor, map[string]string) {
	return []Tensor{
		{"labels", []int{3}, []int64{7, math.MinInt64, math.MaxInt64}},
		{"adam.v/0.weight", []int{2, 1}, []float64{1.0 / 3.0, 1e300}},
		{"scalar", []int{}, []float64{2.5}},
		{"0.bias", []int{2}, []float32{1, -2}},
		{"0.weight", []int{2, 3}, []float32{0.5, -1.25, 3, 1e-40, float32(math.Copysign(0, -1)), float32(math.Inf(1))}},
		{"empty", []int{0, 4}, []float32{}},
		{"näme <&>", []int{1}, []float32{1.5}},
		{"mask", []int{3}, []uint8{0, 1, 255}},
	}, map[string]string{"format": "pt <&> \"\n"}
}

func TestReadReference(t *testing.T) {
	f, err := Read(filepath.Join("testdata", "reference.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	tensors, meta := reference()
	if diff := cmp.Diff(&File{tensors, meta}, f); diff != "" {
		t.Error(diff)
	}
	if !math.Signbit(float64(f.Tensors[4].Data.([]float32)[4])) {
		t.Error("the sign of zero is lost")
	}
	if _, ok := f.Tensor("mask"); !ok {
		t.Error("Tensor does not find mask")
	}
	if _, ok := f.Tensor("task"); ok {
		t.Error("Tensor finds a name that is not there")
	}
}

// The same tensors in any order are the bytes of the reference implementation.
func TestWriteReference(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "reference.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	tensors, meta := reference()
	for range 20 {
		r.Shuffle(len(tensors), func(i, j int) { tensors[i], tensors[j] = tensors[j], tensors[i] })
		var b bytes.Buffer
		if err := Write(&b, tensors, meta); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Fatalf("wrote %q, the reference %q", b.Bytes(), want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.String().Filter(func(s string) bool { return s != metadataKey }), 0, 6, rapid.ID).Draw(t, "names")
		tensors := make([]Tensor, len(names))
		for i, name := range names {
			shape := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 4).Draw(t, "shape")
			n, _ := elements(shape)
			tensors[i] = Tensor{name, shape, drawData(t, n)}
		}
		meta := rapid.MapOfN(rapid.String(), rapid.String(), 0, 4).Draw(t, "meta")
		var b bytes.Buffer
		if err := Write(&b, tensors, meta); err != nil {
			t.Fatal(err)
		}
		if n := binary.LittleEndian.Uint64(b.Bytes()); n%8 != 0 {
			t.Fatalf("header of %d bytes, not a multiple of 8", n)
		}
		f, err := ReadFrom(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Tensors) != len(tensors) || len(f.Metadata) != len(meta) || len(meta) > 0 && !cmp.Equal(f.Metadata, meta) {
			t.Fatalf("%d tensors, metadata %q; want %d, %q", len(f.Tensors), f.Metadata, len(tensors), meta)
		}
		for _, want := range tensors {
			got, ok := f.Tensor(want.Name)
			if !ok || !slices.Equal(got.Shape, want.Shape) || !sameBits(got.Data, want.Data) {
				t.Fatalf("read %v, wrote %v", got, want)
			}
		}
	})
}

// drawData draws n elements of one of the types, floating-point ones by their bits.
func drawData(t *rapid.T, n int) any {
	bits := rapid.SliceOfN(rapid.Uint64(), n, n).Draw(t, "bits")
	switch rapid.IntRange(0, 3).Draw(t, "type") {
	case 0:
		return convert(bits, func(b uint64) int64 { return int64(b) })
	case 1:
		return convert(bits, math.Float64frombits)
	case 2:
		return convert(bits, func(b uint64) float32 { return math.Float32frombits(uint32(b)) })
	default:
		return convert(bits, func(b uint64) uint8 { return uint8(b) })
	}
}

func convert[T any](bits []uint64, f func(uint64) T) []T {
	out := make([]T, len(bits))
	for i, b := range bits {
		out[i] = f(b)
	}
	return out
}

// sameBits reports whether two slices have the same type and, NaN included, the same bits.
func sameBits(a, b any) bool {
	i, n := dtypeOf(a)
	j, m := dtypeOf(b)
	if i != j || n != m {
		return false
	}
	var x, y bytes.Buffer
	if binary.Write(&x, binary.LittleEndian, a) != nil || binary.Write(&y, binary.LittleEndian, b) != nil {
		return false
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}

// A tensor larger than the buffers, with data that begins off the end of one.
func TestLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	f32, f64 := make([]float32, 70001), make([]float64, 40003)
	for i := range f32 {
		f32[i] = r.Float32()
	}
	for i := range f64 {
		f64[i] = r.Float64()
	}
	var b bytes.Buffer
	if err := Write(&b, []Tensor{{"a", []int{70001}, f32}, {"b", []int{40003}, f64}}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFrom(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Tensors[0].Data.([]float64), f64) || !slices.Equal(f.Tensors[1].Data.([]float32), f32) {
		t.Error("large tensors do not survive")
	}
}

func TestWriteRefuses(t *testing.T) {
	one := []float32{1}
	for _, c := range []struct {
		fault   string
		tensors []Tensor
		meta    map[string]string
	}{
		{"two tensors named", []Tensor{{"a", []int{1}, one}, {"a", []int{1}, one}}, nil},
		{"reserved", []Tensor{{"__metadata__", []int{1}, one}}, nil},
		{"not UTF-8", []Tensor{{"a\xff", []int{1}, one}}, nil},
		{"not UTF-8", nil, map[string]string{"a": "\xff"}},
		{"negative", []Tensor{{"a", []int{-1, -1}, one}}, nil},
		{"too many", []Tensor{{"a", []int{1 << 40, 1 << 40}, one}}, nil},
		{"elements for the shape", []Tensor{{"a", []int{2}, one}}, nil},
		{"type []int,", []Tensor{{"a", []int{1}, []int{1}}}, nil},
	} {
		var b bytes.Buffer
		if err := Write(&b, c.tensors, c.meta); err == nil || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("error %v, want one with %q", err, c.fault)
		}
		if b.Len() > 0 {
			t.Errorf("%s: %d bytes written before the error", c.fault, b.Len())
		}
	}
}

// fullDisk fails after room bytes.
type fullDisk struct{ room int }

var errFull = errors.New("no space left")

func (w *fullDisk) Write(b []byte) (int, error) {
	if len(b) > w.room {
		return w.room, errFull
	}
	w.room -= len(b)
	return len(b), nil
}

func TestWriteReportsFullDisk(t *testing.T) {
	tensors, meta := reference()
	var b bytes.Buffer
	if err := Write(&b, tensors, meta); err != nil {
		t.Fatal(err)
	}
	for room := range b.Len() {
		if err := Write(&fullDisk{room}, tensors, meta); !errors.Is(err, errFull) {
			t.Fatalf("with room for %d of %d bytes: %v", room, b.Len(), err)
		}
	}
}

// file returns a file of that header and n bytes of data.
func file(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		fault string
		data  []byte
	}{
		{"too short", nil},
		{"too short", make([]byte, 7)},
		{"does not begin with {", make([]byte, 8)},
		{"header of 18446744073709551615 bytes", bytes.Repeat([]byte{255}, 8)},
		{"header of 9 bytes in a file of 10", []byte{9, 0, 0, 0, 0, 0, 0, 0, '{', '}'}},
		{"does not begin with {", file(` {}`, 0)},
		{"does not begin with {", file(`[]`, 0)},
		{"not UTF-8", file("{\"\xff\":1}", 0)},
		{"ends too early", file(`{`, 0)},
		{"ends too early", file(`{"a":{"dtype":"F32","shape":[1`, 0)},
		{"text after the end", file(`{}{}`, 0)},
		{"text after the end", file("{}\n", 0)},
		{"byte 12: invalid character", file(`{"a"}`, 0)},
		{"tensors of 0 bytes, data of 1", file(`{}`, 1)},
		{`"a" appears twice`, file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2)},
		{`"shape" appears twice`, file(`{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}`, 1)},
		{`"k" appears twice`, file(`{"__metadata__":{"k":"1","k":"2"}}`, 0)},
		{"1, want a string", file(`{"__metadata__":{"k":1}}`, 0)},
		{"[, want {", file(`{"a":[]}`, 0)},
		{`tensor "a": byte 17: null, want { or [`, file(`{"a":null}`, 0)},
		{"stride: not a field", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"stride":[1]}}`, 1)},
		{"want dtype, shape and two data_offsets", file(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 1)},
		{"want dtype, shape and two data_offsets", file(`{"a":{"shape":[1],"data_offsets":[0,1]}}`, 1)},
		{"want dtype, shape and two data_offsets", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}`, 1)},
		{`dtype "BF16", want F32`, file(`{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}`, 2)},
		{"-1, want an integer", file(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1)},
		{"1.5, want an integer", file(`{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}`, 1)},
		{"1e0, want an integer", file(`{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}`, 1)},
		{"18446744073709551616, want an integer", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,18446744073709551616]}}`, 1)},
		{"too many elements", file(`{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0)},
		{"which has 8 bytes", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4)},
		{"which has 1 bytes", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, 1)},
		{"begin at 1, where the tensor before ends at 0", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2)},
		{`tensor "b": data_offsets begin at 0`, file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1)},
		{"end at 1152921504606846975, the file at 1: truncated", file(`{"a":{"dtype":"U8","shape":[1152921504606846975],"data_offsets":[0,1152921504606846975]}}`, 1)},
		{"tensors of 1 bytes, data of 2", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 2)},
	} {
		f, err := ReadFrom(bytes.NewReader(c.data), int64(len(c.data)))
		if err == nil || !strings.Contains(err.Error(), c.fault) || !strings.HasPrefix(err.Error(), "safetensors: ") {
			t.Errorf("%q: error %v, want one with %q", c.data, err, c.fault)
		}
		if f != nil {
			t.Errorf("%q: a file besides the error", c.data)
		}
	}
}

func TestReadAcceptsEmpty(t *testing.T) {
	for _, header := range []string{`{}`, `{}      `, `{"__metadata__":{}}`} {
		b := file(header, 0)
		f, err := ReadFrom(bytes.NewReader(b), int64(len(b)))
		if err != nil || len(f.Tensors) != 0 || len(f.Metadata) != 0 {
			t.Errorf("%q: %v, %v", header, f, err)
		}
	}
}

// Every truncation of a file is an error that names the file.
func TestReadTruncated(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "reference.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.safetensors")
	for n := range whole {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.HasPrefix(err.Error(), path) {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

// A reader that holds less than it claims fails.
func TestReadShortReader(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "reference.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := ReadFrom(bytes.NewReader(whole[:n]), int64(len(whole))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestReadNotAFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
}

// What is read writes, and what is written reads back the same bits.
func FuzzRead(f *testing.F) {
	whole, err := os.ReadFile(filepath.Join("testdata", "reference.safetensors"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(file(`{}`, 0))
	f.Add(file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ReadFrom(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := Write(&b, a.Tensors, a.Metadata); err != nil {
			t.Fatal(err)
		}
		c, err := ReadFrom(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range a.Tensors {
			if got, ok := c.Tensor(want.Name); !ok || !slices.Equal(got.Shape, want.Shape) || !sameBits(got.Data, want.Data) {
				t.Fatalf("read %v, wrote %v", got, want)
			}
		}
	})
}

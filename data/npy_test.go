package data

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// npyFile returns a version 1 file with this header and body.
func npyFile(header string, body ...byte) []byte {
	b := []byte("\x93NUMPY\x01\x00")
	b = append(b, byte(len(header)), byte(len(header)>>8))
	return append(append(b, header...), body...)
}

func npyHeaderOf(descr string, fortran bool, shape string) string {
	order := "False"
	if fortran {
		order = "True"
	}
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, order, shape)
}

func TestNPYByHand(t *testing.T) {
	nan := math.NaN()
	for _, tc := range []struct {
		descr string
		body  []byte
		want  []float64
	}{
		{"<f8", []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0xf0, 0xff}, []float64{1.5, math.Inf(-1)}},
		{">f8", []byte{0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0x7f, 0xf8, 0, 0, 0, 0, 0, 1}, []float64{1.5, nan}},
		{"<f4", []byte{0, 0, 0xc0, 0x3f, 1, 0, 0, 0}, []float64{1.5, 0x1p-149}},
		{">f4", []byte{0x3f, 0xc0, 0, 0, 0x80, 0, 0, 0}, []float64{1.5, math.Copysign(0, -1)}},
		{"<f2", []byte{0, 0x3c, 0xff, 0x7b}, []float64{1, 65504}},
		{">f2", []byte{0xc0, 0x00, 0x00, 0x01}, []float64{-2, 0x1p-24}},
		{"|i1", []byte{0x80, 0x7f}, []float64{-128, 127}},
		{"|u1", []byte{0x80, 0xff}, []float64{128, 255}},
		{"u1", []byte{0, 1}, []float64{0, 1}},
		{"|b1", []byte{0, 1}, []float64{0, 1}},
		{"<b1", []byte{0, 2}, []float64{0, 1}},
		{"<i2", []byte{0, 0x80, 0xff, 0x7f}, []float64{-32768, 32767}},
		{">u2", []byte{0x80, 0, 0xff, 0xff}, []float64{32768, 65535}},
		{">i4", []byte{0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, []float64{-0x1p31, -1}},
		{"<u4", []byte{0, 0, 0, 0x80, 1, 2, 3, 4}, []float64{0x1p31, 0x04030201}},
		{"<i8", []byte{0, 0, 0, 0, 0, 0, 0, 0x80, 255, 255, 255, 255, 255, 255, 255, 255}, []float64{-0x1p63, -1}},
		{">u8", []byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, []float64{0x1p63, 9}},
	} {
		for _, sized := range []bool{false, true} {
			m, err := decodeNPY(inputOf(t, npyFile(npyHeaderOf(tc.descr, false, "(2,)"), tc.body...), sized))
			if err != nil {
				t.Errorf("%s: %v", tc.descr, err)
				continue
			}
			if m.Rows != 2 || m.Cols != 1 {
				t.Errorf("%s: %d x %d, want 2 x 1", tc.descr, m.Rows, m.Cols)
			}
			for k, want := range tc.want {
				got := m.Data[k]
				if math.Float64bits(got) != math.Float64bits(want) && !(math.IsNaN(got) && math.IsNaN(want)) {
					t.Errorf("%s: element %d is %v, want %v", tc.descr, k, got, want)
				}
			}
		}
	}
}

// TestHalf: within an exponent halves are evenly spaced by 2^(e-25), 2^-24 below the first, and binades join.
func TestHalf(t *testing.T) {
	if halfToFloat(0) != 0 || math.Signbit(halfToFloat(0)) || !math.Signbit(halfToFloat(0x8000)) {
		t.Error("zeros")
	}
	for h := uint16(0); h < 0x7bff; h++ {
		step := halfToFloat(h+1) - halfToFloat(h)
		if want := math.Ldexp(1, max(int(h>>10), 1)-25); step != want {
			t.Fatalf("from %#x to the next: %v, want %v", h, step, want)
		}
		if halfToFloat(h|0x8000) != -halfToFloat(h) {
			t.Fatalf("%#x is not odd", h)
		}
	}
	if !math.IsInf(halfToFloat(0x7c00), 1) || !math.IsInf(halfToFloat(0xfc00), -1) {
		t.Error("infinities")
	}
	if !math.IsNaN(halfToFloat(0x7c01)) || !math.IsNaN(halfToFloat(0xffff)) {
		t.Error("NaN")
	}
}

// TestNumPyFiles reads what testdata/npy/make.py wrote: 10 i + j - 7 in row i, column j.
func TestNumPyFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/npy/*_*.npy")
	if err != nil || len(files) < 24 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	files = append(files, "testdata/npy/version2.npy", "testdata/npy/version3.npy")
	for _, file := range files {
		m, err := ReadNPY(file)
		if err != nil {
			t.Error(err)
			continue
		}
		shift := -7.0
		if filepath.Base(file)[0] == 'u' {
			shift = 0
		}
		if m.Rows != 4 || m.Cols != 3 {
			t.Errorf("%s: %d x %d", file, m.Rows, m.Cols)
			continue
		}
		for k, v := range m.Data {
			if want := float64(10*(k/3)+k%3) + shift; v != want {
				t.Errorf("%s: row %d, column %d: %v, want %v", file, k/3, k%3, v, want)
			}
		}
	}
	m, err := ReadNPY("testdata/npy/vector.npy")
	if err != nil || m.Rows != 4 || m.Cols != 1 || !slices.Equal(m.Data, []float64{-7, 3, 13, 23}) {
		t.Errorf("vector: %v, %v", m, err)
	}
	m, err = ReadNPY("testdata/npy/b1.npy")
	if err != nil || !slices.Equal(m.Data, []float64{0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1}) {
		t.Errorf("booleans: %v, %v", m, err)
	}
	for name, parts := range map[string][]string{
		"scalar":  {"0 dimensions"},
		"cube":    {"3 dimensions"},
		"empty":   {"0 x 3", "no elements"},
		"complex": {"complex"},
		"string":  {"no numbers"},
		"object":  {"Python objects", "run code"},
		"struct":  {"structured"},
	} {
		_, err := ReadNPY("testdata/npy/" + name + ".npy")
		wantError(t, err, append(parts, name+".npy")...)
	}
}

func TestWritersGiveNumPysBytes(t *testing.T) {
	a := make([]float64, 12)
	a32 := make([]float32, 12)
	var first []float64
	for k := range a {
		a[k] = float64(10*(k/3) + k%3 - 7)
		a32[k] = float32(a[k])
		if k%3 == 0 {
			first = append(first, a[k])
		}
	}
	for file, write := range map[string]func(*bytes.Buffer) error{
		"f8_le_c.npy": func(w *bytes.Buffer) error { return WriteNPY(w, 4, 3, a) },
		"f4_le_c.npy": func(w *bytes.Buffer) error { return WriteNPY(w, 4, 3, a32) },
		"vector.npy":  func(w *bytes.Buffer) error { return WriteNPYVector(w, first) },
	} {
		want, err := os.ReadFile("testdata/npy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := write(&got); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: wrote %q (%v), NumPy writes %q", file, got.Bytes(), err, want)
		}
	}
	wantError(t, WriteNPY(new(bytes.Buffer), 4, 4, a), "12 numbers", "4 x 4")
	wantError(t, WriteNPY(new(bytes.Buffer), -3, -4, a), "12 numbers")
}

func TestNPYRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rows := rapid.OneOf(rapid.IntRange(1, 40), rapid.Just(9000)).Draw(r, "rows")
		cols := rapid.IntRange(1, 5).Draw(r, "cols")
		special := rapid.SliceOfN(rapid.Float64(), 1, 20).Draw(r, "values")
		a := make([]float64, rows*cols)
		for k := range a {
			a[k] = special[k%len(special)] * float64(1+k/len(special))
		}
		var buf bytes.Buffer
		if err := WriteNPY(&buf, rows, cols, a); err != nil {
			r.Fatal(err)
		}
		body := buf.Len() - 8*len(a)
		if body%64 != 0 || buf.Bytes()[body-1] != '\n' {
			r.Fatalf("the elements begin at byte %d", body)
		}
		m, err := DecodeNPY(&buf, "stream")
		if err != nil {
			r.Fatal(err)
		}
		if m.Rows != rows || m.Cols != cols || !slices.Equal(m.Data, a) {
			r.Fatalf("%d x %d became %d x %d", rows, cols, m.Rows, m.Cols)
		}
	})
}

func TestNPYFaults(t *testing.T) {
	good := npyFile(npyHeaderOf("<f8", false, "(2, 1)"), make([]byte, 16)...)
	total := len(good)
	header := func(h string) []byte { return npyFile(h, make([]byte, 16)...) }
	for _, tc := range []struct {
		name    string
		content []byte
		parts   []string
	}{
		{"empty", nil, []string{"the file is empty"}},
		{"text", []byte("1,2\n3,4\n5,6"), []string{"not a .npy file"}},
		{"version", []byte("\x93NUMPY\x04\x00aaaa"), []string{"version 4.0"}},
		{"cut in the length", good[:9], []string{"10 bytes expected, 9 found"}},
		{"cut in the header", good[:30], []string{"bytes expected, 30 found"}},
		{"cut in the elements", good[:total-3], []string{fmt.Sprintf("%d bytes expected, %d found", total, total-3)}},
		{"trailing", append(slices.Clone(good), 1, 2), []string{fmt.Sprintf("%d bytes expected", total)}},
		{"huge header", []byte("\x93NUMPY\x02\x00\x00\x00\x00\x80{}"), []string{"header of 2147483648 bytes"}},
		{"2^60 elements", npyFile(npyHeaderOf("<f8", false, "(1073741824, 1073741824)"), 1, 2, 3), []string{"more than this machine"}},
		{"2^50 elements", npyFile(npyHeaderOf("|u1", false, "(1125899906842624,)"), 1, 2, 3), []string{"truncated", "bytes expected"}},
		{"2^126 elements", npyFile(npyHeaderOf("<f8", false, "(9223372036854775807, 9223372036854775807)")), []string{"more than this machine"}},
		{"rows without columns", npyFile(npyHeaderOf("<f8", false, "(1152921504606846976, 0)")), []string{"no elements"}},
		{"too large a size", header("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}"), []string{"size below 2^63"}},
		{"negative size", header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"), []string{"size below 2^63", "at byte 61"}},
		{"shape a number", header("{'descr': '<f8', 'fortran_order': False, 'shape': (2)}"), []string{"not a tuple"}},
		{"shape without comma", header("{'descr': '<f8', 'fortran_order': False, 'shape': (2 1)}"), []string{", or )"}},
		{"no shape", header("{'descr': '<f8', 'fortran_order': False}"), []string{`"shape" is missing`}},
		{"twice", header("{'descr': '<f8', 'descr': '<f8'}"), []string{`"descr" comes twice`}},
		{"unknown key", header("{'color': '<f8'}"), []string{`unknown key "color"`}},
		{"not closed", header("{'descr': '<f8'"), []string{"the header ends"}},
		{"more behind", header("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)} + 1"), []string{"end of the header"}},
		{"open string", header("{'descr': '<f8, "), []string{"a string expected"}},
		{"no dictionary", header("[1, 2]"), []string{"{ expected"}},
		{"order", header("{'descr': '<f8', 'fortran_order': 1, 'shape': (2,)}"), []string{"False expected"}},
		{"a call", header("{'descr': open('x'), 'fortran_order': False, 'shape': (2,)}"), []string{"a string expected"}},
		{"nested objects", header("{'descr': '|O8', 'fortran_order': False, 'shape': (2,)}"), []string{"Python objects"}},
		{"long double", header("{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}"), []string{`"<f16"`}},
		{"no byte order", header("{'descr': '|f8', 'fortran_order': False, 'shape': (2,)}"), []string{"byte order"}},
		{"no type", header("{'descr': '<', 'fortran_order': False, 'shape': (2,)}"), []string{`"<"`}},
		{"dates", header("{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (2,)}"), []string{"no numbers"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := writeFile(t, "a.npy", tc.content)
			var err error
			if used := allocated(func() { _, err = ReadNPY(path) }); used > 1<<20 {
				t.Errorf("%d bytes allocated for a file of %d", used, len(tc.content))
			}
			wantError(t, err, append(tc.parts, path)...)
			if used := allocated(func() { _, err = DecodeNPY(bytes.NewReader(tc.content), "stdin") }); used > 1<<20 {
				t.Errorf("stream: %d bytes allocated for %d", used, len(tc.content))
			}
			if err == nil || !strings.HasPrefix(err.Error(), "stdin: ") {
				t.Errorf("from a stream: %v", err)
			}
		})
	}
}

func FuzzNPY(f *testing.F) {
	files, err := filepath.Glob("testdata/npy/*.npy")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds: ", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(gzipped(f, npyFile(npyHeaderOf("<f2", true, "(1L, 2L)"), 0, 0, 0, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		stream, errStream := DecodeNPY(bytes.NewReader(b), "file")
		in, err := newInput(bytes.NewReader(b), "file", int64(len(b)))
		if err != nil {
			return
		}
		file, err := decodeNPY(in)
		if (err == nil) != (errStream == nil) {
			t.Fatalf("file: %v; stream: %v", err, errStream)
		}
		if err != nil {
			return
		}
		if file.Rows*file.Cols != len(file.Data) || len(stream.Data) != len(file.Data) {
			t.Fatalf("%d x %d with %d and %d numbers", file.Rows, file.Cols, len(file.Data), len(stream.Data))
		}
	})
}

func BenchmarkReadNPY(b *testing.B) {
	for _, descr := range []string{"<f8", "<f4", ">f8", "<f2", "<i2"} {
		b.Run("type="+descr, func(b *testing.B) {
			const n = 1 << 17
			file := npyFile(npyHeaderOf(descr, false, fmt.Sprintf("(%d, 8)", n/8)), make([]byte, n*int(descr[2]-'0'))...)
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				if _, err := decodeNPY(inputOf(b, file, true)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

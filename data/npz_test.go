package data

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
)

func zipOf(t testing.TB, method uint16, members ...any) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for k := 0; k < len(members); k += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: members[k].(string), Method: method})
		if err == nil {
			_, err = w.Write(members[k+1].([]byte))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestReadNumPysNPZ(t *testing.T) {
	for _, file := range []string{"plain.npz", "deflated.npz"} {
		got, err := ReadNPZ("testdata/npy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		f, g := got["f"], got["g"]
		if len(got) != 2 || f == nil || g == nil {
			t.Fatalf("%s: arrays %v", file, got)
		}
		if f.Cols != 1 || !slices.Equal(f.Data, []float64{-7, 3, 13, 23}) || g.Rows != 4 || g.Cols != 3 || g.Data[11] != 25 {
			t.Errorf("%s: f %v, g %v", file, f, g)
		}
	}
}

func TestNPZRoundTrip(t *testing.T) {
	f, g := []float64{1, -2.5, 1e-300}, []float64{1, 2, 3, 4, 5, 6}
	write := func() []byte {
		var buf bytes.Buffer
		z := NewNPZWriter(&buf)
		if err := errors.Join(z.Vector("f", f), z.Matrix("g", 2, 3, g), z.Close()); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	b := write()
	if !bytes.Equal(b, write()) {
		t.Error("the same arrays give other bytes")
	}
	got, err := ReadNPZ(writeFile(t, "p.npz", b))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got["f"].Data, f) || got["g"].Rows != 2 || got["g"].Cols != 3 || !slices.Equal(got["g"].Data, g) {
		t.Errorf("read back %v, %v", got["f"], got["g"])
	}
	if err := NewNPZWriter(new(bytes.Buffer)).Matrix("g", 2, 2, g); err == nil {
		t.Error("a matrix of the wrong size was written")
	}
}

func TestNPZFaults(t *testing.T) {
	one := npyFile(npyHeaderOf("|u1", false, "(1,)"), 7)
	damaged := zipOf(t, zip.Store, "a.npy", one)
	damaged[bytes.Index(damaged, one)+len(one)-1] ^= 1
	for _, tc := range []struct {
		name    string
		content []byte
		parts   []string
	}{
		{"empty", nil, []string{"not a .npz file"}},
		{"text", []byte("1,2\n"), []string{"not a .npz file"}},
		{"other member", zipOf(t, zip.Store, "a.txt", one), []string{"a.txt", "no .npy array"}},
		{"twice", zipOf(t, zip.Store, "a.npy", one, "a.npy", one), []string{`two arrays of the name "a"`}},
		{"damaged", damaged, []string{"a.npy", "checksum"}},
		{"cut member", zipOf(t, zip.Deflate, "a.npy", one[:len(one)-1]), []string{"a.npy", "truncated"}},
		{"long member", zipOf(t, zip.Deflate, "a.npy", append(slices.Clone(one), 0)), []string{"a.npy", "more follow"}},
		{"claims 2^40", zipOf(t, zip.Deflate, "a.npy", npyFile(npyHeaderOf("|u1", false, "(1099511627776,)"), 7)), []string{"a.npy", "unpacks to too much"}},
		{"claims 2^27", zipOf(t, zip.Deflate, "a.npy", npyFile(npyHeaderOf("|u1", false, "(134217728,)"), 7)), []string{"a.npy", "truncated"}},
		{"cut", zipOf(t, zip.Store, "a.npy", one)[:40], []string{"not a .npz file"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := writeFile(t, "a.npz", tc.content)
			var err error
			if used := allocated(func() { _, err = ReadNPZ(path) }); used > 1<<20 {
				t.Errorf("%d bytes allocated for a file of %d", used, len(tc.content))
			}
			wantError(t, err, append(tc.parts, path)...)
		})
	}
	_, err := ReadNPZ(t.TempDir())
	wantError(t, err, "not a .npz file")
}

// TestNPZBudgetIsShared: members that each fit but not together are refused, so that entries which share bytes cannot multiply them.
func TestNPZBudgetIsShared(t *testing.T) {
	const elements = 1 << 16
	array := npyFile(npyHeaderOf("|u1", false, "(65536,)"), make([]byte, elements)...)
	packed := zipOf(t, zip.Deflate, "a.npy", array)
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	m, used, err := decodeMember(z.File[0], "a", int64(len(array)))
	if err != nil || used != int64(len(array)) || m.Rows != elements {
		t.Fatalf("%d bytes used: %v", used, err)
	}
	_, _, err = decodeMember(z.File[0], "a", int64(len(array))-1)
	wantError(t, err, "unpacks to too much", fmt.Sprint(len(array)-1))
}

func FuzzNPZ(f *testing.F) {
	for _, file := range []string{"plain.npz", "deflated.npz"} {
		b, err := os.ReadFile("testdata/npy/" + file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(zipOf(f, zip.Store))
	f.Fuzz(func(t *testing.T, b []byte) {
		arrays, err := decodeNPZ(bytes.NewReader(b), "file", int64(len(b)))
		if err != nil {
			return
		}
		for name, m := range arrays {
			if m.Rows*m.Cols != len(m.Data) || len(m.Data) == 0 {
				t.Fatalf("%q: %d x %d with %d numbers", name, m.Rows, m.Cols, len(m.Data))
			}
		}
	})
}

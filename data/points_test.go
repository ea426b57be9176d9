package data

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCSV(t *testing.T) {
	inf := math.Inf(1)
	for _, tc := range []struct {
		name, text string
		opts       PointsOptions
		cols       int
		want       []float64
	}{
		{"plain", "1,2\n3,4\n", PointsOptions{}, 2, []float64{1, 2, 3, 4}},
		{"one column, no last newline", "1\n2", PointsOptions{}, 1, []float64{1, 2}},
		{"forms of numbers", "-1,+2.5,.5,5.,1e-3,1E+2\n", PointsOptions{}, 6, []float64{-1, 2.5, .5, 5, 1e-3, 100}},
		{"header", "x,y\n1,2\n", PointsOptions{}, 2, []float64{1, 2}},
		{"header with a gap", ",y\n1,2\n", PointsOptions{}, 2, []float64{1, 2}},
		{"header of numbers is data", "2019,2020\n1,2\n", PointsOptions{}, 2, []float64{2019, 2020, 1, 2}},
		{"spaces, quotes, CRLF", "\"x\", y\r\n 1 ,\"2\"\r\n", PointsOptions{}, 2, []float64{1, 2}},
		{"byte order mark", "\xef\xbb\xbf1,2\n", PointsOptions{}, 2, []float64{1, 2}},
		{"byte order mark and quoted header", "\xef\xbb\xbf\"x\",\"y\"\n1,2\n", PointsOptions{Columns: "x"}, 1, []float64{1}},
		{"blank lines", "1,2\n\n3,4\n\n", PointsOptions{}, 2, []float64{1, 2, 3, 4}},
		{"a range of columns", "1,2,3,4\n5,6,7,8\n", PointsOptions{Columns: "2-3"}, 2, []float64{2, 3, 6, 7}},
		{"columns in their order", "1,2,3,4\n", PointsOptions{Columns: "4, 1-2"}, 3, []float64{4, 1, 2}},
		{"names", "a,b,c\n1,2,3\n", PointsOptions{Columns: "c,a"}, 2, []float64{3, 1}},
		{"a name and a number", "a,b,c\n1,2,3\n", PointsOptions{Columns: "c,1"}, 2, []float64{3, 1}},
		{"a name with a dash", "a-b,c\n1,2\n", PointsOptions{Columns: "a-b"}, 1, []float64{1}},
		{"names over numbers", "a,2020\n1,2\n", PointsOptions{Columns: "a"}, 1, []float64{1}},
		{"words in other columns, no header", "1,2,red\n3,4,blue\n", PointsOptions{Columns: "1-2"}, 2, []float64{1, 2, 3, 4}},
		{"words in other columns, header", "x,y,colour\n3,4,blue\n", PointsOptions{Columns: "1-2"}, 2, []float64{3, 4}},
		{"infinity where allowed", "1,inf\n+Inf,2\n", PointsOptions{AllowInf: true}, 2, []float64{1, inf, inf, 2}},
	} {
		for _, content := range [][]byte{[]byte(tc.text), gzipped(t, []byte(tc.text))} {
			m, err := ReadPoints(writeFile(t, "points", content), tc.opts)
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
				continue
			}
			if m.Cols != tc.cols || m.Rows*m.Cols != len(m.Data) || !slices.Equal(m.Data, tc.want) {
				t.Errorf("%s: %d x %d, %v; want %d columns of %v", tc.name, m.Rows, m.Cols, m.Data, tc.cols, tc.want)
			}
		}
	}
}

func TestCSVFaults(t *testing.T) {
	for _, tc := range []struct {
		name, text, columns string
		parts               []string
	}{
		{"empty", "", "", []string{"the file is empty"}},
		{"blank", "\n\n", "", []string{"the file is empty"}},
		{"header only", "x,y\n", "", []string{"a header and no rows"}},
		{"beyond, in the first row", "1e400,2\n3,4\n", "", []string{"row 1, column 1", "1e400", "1.8e308"}},
		{"word", "x,y\n1,2\n3,four\n", "", []string{"row 3, column 2", "(\"y\")", `"four" is not a number`, "--columns"}},
		{"word after blank lines", "1,2\n\n\n3,four\n", "", []string{"row 4, column 2", `"four"`}},
		{"empty field", "1,2\n3,\n", "", []string{"row 2, column 2", "empty"}},
		{"empty first field", "1,\n3,4\n", "", []string{"row 1, column 2", "empty"}},
		{"first row of both", "1,x\n3,4\n", "", []string{"row 1", "numbers and words", "--columns"}},
		{"missing value in the first row", "1,NA\n3,4\n", "", []string{"row 1", "numbers and words"}},
		{"NaN", "1,2\n3,nan\n", "", []string{"row 2, column 2", "NaN"}},
		{"NaN in the first row", "NaN,2\n", "", []string{"row 1, column 1", "NaN"}},
		{"infinity", "1,2\nInf,2\n", "", []string{"row 2, column 1", "+Inf", "finite"}},
		{"overflow", "1,2\n1e999,2\n", "", []string{"row 2, column 1", "beyond"}},
		{"hexadecimal", "1,2\n0x10,2\n", "", []string{"row 2, column 1", "not a number"}},
		{"underscores", "1,2\n1_000,2\n", "", []string{"row 2, column 1", "not a number"}},
		{"short row", "1,2\n3\n", "", []string{"row 2", "fields is 1", "it 2"}},
		{"long row", "x,y\n1,2\n3,4,5\n", "", []string{"row 3", "fields is 3", "it 2"}},
		{"ragged by a comma", "1,2\n3,4,\n", "", []string{"row 2", "fields is 3"}},
		{"semicolons", "x;y\n1.5;2\n", "", []string{"row 2, column 1", "separated by commas"}},
		{"tabs", "x\ty\n1.5\t2\n", "", []string{"row 2, column 1", "separated by commas"}},
		{"open quote", "1,2\n\"3,4\n", "", []string{"row 2", "quote"}},
		{"stray quote", "1,2\n3,4\"5\n", "", []string{"row 2", "quote"}},
		{"UTF-16", "\xff\xfe1\x002\x00", "", []string{"UTF-16", "UTF-8"}},
		{"npz", "PK\x03\x04abcdefg", "", []string{".npz"}},
		{"column beyond", "1,2\n", "1-3", []string{`"1-3"`, "1 to 2"}},
		{"column 0", "1,2\n", "0", []string{`"0"`, "1 to 2"}},
		{"backwards", "1,2\n", "2-1", []string{`"2-1"`}},
		{"huge column", "1,2\n", "1-99999999999999999999", []string{"1 to 2"}},
		{"column twice", "1,2,3\n", "1-2,2", []string{"column 2 is chosen twice"}},
		{"unknown name", "a,b\n1,2\n", "c", []string{`"c"`, `"a,b"`}},
		{"name twice in the header", "a,a\n1,2\n", "a", []string{"columns 1 and 2 have this name"}},
		{"no name", "a,b\n1,2\n", "a,", []string{`columns ""`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := writeFile(t, "points.csv", []byte(tc.text))
			_, err := ReadPoints(path, PointsOptions{Columns: tc.columns})
			wantError(t, err, append(tc.parts, path)...)
			_, err = ReadPoints(path, PointsOptions{Columns: tc.columns, AllowInf: true})
			if tc.name != "infinity" {
				wantError(t, err, tc.parts...)
			}
		})
	}
	_, err := ReadPoints(writeFile(t, "a.csv", []byte("1,-inf\n")), PointsOptions{AllowInf: true})
	wantError(t, err, "row 1, column 2", "-Inf")
	cut := gzipped(t, []byte(strings.Repeat("1,2\n4,5\n", 100)))
	path := writeFile(t, "a.csv.gz", cut[:len(cut)-8])
	_, err = ReadPoints(path, PointsOptions{})
	wantError(t, err, path, "unexpected EOF")
}

func TestCSVRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		cols := rapid.IntRange(1, 4).Draw(r, "cols")
		rows := rapid.IntRange(1, 10).Draw(r, "rows")
		a := rapid.SliceOfN(rapid.Float64(), rows*cols, rows*cols).Draw(r, "values")
		var text strings.Builder
		for k, v := range a {
			fmt.Fprint(&text, v, map[bool]string{true: "\n", false: ","}[k%cols == cols-1])
		}
		m, err := DecodePoints(strings.NewReader(text.String()), "stream", PointsOptions{})
		if err != nil || m.Cols != cols || !slices.Equal(m.Data, a) {
			r.Fatalf("%q: %v, %v", text.String(), m, err)
		}
	})
}

func TestPointsFromNPY(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	file := func(a ...float64) string {
		var buf bytes.Buffer
		if err := WriteNPY(&buf, len(a)/3, 3, a); err != nil {
			t.Fatal(err)
		}
		return writeFile(t, "a", buf.Bytes())
	}
	m, err := ReadPoints(file(1, 2, 3, 4, 5, 6), PointsOptions{Columns: "3,1"})
	if err != nil || m.Rows != 2 || m.Cols != 2 || !slices.Equal(m.Data, []float64{3, 1, 6, 4}) {
		t.Errorf("chosen columns: %v, %v", m, err)
	}
	path := file(1, 2, 3, 4, nan, 6)
	_, err = ReadPoints(path, PointsOptions{AllowInf: true})
	wantError(t, err, path, "row 2, column 2", "NaN")
	if m, err = ReadPoints(path, PointsOptions{Columns: "1,3"}); err != nil || !slices.Equal(m.Data, []float64{1, 3, 4, 6}) {
		t.Errorf("without the column of the NaN: %v, %v", m, err)
	}
	path = file(1, 2, inf, 4, 5, 6)
	_, err = ReadPoints(path, PointsOptions{})
	wantError(t, err, path, "row 1, column 3", "+Inf")
	if m, err = ReadPoints(path, PointsOptions{AllowInf: true}); err != nil || m.Data[2] != inf {
		t.Errorf("infinity where allowed: %v, %v", m, err)
	}
	_, err = ReadPoints(file(1, 2, -inf), PointsOptions{AllowInf: true})
	wantError(t, err, "row 1, column 3", "-Inf")
	_, err = ReadPoints(path, PointsOptions{Columns: "x"})
	wantError(t, err, path, "no names")
	for _, name := range []string{"a.npy", "a.NPY", "a.npy.gz"} {
		_, err = ReadPoints(writeFile(t, name, []byte("1,2\n")), PointsOptions{})
		wantError(t, err, "not a .npy file")
	}
}

func TestTabularFiles(t *testing.T) {
	for _, tc := range []struct {
		file, columns string
		rows, cols    int
		last          []float64
	}{
		{"iris.csv", "1-4", 150, 4, []float64{5.9, 3, 5.1, 1.8}},
		{"geyser.csv", "duration,waiting", 272, 2, []float64{4.467, 74}},
		{"diamonds.csv.gz", "carat,5-7,z", 53940, 5, []float64{.75, 62.2, 55, 2757, 3.64}},
	} {
		path := shared(t, "tabular/"+tc.file)
		m, err := ReadPoints(path, PointsOptions{Columns: tc.columns})
		if err != nil {
			t.Error(err)
			continue
		}
		if m.Rows != tc.rows || m.Cols != tc.cols || !slices.Equal(m.Data[len(m.Data)-m.Cols:], tc.last) {
			t.Errorf("%s: %d x %d, last row %v", tc.file, m.Rows, m.Cols, m.Data[len(m.Data)-m.Cols:])
		}
		_, err = ReadPoints(path, PointsOptions{})
		wantError(t, err, "row 2", "not a number")
	}
	_, err := ReadPoints(shared(t, "tabular/mpg.csv"), PointsOptions{Columns: "1-4"})
	wantError(t, err, "row 34, column 4", "horsepower", "empty")
}

func TestOpenPointsHoldsAFifthOut(t *testing.T) {
	var text strings.Builder
	for i := range 103 {
		fmt.Fprintf(&text, "%d,%d\n", i, -i)
	}
	path := writeFile(t, "my points.csv.gz", gzipped(t, []byte(text.String())))
	src, err := Open("points:"+path, 1)
	if err != nil {
		t.Fatal(err)
	}
	if src.Name != "my points" || src.Train.N != 83 || src.Test.N != 20 || src.Train.Dim != 2 || src.Train.H != 0 {
		t.Errorf("%q: %d and %d rows of %d", src.Name, src.Train.N, src.Test.N, src.Train.Dim)
	}
	seen := make([]int, 103)
	for _, p := range [][]float32{src.Train.Points, src.Test.Points} {
		for k := 0; k < len(p); k += 2 {
			seen[int(p[k])]++
			if p[k+1] != -p[k] {
				t.Fatalf("point (%v, %v)", p[k], p[k+1])
			}
		}
	}
	if slices.ContainsFunc(seen, func(n int) bool { return n != 1 }) {
		t.Errorf("rows drawn %v times", seen)
	}
	other, err := Open("points:"+path, 2)
	if err != nil || !slices.Equal(other.Test.Points, src.Test.Points) {
		t.Errorf("another seed holds out other rows: %v", err)
	}

	few, err := OpenPoints(writeFile(t, "few.csv", []byte("1\n2\n3\n4\n")), PointsOptions{})
	if err != nil || few.Train.N != 4 || few.Test != nil {
		t.Errorf("four rows: %v, %v", few, err)
	}
	_, err = OpenPoints(writeFile(t, "a.csv", []byte("1,2\n3,1e39\n")), PointsOptions{})
	wantError(t, err, "point 2, coordinate 2", "float32")
	_, err = OpenPoints(writeFile(t, "a.csv", []byte("1,2\n3,inf\n")), PointsOptions{AllowInf: true})
	wantError(t, err, "row 2, column 2")
	_, err = Open("points:"+path+".absent", 1)
	wantError(t, err, ".absent")
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"1,2\n3,4\n", "x,y\n1,2\n", "\xef\xbb\xbf\"a\n\",b\n1,2", "1;2\n", "\"", "1,inf\n", "a,1\n", ",\n", "\r\n1\r\n"} {
		f.Add([]byte(s), "")
		f.Add([]byte(s), "1-2")
		f.Add([]byte(s), "b,1")
	}
	f.Add(gzipped(f, []byte("1,2\n")), "2")
	f.Fuzz(func(t *testing.T, b []byte, columns string) {
		for _, inf := range []bool{false, true} {
			m, err := DecodePoints(bytes.NewReader(b), "file", PointsOptions{Columns: columns, AllowInf: inf})
			if err != nil {
				if !strings.HasPrefix(err.Error(), "file: ") {
					t.Fatalf("the error does not name the file: %v", err)
				}
				continue
			}
			if m.Rows <= 0 || m.Cols <= 0 || m.Rows*m.Cols != len(m.Data) {
				t.Fatalf("%d x %d with %d numbers", m.Rows, m.Cols, len(m.Data))
			}
			for _, v := range m.Data {
				if !(math.Abs(v) <= math.MaxFloat64 || inf && v > 0) {
					t.Fatalf("value %v", v)
				}
			}
		}
	})
}

func BenchmarkReadCSV(b *testing.B) {
	text := []byte(strings.Repeat("0.123456,-7.890123,4.5\n", 20000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := DecodePoints(bytes.NewReader(text), "b", PointsOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

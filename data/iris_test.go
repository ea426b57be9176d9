package data_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
)

// TestIrisComponents: the variances of the first three principal components are 4.2001, .2411 and .0777 (eigenvalues of the covariance
// by NumPy, with 1/n), the components are uncorrelated, and there are fifty flowers of each species.
func TestIrisComponents(t *testing.T) {
	const path = "../../shared/data/tabular/iris.csv"
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is absent", path)
	}
	s, err := data.Open("iris:"+path, 1)
	if err != nil {
		t.Fatal(err)
	}
	d := s.Train
	if d.N != 150 || d.Dim != 3 {
		t.Fatalf("%d rows of %d", d.N, d.Dim)
	}
	for a := range 3 {
		for b := range 3 {
			var sum float64
			for i := range 150 {
				sum += float64(d.Points[3*i+a]) * float64(d.Points[3*i+b]) / 150
			}
			want := 0.
			if a == b {
				want = []float64{4.20005343, .24105294, .0776881}[a]
			}
			if !(math.Abs(sum-want) <= 1e-6) {
				t.Errorf("covariance of components %d and %d: %.8f, want %.8f", a, b, sum, want)
			}
		}
	}
	for i, class := range d.Labels {
		if class != i/50 {
			t.Fatalf("flower %d has class %d", i, class)
		}
	}
}

func TestIrisOfAnotherFile(t *testing.T) {
	for text, want := range map[string]string{
		"1,2,3,4\n5,6,7,8\n":                  "column 5",
		"a,b,c,d,e\n1,2,3,4,x\n1,2,3,4,y\n":   "principal components",
		"a,b,c,d,e\n1,2,3,x,s\n":              "column 4",
		"a,b,c,d,e\n1,2,3,4,\"s\n1,2,3,4,s\n": "iris.csv",
	} {
		path := filepath.Join(t.TempDir(), "iris.csv")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := data.OpenIris(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want an error with %q, got %v", text, want, err)
		}
	}
}

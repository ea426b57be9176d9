package nn

import (
	"slices"
	"testing"
)

func TestTensorShapes(t *testing.T) {
	x := TensorOf([]float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 2, 3, 2)
	if x.Size() != 12 || x.Rows() != 6 || x.Cols() != 2 || x.String() != "[2 3 2]" {
		t.Errorf("size %d, rows %d, cols %d, %v", x.Size(), x.Rows(), x.Cols(), x)
	}
	if v := TensorOf([]float64{1, 2, 3}, 3); v.Rows() != 1 || v.Cols() != 3 {
		t.Errorf("a vector is %d x %d", v.Rows(), v.Cols())
	}
	y := x.Reshape(4, -1)
	if !slices.Equal(y.Shape(), []int{4, 3}) {
		t.Errorf("Reshape gives %v", y)
	}
	y.Data()[5] = 50
	if x.Data()[5] != 50 {
		t.Error("Reshape copies")
	}
	s := x.Slice(1, 2)
	if !slices.Equal(s.Shape(), []int{1, 3, 2}) || !slices.Equal(s.Data(), []float64{6, 7, 8, 9, 10, 11}) {
		t.Errorf("Slice gives %v %v", s, s.Data())
	}
	if cap(x.Slice(0, 1).Data()) != 6 {
		t.Error("a slice's data can grow into its neighbour")
	}
	if z := s.Reshape(3, 2).Slice(1, 3); !slices.Equal(z.Data(), []float64{8, 9, 10, 11}) {
		t.Errorf("a view of a view is %v", z.Data())
	}
	if e := NewTensor[float32](0, 4); e.Size() != 0 || len(e.Data()) != 0 || e.Slice(0, 0).Size() != 0 {
		t.Error("an empty tensor has elements")
	}
}

func TestTensorPanics(t *testing.T) {
	x := NewTensor[float64](2, 3)
	for name, f := range map[string]func(){
		"no dimension":       func() { NewTensor[float64]() },
		"negative":           func() { NewTensor[float64](-1, -1) },
		"wrong length":       func() { TensorOf([]float64{1}, 2) },
		"short storage":      func() { TensorIn[float64](Host[float64](x.Data()), 1, 6) },
		"negative offset":    func() { TensorIn[float64](Host[float64](x.Data()), -1, 2) },
		"reshape":            func() { x.Reshape(5) },
		"reshape remainder":  func() { x.Reshape(4, -1) },
		"reshape two free":   func() { x.Reshape(-1, -1) },
		"slice beyond":       func() { x.Slice(1, 3) },
		"slice backwards":    func() { x.Slice(1, 0) },
		"slice before":       func() { x.Slice(-1, 1) },
		"data of a device":   func() { TensorIn[float64](remote(6), 0, 6).Data() },
		"copy of other size": func() { NewCPU[float64](nil).Copy(x, NewTensor[float64](7)) },
		"upload":             func() { NewCPU[float64](nil).Upload(x, make([]float64, 5)) },
		"gemm":               func() { NewCPU[float64](nil).Gemm(false, false, 1, x, x, 0, x) },
		"adam": func() {
			NewCPU[float64](nil).Adam(x, x, NewTensor[float64](7), x, nil)
		},
	} {
		wantPanic(t, name, "nn: ", f)
	}
}

// remote is a storage that the host cannot address.
type remote int

func (r remote) Len() int        { return int(r) }
func (r remote) Data() []float64 { return nil }

func TestWorkspace(t *testing.T) {
	w := NewWorkspace[float64](NewCPU[float64](nil))
	a := w.Tensor(0, 2, 3)
	b := w.Tensor(1, 4)
	first := &a.Data()[0]
	if a.Size() != 6 || b.Size() != 4 {
		t.Fatalf("shapes %v and %v", a, b)
	}
	if c := w.Tensor(0, 1, 1, 2); &c.Data()[0] != first || !slices.Equal(c.Shape(), []int{1, 1, 2}) {
		t.Error("a smaller tensor takes new memory")
	}
	if c := w.Tensor(0, 3, 2); &c.Data()[0] != first {
		t.Error("the first size again takes new memory")
	}
	if c := w.Tensor(0, 7); c.Size() != 7 || len(c.Data()) != 7 {
		t.Error("a larger tensor is too short")
	}
	if c := w.WithCols(1, TensorOf(make([]float64, 6), 1, 2, 3), 5); !slices.Equal(c.Shape(), []int{1, 2, 5}) {
		t.Errorf("WithCols gives %v", c)
	}
}

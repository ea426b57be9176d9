package nn

import (
	"slices"
	"strings"
	"testing"
)

// A residual block by a graph is what its parts give, added by hand.
func TestGraphResidual(t *testing.T) {
	ops := NewCPU[float64](nil)
	a, b := NewLinear(ops, 3, 3), NewLinear(ops, 3, 3)
	copy(a.Weight.Value.Data(), drawInput[float64](1, 9).Data())
	copy(b.Weight.Value.Data(), drawInput[float64](2, 9).Data())
	g, err := NewGraph(ops, []int{3}, Node[float64]{Name: "a", Layer: a}, Node[float64]{Name: "b", Layer: b}, Node[float64]{Name: "sum", From: []string{"b", Input}})
	if err != nil {
		t.Fatal(err)
	}
	x := drawInput[float64](3, 4, 3)
	y := slices.Clone(g.Forward(x).Data())
	a2, b2 := a.Share(), b.Share()
	want := b2.Forward(a2.Forward(x))
	for i, v := range want.Data() {
		if y[i] != v+x.Data()[i] {
			t.Fatalf("entry %d is %v, want %v", i, y[i], v+x.Data()[i])
		}
	}
	var names []string
	for _, p := range g.Params() {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "a.weight a.bias b.weight b.bias" {
		t.Errorf("names %s", got)
	}
	if g.Backward(drawNormal(4, want), WantParams) != nil {
		t.Error("WantParams returns dx")
	}
}

func TestGraphRefuses(t *testing.T) {
	ops := NewCPU[float64](nil)
	lin := func(in, out int) Layer[float64] { return NewLinear(ops, in, out) }
	shared := NewLinear(ops, 3, 3)
	for _, c := range []struct {
		want  string
		nodes []Node[float64]
	}{
		{"no nodes", nil},
		{`name ""`, []Node[float64]{{Layer: lin(3, 3)}}},
		{`name "input"`, []Node[float64]{{Name: "input", Layer: lin(3, 3)}}},
		{`name "a" is empty, reserved or taken`, []Node[float64]{{Name: "a", Layer: lin(3, 3)}, {Name: "a", Layer: lin(3, 3)}}},
		{`no node "b" before it`, []Node[float64]{{Name: "a", Layer: lin(3, 3), From: []string{"b"}}, {Name: "b", Layer: lin(3, 3)}}},
		{`takes "input" twice`, []Node[float64]{{Name: "a", Layer: lin(3, 3), From: []string{"input", "input"}}}},
		{`node "b": nn: Linear(3, 2): input of shape [1 4], want last dimension 3`, []Node[float64]{{Name: "a", Layer: lin(3, 4)}, {Name: "b", Layer: lin(3, 2)}}},
		{`node "sum" adds shape [1 3] of "input" to shape [1 4] of "a"`, []Node[float64]{{Name: "a", Layer: lin(3, 4)}, {Name: "sum", From: []string{"a", "input"}}}},
		{`"b" is the layer "a" again`, []Node[float64]{{Name: "a", Layer: shared}, {Name: "b", Layer: shared}}},
		{`"b" shares its weight with "a"; declare it by Tied`, []Node[float64]{{Name: "a", Layer: shared}, {Name: "b", Layer: shared.Share()}}},
	} {
		if _, err := NewGraph(ops, []int{3}, c.nodes...); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "n") {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	g, err := NewGraph(ops, []int{3}, Node[float64]{Name: "a", Layer: shared}, Node[float64]{Name: "b", Layer: Tied(shared.Share())})
	if err != nil || len(g.Params()) != 2 {
		t.Errorf("a declared sharing: %v", err)
	}
	wantPanic(t, "shared", "declare it by Tied", func() { NewSequential[float64](shared, NewSequential[float64](NewTanh(ops), shared.Share())) })
}

// The gradients of a tied layer add to those of the layer it is tied to: f(f(x)) of a linear f without bias has d/dw w^2 x = 2 w x.
func TestTiedGradient(t *testing.T) {
	ops := NewCPU[float64](nil)
	l := NewLinear(ops, 1, 1)
	l.Weight.Value.Data()[0] = 3
	net := NewSequential[float64](Tied(l.Share()), l)
	net.Forward(TensorOf([]float64{5}, 1, 1))
	net.Backward(TensorOf([]float64{1}, 1, 1), WantParams)
	if got := l.Weight.Grad.Data()[0]; got != 30 {
		t.Errorf("gradient %v, want 30", got)
	}
	if len(net.Params()) != 2 || net.Params()[0].Name != "1.weight" {
		t.Errorf("parameters %v", net.Params())
	}
}

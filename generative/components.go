package generative

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

// components is the layer x = centre_c + matrix_c w on latent points (u, w), the component being c = floor(k u).
type components struct {
	centre, matrix *nn.Param[float32] // [k, d] and [k, d, d]
	ops            nn.Ops[float32]
	work           *nn.Workspace[float32]
	z, x           *nn.Tensor[float32]
}

func newComponentsLayer(ops nn.Ops[float32], k, d int) *components {
	param := func(name string, shape ...int) *nn.Param[float32] {
		return &nn.Param[float32]{Name: name, Value: nn.NewTensor[float32](shape...), Grad: nn.NewTensor[float32](shape...)}
	}
	return &components{centre: param("centre", k, d), matrix: param("matrix", k, d, d), ops: ops, work: nn.NewWorkspace(ops)}
}

func (l *components) sizes() (k, d int) { return l.centre.Value.Rows(), l.centre.Value.Cols() }

// spread puts the centres on rows of the data, far from each other, and makes the matrices a multiple of the identity as large as half
// the standard deviation of a coordinate. Without rows the centres are normal and the matrices the identity.
//
// Each centre after the first is drawn with a probability proportional to its squared distance from those before. Source: k-means++,
// Arthur and Vassilvitskii 2007.
func (l *components) spread(rows []float32, n int, rng *rand.Rand) {
	k, d := l.sizes()
	size := 1.
	if n == 0 {
		random.Normal(rng, l.centre.Value.Data(), 0, 1)
	} else {
		size = .5 * math.Sqrt(variance(rows, n, d)/float64(d))
		near := make([]float64, n)
		for i := range near {
			near[i] = 1
		}
		for c := range k {
			centre := l.centre.Value.Data()[c*d : (c+1)*d]
			i := pick(near, rng.Float64())
			copy(centre, rows[i*d:(i+1)*d])
			for j := range near {
				var q float64
				for a, v := range centre {
					t := float64(rows[j*d+a] - v)
					q += t * t
				}
				if c == 0 {
					near[j] = q
				}
				near[j] = min(near[j], q)
			}
		}
	}
	clear(l.matrix.Value.Data())
	for c := range k {
		for a := range d {
			l.matrix.Value.Data()[(c*d+a)*d+a] = float32(size)
		}
	}
}

// variance returns the sum over the coordinates of their variances.
func variance(rows []float32, n, d int) (sum float64) {
	for a := range d {
		var mean, q float64
		for i := range n {
			mean += float64(rows[i*d+a]) / float64(n)
		}
		for i := range n {
			t := float64(rows[i*d+a]) - mean
			q += t * t
		}
		sum += q / float64(n)
	}
	return sum
}

// pick returns the index at which the running sum of w passes the share u of its total.
func pick(w []float64, u float64) int {
	var total float64
	for _, v := range w {
		total += v
	}
	left := u * total
	for i, v := range w {
		if left -= v; left < 0 {
			return i
		}
	}
	return len(w) - 1
}

// component returns the index that a latent coordinate names.
func (l *components) component(u float32) int {
	k, _ := l.sizes()
	return min(max(int(u*float32(k)), 0), k-1)
}

// Forward returns x [rows, d] for z [rows, 1+d].
func (l *components) Forward(z *nn.Tensor[float32]) *nn.Tensor[float32] {
	_, d := l.sizes()
	l.z, l.x = z, l.work.Tensor(0, z.Rows(), d)
	centre, matrix := l.centre.Value.Data(), l.matrix.Value.Data()
	for i := range z.Rows() {
		zi, xi := z.Data()[i*(d+1):(i+1)*(d+1)], l.x.Data()[i*d:(i+1)*d]
		c := l.component(zi[0])
		for a := range d {
			s := centre[c*d+a]
			for b, w := range zi[1:] {
				s += matrix[(c*d+a)*d+b] * w
			}
			xi[a] = s
		}
	}
	return l.x
}

// Backward adds to the gradients of centre and matrix. Latent points have none here: nil is returned.
func (l *components) Backward(dx *nn.Tensor[float32], want nn.Want) *nn.Tensor[float32] {
	if want&nn.WantParams == 0 {
		return nil
	}
	_, d := l.sizes()
	centre, matrix := l.centre.Grad.Data(), l.matrix.Grad.Data()
	for i := range l.z.Rows() {
		zi, di := l.z.Data()[i*(d+1):(i+1)*(d+1)], dx.Data()[i*d:(i+1)*d]
		c := l.component(zi[0])
		for a, g := range di {
			// forward: x_a = centre_a + sum_b matrix_ab w_b
			centre[c*d+a] += g
			for b, w := range zi[1:] {
				matrix[(c*d+a)*d+b] += g * w
			}
		}
	}
	return nil
}

// Params returns centre and matrix.
func (l *components) Params() []*nn.Param[float32] { return []*nn.Param[float32]{l.centre, l.matrix} }

// OutputShape replaces the last dimension, which must be 1+d.
func (l *components) OutputShape(in []int) ([]int, error) {
	_, d := l.sizes()
	if len(in) != 2 || in[1] != d+1 {
		return nil, fmt.Errorf("generative: %v: input of shape %v, want [rows %d]", l, in, d+1)
	}
	return []int{in[0], d}, nil
}

// Share returns a layer with the same parameters and its own output.
func (l *components) Share() nn.Layer[float32] {
	return &components{centre: l.centre, matrix: l.matrix, ops: l.ops, work: nn.NewWorkspace(l.ops)}
}

// String returns "Components(k, d)".
func (l *components) String() string {
	k, d := l.sizes()
	return fmt.Sprintf("Components(%d, %d)", k, d)
}

// Inside reports which of the k ellipsoids of a model the point x lies in:
//
//	|matrix_c^-1 (x - centre_c)| <= 1
//
// It returns nil for any other model.
func (o *Fit) Inside(x []float32) []bool {
	l, ok := o.model.net.(*components)
	if !ok || o.model.kind != "ellipsoids" {
		return nil
	}
	k, d := l.sizes()
	inside := make([]bool, k)
	a, r := mat.NewDense(d, d, nil), mat.NewVecDense(d, nil)
	for c := range k {
		for i := range d {
			r.SetVec(i, float64(x[i]-l.centre.Value.Data()[c*d+i]))
			for j := range d {
				a.Set(i, j, float64(l.matrix.Value.Data()[(c*d+i)*d+j]))
			}
		}
		var w mat.VecDense
		inside[c] = w.SolveVec(a, r) == nil && mat.Norm(&w, 2) <= 1
	}
	return inside
}

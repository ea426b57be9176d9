package generative

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mathext"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

// A Model makes points from noise: a differentiable function of latent points, and the law of those.
type Model struct {
	ops    nn.Ops[float32]
	net    nn.Layer[float32]
	latent int
	dim    int
	kind   string
	prior  prior // of a network, its name "" where the law is none of [Priors]

	hostOnly bool // the layer reads its parameters on the host

	// draw fills z, rows x latent, with draws of the prior.
	draw func(z []float32, noise *rand.Rand)
	// point maps one point u of the unit cube to the latent space so that uniform u have the law of the prior.
	point func(dst, u []float32)
	// spread scales the parameters to data, given rows of it; nil where there is nothing to scale.
	spread func(rows []float32, n int)

	decoder nn.Layer[float32] // the same parameters with activations of their own, so that a picture disturbs no step
}

// NewMLPModel returns a network on latent points of one of [Priors], of dimension Sizes[0]. Its weights are drawn by Xavier's uniform law
// from the stream "init" of the seed, and its biases are 0.
func NewMLPModel(ops nn.Ops[float32], d nn.MLP, prior string, seed uint64) (*Model, error) {
	net, err := nn.NewMLP(ops, d, random.New(seed, "init"), nn.XavierUniform(1), nil)
	if err != nil {
		return nil, err
	}
	return newNetwork(ops, net, d.Sizes[0], prior)
}

// NewModel returns the model that a network made by the table ops is on latent points of a law: net takes rows of law.Dim numbers to the points.
// An [AutoEncoder] wants a law of [NewPrior].
func NewModel(ops nn.Ops[float32], net nn.Layer[float32], law Prior) (*Model, error) {
	latent := law.Dim()
	if latent < 1 {
		return nil, fmt.Errorf("generative: the prior %v of dimension %d, want a positive number", law, latent)
	}
	out, err := net.OutputShape([]int{1, latent})
	if err != nil {
		return nil, err
	}
	m := &Model{ops: ops, net: net, latent: latent, decoder: net.Share(), kind: "network on " + law.String(), draw: law.Draw, point: law.Point}
	m.dim = product(out[1:])
	m.prior, _ = law.(prior)
	nn.SetTraining(m.decoder, false)
	return m, nil
}

// newNetwork is [NewModel] for one of [Priors].
func newNetwork(ops nn.Ops[float32], net nn.Layer[float32], latent int, name string) (*Model, error) {
	law, err := NewPrior(name, latent)
	if err != nil {
		return nil, err
	}
	return NewModel(ops, net, law)
}

// NewEllipsoidsModel returns the uniform law on each of k ellipsoids of R^dim with equal weights, overlaps counted as often as they are
// covered:
//
//	x = centre_c + matrix_c w          c uniform on 0..k-1, w uniform in the unit ball
//
// The parameters are "centre" (k x dim) and "matrix" (k x dim x dim). A latent point is (c + 1/2)/k and w.
func NewEllipsoidsModel(ops nn.Ops[float32], k, dim int, seed uint64) (*Model, error) {
	return newComponents(ops, "ellipsoids", k, dim, seed, ballPoint)
}

// NewMixtureModel returns an equal mixture of k Gaussians of R^dim, of covariances matrix_c matrix_c^T:
//
//	x = centre_c + matrix_c w          c uniform on 0..k-1, w standard normal
//
// Parameters and latent points are as in [NewEllipsoidsModel].
func NewMixtureModel(ops nn.Ops[float32], k, dim int, seed uint64) (*Model, error) {
	return newComponents(ops, "mixture", k, dim, seed, normalPoint)
}

func newComponents(ops nn.Ops[float32], kind string, k, dim int, seed uint64, shape func(w, u []float32)) (*Model, error) {
	if k < 1 || dim < 1 {
		return nil, fmt.Errorf("generative: %d components of dimension %d, want both positive", k, dim)
	}
	net := newComponentsLayer(ops, k, dim)
	point := func(dst, u []float32) {
		dst[0] = (float32(math.Floor(float64(u[0])*float64(k))) + .5) / float32(k)
		shape(dst[1:], u[1:])
	}
	m := &Model{ops: ops, hostOnly: true, net: net, latent: dim + 1, dim: dim, kind: kind, point: point, decoder: net.Share()}
	u := make([]float32, dim+1)
	m.draw = func(z []float32, noise *rand.Rand) {
		for i := 0; i < len(z); i += m.latent {
			for j := range u {
				u[j] = float32(noise.Float64()*(1-0x1p-20) + 0x1p-21) // within (0, 1) after rounding
			}
			point(z[i:i+m.latent], u)
		}
	}
	m.spread = func(rows []float32, n int) { net.spread(rows, n, random.New(seed, "init").Rand) }
	m.spread([]float32{}, 0)
	return m, nil
}

// normalPoint maps u to independent standard normal coordinates.
func normalPoint(w, u []float32) {
	for j, v := range u {
		w[j] = float32(math.Sqrt2 * math.Erfinv(2*min(max(float64(v), 0x1p-21), 1-0x1p-21)-1))
	}
}

// ballPoint maps u to the unit ball: the direction of a normal point w, and the d-th root of the probability that one is shorter than it.
//
//	P(|w|^2 <= q) = the regularised lower incomplete gamma function of (d/2, q/2)
func ballPoint(w, u []float32) {
	normalPoint(w, u)
	var q float64
	for _, v := range w {
		q += float64(v) * float64(v)
	}
	if q == 0 {
		return
	}
	d := float64(len(w))
	r := math.Pow(mathext.GammaIncReg(d/2, q/2), 1/d) / math.Sqrt(q)
	for j := range w {
		w[j] *= float32(r)
	}
}

// Dim returns the dimension of the points.
func (m *Model) Dim() int { return m.dim }

// Params returns the parameters.
func (m *Model) Params() []*nn.Param[float32] { return m.net.Params() }

// sample fills dst, rows x dim, with the images of draws of the prior.
func (m *Model) sample(dst []float32, rows int, noise *rand.Rand) {
	z := make([]float32, rows*m.latent)
	m.draw(z, noise)
	m.decode(dst, z, rows)
}

// decodeRows bounds the activations that decoding holds.
const decodeRows = 256

// decode fills dst, rows x dim, with the images of latent points, a batch at a time.
func (m *Model) decode(dst, z []float32, rows int) {
	for lo := 0; lo < rows; lo += decodeRows {
		hi := min(lo+decodeRows, rows)
		x := m.decoder.Forward(placed(m.ops, z[lo*m.latent:hi*m.latent], hi-lo, m.latent))
		copy(dst[lo*m.dim:hi*m.dim], x.Values())
	}
}

// placed returns a tensor of data where ops computes: on it, if that is the host.
func placed(ops nn.Ops[float32], data []float32, shape ...int) *nn.Tensor[float32] {
	t := nn.TensorOf(data, shape...)
	if !nn.OnHost(ops) {
		t = nn.TensorIn(ops.Alloc(len(data)), 0, shape...)
		ops.Upload(t, data)
	}
	return t
}

// shape identifies the kind and the sizes of the model.
func (m *Model) shape() []byte {
	b := []byte(m.kind)
	for _, p := range m.net.Params() {
		for _, n := range p.Value.Shape() {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	return binary.AppendUvarint(b, uint64(m.latent))
}

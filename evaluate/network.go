package evaluate

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// digitsFile holds the classifier classifier-small-28 of package nn, trained on MNIST; docs/eval.md has the command.
//
//go:embed digits.safetensors
var digitsFile []byte

// A Network is a classifier that is no longer trained. What enters its last layer are its features. It serves one call at a time.
type Network struct {
	Name   string // that measures in its features end in
	SHA256 string // of its file
	Model  nn.Model

	layers   []nn.Layer[float32]
	features int
}

// Digits returns the network "digits", which is part of the package: 28 x 28 grey pixels to 128 features and 10 logits, 98.99 % of MNIST's
// test images right. run nil means the caller alone.
func Digits(run kernels.Runner) (*Network, error) {
	return newNetwork(nn.NewCPU[float32](run), "digits", digitsFile)
}

// DigitsFeatures returns the layers of [Digits] before its last on a table of operations; see [Network.Features].
func DigitsFeatures(ops nn.Ops[float32]) (nn.Layer[float32], error) {
	w, err := newNetwork(ops, "digits", digitsFile)
	if err != nil {
		return nil, err
	}
	return w.Features(), nil
}

// OpenNetwork returns a network from a file of weights that says of which architecture they are, such as weights.safetensors of a run of the
// objective classifier; see [nn.OpenModel].
func OpenNetwork(run kernels.Runner, name, path string) (*Network, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	w, err := newNetwork(nn.NewCPU[float32](run), name, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

func newNetwork(ops nn.Ops[float32], name string, file []byte) (*Network, error) {
	l, m, err := nn.OpenModelFrom(ops, bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, err
	}
	net, ok := l.(*nn.Sequential[float32])
	if !ok || len(m.Output) != 1 || m.Output[0] < 2 || len(net.Layers()) < 2 {
		return nil, fmt.Errorf("evaluate: the network %s is no classifier: want layers one after the other and at least two logits", m.Name)
	}
	w := &Network{Name: name, Model: m, layers: net.Layers()}
	shape := append([]int{1}, m.Input...)
	for _, l := range w.layers[:len(w.layers)-1] {
		if shape, err = l.OutputShape(shape); err != nil {
			return nil, err
		}
	}
	w.features = product(shape)
	sum := sha256.Sum256(file)
	w.SHA256 = hex.EncodeToString(sum[:])
	return w, nil
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Dim returns the numbers of a row.
func (w *Network) Dim() int { return product(w.Model.Input) }

// FeatureDim returns the number of features.
func (w *Network) FeatureDim() int { return w.features }

// Classes returns the number of logits.
func (w *Network) Classes() int { return w.Model.Output[0] }

// Features returns the layers before the last, from rows to their features. They are those of the network: what trains them changes it.
func (w *Network) Features() nn.Layer[float32] {
	return nn.NewSequential(nn.NewReshape[float32](w.Model.Input...), nn.NewSequential(w.layers[:len(w.layers)-1]...))
}

// Reads reports whether images of that shape are what the network was made for.
func (w *Network) Reads(channels, height, width int) bool {
	in := w.Model.Input
	return len(in) == 3 && in[0] == channels && in[1] == height && in[2] == width
}

// readRows bounds the activations that reading holds.
const readRows = 256

// Read fills features, rows x FeatureDim, and logits, rows x Classes, for the rows of x. It is an error when a length does not fit or an
// output is not finite.
func (w *Network) Read(features, logits, x []float32, rows int) error {
	dim := w.Dim()
	if len(x) != rows*dim || len(features) != rows*w.FeatureDim() || len(logits) != rows*w.Classes() {
		return fmt.Errorf("evaluate: %d numbers for %d rows, want %d each, and %d features and %d logits", len(x), rows, dim, w.FeatureDim(), w.Classes())
	}
	f, c := features, logits
	for lo := 0; lo < rows; lo += readRows {
		hi := min(lo+readRows, rows)
		y := nn.TensorOf(x[lo*dim:hi*dim], append([]int{hi - lo}, w.Model.Input...)...)
		for i, l := range w.layers {
			if i == len(w.layers)-1 {
				f = f[copy(f, y.Data()):]
			}
			y = l.Forward(y)
		}
		c = c[copy(c, y.Data()):]
	}
	for _, out := range [][]float32{features, logits} {
		for _, v := range out {
			if v-v != 0 {
				return errors.New("evaluate: the network's output is not finite: are the rows?")
			}
		}
	}
	return nil
}

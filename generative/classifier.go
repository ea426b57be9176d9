package generative

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/nn"
)

// ClassifierConfig holds the settings of [NewClassifier].
type ClassifierConfig struct {
	Batch     int     // rows a step
	Optimizer string  // adam or rmsprop
	Rate      float64 // learning rate
	HalfLife  float64 // steps in which the rate halves; 0 for a constant rate
}

// Classifier learns the classes of labelled rows. It makes no points; what it learned serves as a network of features.
//
//	(x, c) a batch of data
//	theta <- optimiser(theta, d/dtheta of the mean of log(sum_j e^f_theta(x)[j]) - f_theta(x)[c])
type Classifier struct {
	cfg   ClassifierConfig
	net   *nn.Sequential[float32]
	in    []int // shape of a row
	group *nn.Group[float32]
	ops   nn.Ops[float32]
	done  uint64 // steps

	x, class *nn.Mirror[float32]
	dy       *nn.Tensor[float32]
	labels   []int

	reader   *nn.Sequential[float32] // the same parameters out of training, with activations of its own
	features int                     // numbers that enter the last layer
}

// NewClassifier returns the objective at step 0. net maps rows of shape in to one logit a class; its last layer reads the features.
func NewClassifier(ops nn.Ops[float32], net *nn.Sequential[float32], in []int, cfg ClassifierConfig) (*Classifier, error) {
	if cfg.Batch < 1 {
		return nil, fmt.Errorf("generative: batch %d, want a positive number", cfg.Batch)
	}
	if !(cfg.HalfLife >= 0) || math.IsInf(cfg.HalfLife, 1) {
		return nil, fmt.Errorf("generative: half-life %g of the rate, want a number of steps >= 0", cfg.HalfLife)
	}
	shape := append([]int{cfg.Batch}, in...)
	out, err := net.OutputShape(shape)
	if err != nil {
		return nil, err
	}
	if len(out) != 2 || len(net.Layers()) < 2 {
		return nil, fmt.Errorf("generative: a classifier of %d layers with an output of shape %v, want at least two layers and [batch classes]", len(net.Layers()), out)
	}
	opt, err := newOptimizer(ops, cfg.Optimizer, cfg.Rate)
	if err != nil {
		return nil, err
	}
	o := &Classifier{cfg: cfg, net: net, in: slices.Clone(in), ops: ops, labels: make([]int, cfg.Batch)}
	o.group = nn.NewGroup("classifier", net.Params(), opt)
	o.x, o.class = nn.NewMirror(ops, shape...), nn.NewMirror(ops, cfg.Batch)
	o.dy = nn.TensorIn(ops.Alloc(product(out)), 0, out...)
	o.reader = net.Share().(*nn.Sequential[float32])
	nn.SetTraining[float32](o.reader, false)
	for _, l := range net.Layers()[:len(net.Layers())-1] {
		if shape, err = l.OutputShape(shape); err != nil {
			return nil, err
		}
	}
	o.features = product(shape[1:])
	return o, nil
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Dim returns the numbers of a row.
func (o *Classifier) Dim() int { return product(o.in) }

// Classes returns the number of classes.
func (o *Classifier) Classes() int { return o.dy.Cols() }

// FeatureDim returns the number of features of a row; see [Classifier.Features].
func (o *Classifier) FeatureDim() int { return o.features }

// Network returns the network, such as for [nn.SaveModel].
func (o *Classifier) Network() nn.Layer[float32] { return o.net }

// Groups returns the classifier.
func (o *Classifier) Groups() []*nn.Group[float32] { return []*nn.Group[float32]{o.group} }

// Step takes one step of the optimiser on data that must be [LabelledBatches] of classes below [Classifier.Classes]. Where report is set,
// its metrics are the cross-entropy and the accuracy of the batch before the step, in training mode, and the norm of the gradient.
func (o *Classifier) Step(_ context.Context, data Batches, report bool) ([]Metric, error) {
	labelled, ok := data.(LabelledBatches)
	if !ok {
		return nil, errors.New("generative: a classifier needs rows with classes")
	}
	labelled.NextLabelled(o.x.Host, o.labels)
	for i, c := range o.labels {
		if c < 0 || c >= o.Classes() {
			return nil, fmt.Errorf("generative: a row of class %d, want 0 to %d", c, o.Classes()-1)
		}
		o.class.Host[i] = float32(c)
	}
	y := o.net.Forward(o.x.Push())
	loss := o.ops.CrossEntropy(o.dy, y, o.class.Push())
	o.group.ZeroGrad()
	o.net.Backward(o.dy, nn.WantParams)
	norm := nn.GradNorm(o.ops, o.group.Params)
	if err := checkFinite(o.ops, o.group, loss, norm); err != nil {
		return nil, err
	}
	o.group.Opt.SetRate(o.cfg.Rate * decay(o.done, o.cfg.HalfLife))
	o.group.Step()
	o.done++
	if !report {
		return nil, nil
	}
	right, logits := 0, y.Values()
	for i, c := range o.labels {
		if argmax(logits[i*o.Classes():][:o.Classes()]) == c {
			right++
		}
	}
	return []Metric{{"cross_entropy", loss}, {"accuracy", float64(right) / float64(o.cfg.Batch)}, {"grad_norm", norm}}, nil
}

// argmax returns the index of the largest element, the first of equal ones.
func argmax(y []float32) int {
	best := 0
	for j, v := range y {
		if v > y[best] {
			best = j
		}
	}
	return best
}

// Logits fills dst, rows x Classes, with the logits of rows of x out of training.
func (o *Classifier) Logits(dst, x []float32, rows int) { o.read(dst, x, rows, len(o.reader.Layers())) }

// Features fills dst, rows x FeatureDim, with what enters the last layer, out of training.
func (o *Classifier) Features(dst, x []float32, rows int) {
	o.read(dst, x, rows, len(o.reader.Layers())-1)
}

// read fills dst with the output of the first layers, a batch at a time.
func (o *Classifier) read(dst, x []float32, rows, layers int) {
	dim := o.Dim()
	for lo := 0; lo < rows; lo += decodeRows {
		hi := min(lo+decodeRows, rows)
		y := placed(o.ops, x[lo*dim:hi*dim], append([]int{hi - lo}, o.in...)...)
		for _, l := range o.reader.Layers()[:layers] {
			y = l.Forward(y)
		}
		dst = dst[copy(dst, y.Values()):]
	}
}

// Evaluate returns the accuracy, which is the share of the rows whose largest logit is that of their class, and the cross-entropy.
func (o *Classifier) Evaluate(ctx context.Context, n int, row func(dst []float32, i int) (class int)) ([]Metric, error) {
	dim, classes := o.Dim(), o.Classes()
	x, y := make([]float32, decodeRows*dim), make([]float32, decodeRows*classes)
	class := make([]int, decodeRows)
	right, loss := 0, 0.
	for lo := 0; lo < n; lo += decodeRows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows := min(decodeRows, n-lo)
		for i := range rows {
			class[i] = row(x[i*dim:(i+1)*dim], lo+i)
			if class[i] < 0 || class[i] >= classes {
				return nil, fmt.Errorf("generative: row %d is of class %d, want 0 to %d", lo+i, class[i], classes-1)
			}
		}
		o.Logits(y, x, rows)
		for i := range rows {
			logits := y[i*classes:][:classes]
			if argmax(logits) == class[i] {
				right++
			}
			loss += crossEntropy(logits, class[i])
		}
	}
	if n == 0 || loss-loss != 0 {
		return nil, fmt.Errorf("%w: cross-entropy %g over %d rows", ErrNotFinite, loss, n)
	}
	return []Metric{{"accuracy", float64(right) / float64(n)}, {"cross_entropy", loss / float64(n)}}, nil
}

// crossEntropy returns log(sum_j e^y[j]) - y[c].
func crossEntropy(y []float32, c int) float64 {
	top, sum := float64(y[argmax(y)]), 0.
	for _, v := range y {
		sum += math.Exp(float64(v) - top)
	}
	return math.Log(sum) + top - float64(y[c])
}

// State returns the number of steps and the buffers of the network, such as the stream of its dropout.
func (o *Classifier) State() (map[string][]byte, error) {
	state := map[string][]byte{"steps": binary.AppendUvarint(nil, o.done)}
	return state, saveBuffers(state, "classifier.", o.net)
}

// Restore sets what State returned.
func (o *Classifier) Restore(state map[string][]byte) error {
	done, n := binary.Uvarint(state["steps"])
	if n <= 0 || n != len(state["steps"]) {
		return errors.New("generative: the state has no number of steps")
	}
	if err := restoreBuffers(state, "classifier.", o.net); err != nil {
		return err
	}
	o.done = done
	return nil
}

package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/safetensors"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// Prepare opens the data of a config and makes its objective at step 0. The options lack the folder, the distance, the reporter and the
// version, and of the config's objective [Custom] the Objective. A setting that cannot be is a [*ConfigError]. A nil pool is that of the process, of GOMAXPROCS workers, as everywhere in this package.
func Prepare(c Config, pool kernels.Runner) (Options, error) {
	pool = orDefault(pool)
	return PrepareOn(nn.NewCPU[float32](pool), c, pool)
}

// orDefault returns the pool of the process where none is given.
func orDefault(pool kernels.Runner) kernels.Runner {
	if pool == nil {
		return parallel.Default()
	}
	return pool
}

// PrepareOn is [Prepare] with the networks and their optimiser on a table of operations, such as a device's; see [generative.NewFit],
// [generative.NewAdversarial] and [generative.NewClassifier]. Objectives that compute on the host alone are refused with [errors.ErrUnsupported] on any other table. The
// options lack the name of its device too; a device that fails is an error with a [*nn.Fault].
func PrepareOn(ops nn.Ops[float32], c Config, pool kernels.Runner) (o Options, err error) {
	defer nn.CatchFault(&err)
	pool = orDefault(pool)
	if err := c.Validate(); err != nil {
		return Options{}, err
	}
	src, err := openSource(c)
	if err != nil {
		return Options{}, err
	}
	if err := c.fits(src.Train); err != nil {
		return Options{}, err
	}
	if c.Objective == classifier {
		if err := c.fitsClassifier(src); err != nil {
			return Options{}, err
		}
	}
	eps, err := c.resolveEps(src.Train)
	if err != nil {
		return Options{}, err
	}
	if c.isROT() {
		if err := c.fitsFloat(eps, src.Train); err != nil {
			return Options{}, err
		}
	}
	if c.Objective == Custom {
		return Options{Config: c, Source: src, Eps: eps, Runner: pool}, nil
	}
	obj, err := newObjective(ops, c, eps, shapeOf(src.Train).withMean(c, src.Train), pool)
	if err != nil {
		return Options{}, err
	}
	if c.CriticFile != "" {
		if err := loadFeatures(obj, c.CriticFile, c.readsClassifier()); err != nil {
			return Options{}, err
		}
	}
	if m, ok := obj.(interface{ SpreadOver([]float32, int) }); ok {
		n := min(src.Train.N, spreadRows)
		rows := make([]float32, n*src.Train.Dim)
		data.NewBatcher(src.Train, c.Seed, "spread").Next(rows, n)
		m.SpreadOver(rows, n)
	}
	return Options{Config: c, Source: src, Eps: eps, Objective: obj, Runner: pool}, nil
}

// fitsClassifier returns a [*ConfigError] where rows have no classes, or are not what the network reads.
func (c Config) fitsClassifier(src *data.Source) error {
	m := nn.Models()[slices.IndexFunc(nn.Models(), func(m nn.Model) bool { return m.Name == c.Model })]
	for _, ds := range []*data.Dataset{src.Train, src.Test} {
		switch {
		case ds == nil:
		case ds.Labels == nil || ds.H == 0:
			return &ConfigError{Flag: "--objective classifier", Problem: "the rows of " + c.Data + " are no images with classes; use mnist:DIR or glyphs"}
		case ds.C != m.Input[0] || ds.H != m.Input[1] || ds.W != m.Input[2]:
			return &ConfigError{Flag: "--model " + c.Model, Problem: fmt.Sprintf("images of %d channels, %d x %d pixels, where the network reads %d, %d x %d; use mnist:DIR or glyphs",
				ds.C, ds.H, ds.W, m.Input[0], m.Input[1], m.Input[2])}
		case slices.Max(ds.Labels) >= m.Output[0] || slices.Min(ds.Labels) < 0:
			return &ConfigError{Flag: "--model " + c.Model, Problem: fmt.Sprintf("classes from %d to %d, where the network knows 0 to %d", slices.Min(ds.Labels), slices.Max(ds.Labels), m.Output[0]-1)}
		}
	}
	return nil
}

// fits returns a [*ConfigError] where convolutions are asked for and the rows are no images of a size that they can halve.
func (c Config) fits(ds *data.Dataset) error {
	if in := []int{ds.C, ds.H, ds.W}; c.readsClassifier() && !slices.Equal(in, []int{1, 28, 28}) {
		return &ConfigError{Flag: "--critic " + c.Critic, Problem: "reads images of one channel, 28 x 28 pixels; use mnist:DIR or glyphs"}
	}
	for _, net := range []struct {
		flag, name string
		halvings   int
	}{{"model", c.Model, len(c.Hidden)}, {"critic", c.Critic, c.criticHalvings()}} {
		if net.name != "dcgan" || net.halvings < 0 {
			continue
		}
		flag := "--" + net.flag + " dcgan"
		if ds.H == 0 {
			return &ConfigError{Flag: flag, Problem: "the rows of " + c.Data + " are no images; use network or mlp"}
		}
		if n := net.halvings; n > 16 || ds.H%(1<<n) != 0 || ds.W%(1<<n) != 0 {
			return &ConfigError{Flag: flag, Problem: fmt.Sprintf("images of %d x %d pixels cannot be halved %d times, once for each number of channels", ds.H, ds.W, n)}
		}
	}
	return nil
}

// loadFeatures sets the weights of a frozen critic from a file of the network alone, or from a checkpoint that holds it as its critic; those
// ofClassifier from the checkpoint of a classifier.
func loadFeatures(obj generative.Objective, path string, ofClassifier bool) error {
	file, err := safetensors.Read(path)
	if err != nil {
		return err
	}
	tensors := map[string]safetensors.Tensor{}
	for _, t := range file.Tensors {
		name, ofRun := strings.CutPrefix(t.Name, "critic.")
		if classes, ok := strings.CutPrefix(t.Name, "classifier."); ok { // its first layers, behind a change of shape
			name, ofRun = "1."+classes, true
		}
		if _, isRun := file.Metadata[metadataKey]; isRun == ofRun {
			tensors[name] = t
		}
	}
	l := &loaded{path: path}
	groups := obj.Groups()
	at := slices.IndexFunc(groups, func(g *nn.Group[float32]) bool { return g.Name == "critic" })
	if at < 0 {
		return nil // an objective without features
	}
	params := groups[at].Params
	values := make([][]float32, len(params))
	for i, p := range params {
		if values[i], err = l.take(tensors, p.Name, p.Value.Shape()); err != nil {
			return err
		}
	}
	for name := range tensors {
		if ofClassifier {
			break // its last layer
		}
		return fmt.Errorf("%s holds the tensor %q, which the critic of --features does not have", path, name)
	}
	for i, p := range params {
		p.Value.SetValues(values[i])
	}
	return nil
}

// spreadRows is the number of rows over which a model without a network is spread before it learns.
const spreadRows = 1000

func openSource(c Config) (*data.Source, error) {
	known := func(b data.Builtin) bool { return b.Name == c.Data }
	if !strings.Contains(c.Data, ":") && !slices.ContainsFunc(data.Names(), known) {
		var names []string
		for _, b := range data.Names() {
			names = append(names, b.Name)
		}
		return nil, &ConfigError{Flag: "--data " + c.Data, Problem: "unknown; known are " + strings.Join(names, ", ") + ", mnist:DIR, cifar10:DIR, images:DIR, points:FILE, iris:FILE"}
	}
	return data.Open(c.Data, c.Seed)
}

// LoadModel returns the model of the run in a folder as its checkpoint has it. It writes nothing and does not need the run's data. A run
// whose model makes no points is an error; see [LoadClassifier].
func LoadModel(dir string, pool kernels.Runner) (generative.Generator, *Checkpoint, error) {
	obj, c, err := loadObjective(dir, pool)
	if err != nil {
		return nil, nil, err
	}
	g, ok := obj.(generative.Generator)
	if !ok {
		return nil, nil, fmt.Errorf("%s: the model of the objective %s makes no samples; name the folder of a generator's run", dir, c.Config.Objective)
	}
	return g, c, nil
}

// LoadClassifier returns the classifier of the run in a folder as its checkpoint has it. It writes nothing and does not need the run's
// data.
func LoadClassifier(dir string, pool kernels.Runner) (*generative.Classifier, *Checkpoint, error) {
	obj, c, err := loadObjective(dir, pool)
	if err != nil {
		return nil, nil, err
	}
	k, ok := obj.(*generative.Classifier)
	if !ok {
		return nil, nil, fmt.Errorf("%s: the model of the objective %s is no classifier; name the folder of a run of --objective classifier", dir, c.Config.Objective)
	}
	return k, c, nil
}

// mustLoad reads the checkpoint of the run in a folder.
func mustLoad(dir string) (*loaded, error) {
	l, err := load(folder(dir))
	if err != nil || l != nil {
		return l, err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such folder: name that of a run", dir)
	}
	return nil, fmt.Errorf("%s: no checkpoint.safetensors: name the folder of a run", dir)
}

// Restore sets an objective at step 0 to the checkpoint of the run in a folder, of an objective that was made in the same way: it is for the
// objective [Custom], the others are made and restored by [LoadModel]. Names and sizes that differ are an error, and change nothing.
func Restore(dir string, obj generative.Objective) (*Checkpoint, error) {
	l, err := mustLoad(dir)
	if err != nil {
		return nil, err
	}
	if err := l.restore(obj); err != nil {
		return nil, err
	}
	return &l.Checkpoint, nil
}

// loadObjective returns the objective of a run at its checkpoint.
func loadObjective(dir string, pool kernels.Runner) (generative.Objective, *Checkpoint, error) {
	l, err := mustLoad(dir)
	if err != nil {
		return nil, nil, err
	}
	c := l.Config
	c.Steps = max(1, l.Step) // may change and so is not in the checkpoint
	if err := c.Validate(); err != nil {
		return nil, nil, fmt.Errorf("%s: %v", l.path, err)
	}
	d := l.Data
	if d.Dim < 1 || d.Dim > maxWidth*16 || d.Height != 0 && d.Height*d.Width*d.Channels != d.Dim {
		return nil, nil, fmt.Errorf("%s: rows of %d numbers as images of %d x %d in %d channels", l.path, d.Dim, d.Height, d.Width, d.Channels)
	}
	obj, err := NewObjective(c, l.EpsValue, d, pool)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", l.path, err)
	}
	if err := l.restore(obj); err != nil {
		return nil, nil, err
	}
	return obj, &l.Checkpoint, nil
}
